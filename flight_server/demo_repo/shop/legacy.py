# -*- coding: latin-1 -*-
"""An older file: Latin-1, lines that end in CR LF."""

def grüße(wem = "Jürgen"):
    """Prüft \
    nichts."""
    return ("Grüß Gott, %s" % wem) . strip ( )

print(grüße(), grüße(wem="Ä"))
