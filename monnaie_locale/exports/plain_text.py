"""Text for a file of one record per line: nothing in it may end a line, a field, or hide from the reader."""

import unicodedata

BREAKS = frozenset({"Cc", "Zl", "Zp"})
INVISIBLE = frozenset({"Cf", "Cs", "Cn"})


def one_line(text: str) -> str:
    """Return the text on one line: breaks and control characters become a space, invisible characters go."""
    # Printable text holds none of them (nor any space but the plain one): nearly all of a long file.
    if text.isprintable():
        return " ".join(text.split()) if " " in text else text
    kinds = ((each, unicodedata.category(each)) for each in text)
    return " ".join("".join(" " if kind in BREAKS else each for each, kind in kinds if kind not in INVISIBLE).split())
