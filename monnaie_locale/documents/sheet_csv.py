"""A sheet as CSV, row by row: what a spreadsheet in French opens with a double click, and a program reads.

Semicolons, comma decimals, ISO dates, a byte order mark without which Excel breaks every accent. The first line names
the columns; after the rows come the totals, an empty line, and what the document says of itself, one fact a line. The
first cell of a total or subtotal begins with "Total", of no other row.
"""

import csv
import functools
import io
import unicodedata
from collections.abc import Iterator

from monnaie_locale.documents.sheet import Kind, Row, Sheet
from monnaie_locale.ledger.money import format_decimal

MEDIA_TYPE = "text/csv; charset=utf-8"
BYTE_ORDER_MARK = "\ufeff"
# A cell that starts so may be run as a formula when a spreadsheet opens the file (OWASP, CSV injection).
# The wide forms of East Asian keyboards count too.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
AMOUNTS = frozenset({Kind.CENTS, Kind.AMOUNT})
BREAKS = frozenset({"Cc", "Zl", "Zp"})
ROWS_PER_PART = 500
CONTROL = "Contrôle"


def csv_parts(sheet: Sheet) -> Iterator[bytes]:
    """Yield the CSV of a sheet in parts of some hundred rows; refuses control_totals_differ before the totals."""
    are_amounts = [column.kind in AMOUNTS for column in sheet.columns]
    yield BYTE_ORDER_MARK.encode() + _written([[safe_cell(column.title) for column in sheet.columns]])
    part: list[list[str]] = []
    for row in sheet.counted_rows():
        part.append(_cells(row, are_amounts))
        if len(part) == ROWS_PER_PART:
            yield _written(part)
            part = []
    facts = [
        [CONTROL, safe_cell(label), *_cells((value,), [kind in AMOUNTS])]
        for label, value, kind in sheet.control_facts()
    ]
    yield _written([*part, _cells(sheet.totals(), are_amounts), [], *facts])


# Codes and labels come again and again.
@functools.lru_cache(maxsize=50_000)
def safe_cell(text: str) -> str:
    """Return the text on one line, so written that no spreadsheet runs it as a formula."""
    # Printable text holds no break: nearly all of a long file.
    kept = (
        text if text.isprintable() else "".join(" " if unicodedata.category(each) in BREAKS else each for each in text)
    )
    plain = " ".join(kept.split())
    return f"'{plain}" if plain.startswith(FORMULA_STARTS) else plain


def _cells(row: Row, are_amounts: list[bool]) -> list[str]:
    """Return the cells of a row; written out here, for a call a cell costs as much as the rest of a long file."""
    return [
        ""
        if value is None
        else safe_cell(value)
        if isinstance(value, str)
        else (format_decimal(value, point=",") if is_amount else str(value))
        if isinstance(value, int)
        else value.isoformat()
        for value, is_amount in zip(row, are_amounts, strict=True)
    ]


def _written(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
