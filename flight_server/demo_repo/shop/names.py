"""Names beyond ASCII: letters of all alphabets, and compatibility characters, which mean their plain letters."""

from .text import banner as überschrift

größe, 名前, Ω = 3, "käse", {}


class Straße:
    ﬁnder = "written with a ligature"

    def öffne(self, ключ="é", *, ｗｉｄｅ=1) -> "Straße":
        self.größe = Ω[ключ] = größe + ｗｉｄｅ
        return überschrift("→ " + 名前).ﬁx(ﬁll=self.finder) or self


def 𝔣unc(): return Straße().öffne("ü", wide=2)


match 名前:
    case Straße(größe=g, ﬁnder=ｆ): print("ä", g, f)
