"""Write in each cell of a table's rows the name of its column, for the screens too narrow for columns. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import count

from markupsafe import Markup, escape

# What pages write: a row, and cells whose attributes are escaped, so that a ">" always ends the tag.
ROW = re.compile(r"<tr\b(?P<attributes>[^>]*)>(?P<cells>.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<(?P<tag>t[dh])\b(?P<attributes>[^>]*)>(?P<content>.*?)</(?P=tag)>", re.DOTALL)
SPAN = re.compile(r'\bcolspan="(\d+)"')
ROLES = {"th": "rowheader", "td": "cell"}

Header = str | tuple[str, str]


def in_columns(rows: Markup, headers: Sequence[Header]) -> Markup:
    """Return the rows with, in each cell, its role and the word at the head of its column.

    A style sheet that stacks the cells takes from a table the roles that make it one (WAI-ARIA 1.2, table), so that
    they are written; what a cell holds is in one box, beside the word.

    Args:
        rows: the HTML of whole rows, without a table inside.
        headers: French words, or (word, class), in the order of the columns; an empty word heads a column of actions.

    """
    words = [header if isinstance(header, str) else header[0] for header in headers]
    return Markup(ROW.sub(lambda row: _row(row, words), str(rows)))  # noqa: S704 - rows were escaped when rendered


def _row(row: re.Match[str], words: Sequence[str]) -> str:
    places = _places(row["cells"])
    cells = CELL.sub(lambda cell: _cell(cell, words[next(places)]), row["cells"])
    return f'<tr role="row"{row["attributes"]}>{cells}</tr>'


def _places(cells: str) -> Iterator[int]:
    """Yield the column in which each cell begins."""
    place = count()
    for cell in CELL.finditer(cells):
        yield next(place)
        span = SPAN.search(cell["attributes"])
        for _ in range(int(span[1]) - 1 if span else 0):
            next(place)


def _cell(cell: re.Match[str], word: str) -> str:
    tag, content = cell["tag"], cell["content"].strip()
    label = f' data-label="{escape(word)}"' if word and content else ""
    shown = f'<div class="in-cell">{content}</div>' if content else ""
    return f'<{tag} role="{ROLES[tag]}"{label}{cell["attributes"]}>{shown}</{tag}>'
