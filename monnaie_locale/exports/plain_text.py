"""Text for a file of one record per line: nothing in it may end a line, a field, or hide from the reader."""

import unicodedata

BREAKS = frozenset({"Cc", "Zl", "Zp"})
INVISIBLE = frozenset({"Cf", "Cs", "Cn"})


def one_line(text: str) -> str:
    """Return the text on one line: breaks and control characters become a space, invisible characters go."""
    # Most of a large file is codes and amounts.
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kinds = ((each, unicodedata.category(each)) for each in text)
    return " ".join("".join(" " if kind in BREAKS else each for each, kind in kinds if kind not in INVISIBLE).split())
