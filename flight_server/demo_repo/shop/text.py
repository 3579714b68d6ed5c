"""What is printed: strings of all sorts, operators, layout that makes positions hard to find."""

import textwrap

WIDTH = 0x_10 + 0b11 - ~0o7 ** 2 // 3 % 4 << 1 >> 1 & 255 | 1 ^ 2

def  banner (title, *, fill = '-') :
	"""Tabs for indentation, and blanks in odd places."""
	line = fill * len (title) ; print(line)
	return title . upper ( ) , """two
lines""" . splitlines()


def label(item, width=8, *, show=print):
    price, é = item.price, "é"
    show(f"{item.name!r:>{width}} {price:.2f}" f"{'ü'} {{braces}} {é}")
    show(rf"\d{price}", F'''{
        item.name.title()
    }: {", ".join(sorted({tag for tag in item.tags}))}''', f"{price=} {(lambda: len(item.name))()}")
    return f"{f'{width}'}{item.tags[0]['x']:{'>'}{width + len(str(width))}}"

class Wrapped \
    (textwrap . TextWrapper,):

    async   def   wrap_all (
        self, texts, # a comment, with (brackets
    ):
        return [(await  text) . strip() . lower() for text in texts], \
            (self
             .wrap("".join(texts))[0]
             .encode)()


literals = [b"\x00" b"1", r"\n", 1_000, 2.5e-3, 3j, True, None, ..., (), {}, {1, 2}, {**{}, "a": 1}, [*range(3)]]
answer = "%s" % WIDTH if not literals or WIDTH is not 3 and WIDTH not in literals else +WIDTH
WIDTH += 1; WIDTH @= banner; literals[0:1, ...] = ()
a, (b, *c) = x.y, z = (lambda: (yield))(), [1 < WIDTH <= 3 != 4]
while 0: break
