"""A sheet as an Office Open XML workbook (ECMA-376): the rows, then a page of what the document says of itself.

Rows go to temporary files one by one, so that a long journal takes little memory; the same sheet gives the same bytes.
"""

import datetime
import io

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from monnaie_locale.documents.sheet import Cell, Kind, PartSubtotal, Row, Sheet, Subtotal

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A page of a workbook holds 1 048 576 rows (ECMA-376): what is left of the last one is for heading and totals.
ROWS_PER_PAGE = 1_000_000
CENTS_PER_EURO = 100
WIDTHS = {Kind.TEXT: 26, Kind.DAY: 12, Kind.COUNT: 10, Kind.NUMBER: 10, Kind.CENTS: 15, Kind.AMOUNT: 15}
FACT_WIDTHS = (30, 90)
MONEY = "#,##0.00"
# What is typed is kept as it is: never a formula, a link or a number guessed from text.
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "dd/mm/yyyy",
}


def xlsx_bytes(sheet: Sheet) -> bytes:
    """Return the workbook of a sheet; refuses control_totals_differ."""
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, OPTIONS)
    created = sheet.standing.created_at.astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
    workbook.set_properties({"title": sheet.title, "author": sheet.standing.issuer.name, "created": created})
    bold = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    formats = {kind: workbook.add_format(_look(kind)) for kind in Kind}
    totals = {kind: workbook.add_format({**_look(kind), "bold": True, "top": 1}) for kind in Kind}
    part_totals = {kind: workbook.add_format({**_look(kind), "bold": True}) for kind in Kind}
    kinds = [column.kind for column in sheet.columns]
    page, at = _page(workbook, sheet, bold, 1), 1
    pages = 1
    for row in sheet.counted_rows():
        if at > ROWS_PER_PAGE:
            pages += 1
            page, at = _page(workbook, sheet, bold, pages), 1
        plain = part_totals if isinstance(row, PartSubtotal) else totals if isinstance(row, Subtotal) else formats
        _write(page, at, row, kinds, plain)
        at += 1
    _write(page, at, sheet.totals(), kinds, totals)
    about = workbook.add_worksheet("Contrôle")
    for place, width in enumerate(FACT_WIDTHS):
        about.set_column(place, place, width)
    for line, (label, value, kind) in enumerate(sheet.control_facts()):
        _write(about, line, (label, value), [Kind.TEXT, kind], formats)
    workbook.close()
    return buffer.getvalue()


def _look(kind: Kind) -> dict[str, object]:
    """Return how a cell of a kind looks."""
    if kind in {Kind.CENTS, Kind.AMOUNT}:
        return {"num_format": MONEY}
    return {"num_format": "dd/mm/yyyy"} if kind is Kind.DAY else {}


def _page(workbook: xlsxwriter.Workbook, sheet: Sheet, bold: Format, number: int) -> Worksheet:
    """Return a new page with its headings, which stay in sight."""
    page = workbook.add_worksheet("Lignes" if number == 1 else f"Lignes {number}")
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, WIDTHS[column.kind])
    page.freeze_panes(1, 0)
    page.repeat_rows(0)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    for place, column in enumerate(sheet.columns):
        page.write_string(0, place, column.title, bold)
    return page


def _write(page: Worksheet, at: int, row: Row, kinds: list[Kind], formats: dict[Kind, Format]) -> None:
    for place, (value, kind) in enumerate(zip(row, kinds, strict=True)):
        _write_cell(page, (at, place), value, kind, formats[kind])


def _write_cell(page: Worksheet, at: tuple[int, int], value: Cell, kind: Kind, look: Format) -> None:
    if value is None:
        page.write_blank(*at, None, look)
    elif isinstance(value, int):
        # A spreadsheet keeps every number as a float: exact to the cent below 2**53 hundredths, which CENTS_MAX is.
        page.write_number(*at, value / CENTS_PER_EURO if kind in {Kind.CENTS, Kind.AMOUNT} else value, look)
    elif isinstance(value, str):
        page.write_string(*at, value, look)
    else:
        page.write_datetime(*at, value, look)
