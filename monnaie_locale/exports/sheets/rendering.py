"""Give a sheet to its reader: one writer a format, and how many lines each format takes before centralising by day."""

from collections.abc import Callable, Iterator
from enum import StrEnum

from monnaie_locale.documents import sheet_csv, sheet_pdf, sheet_xlsx
from monnaie_locale.documents.sheet import Sheet
from monnaie_locale.exports.one_pass import Feed
from monnaie_locale.exports.operations import StreamedFile


class Format(StrEnum):
    """In what a document is given."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES = {
    Format.PDF: sheet_pdf.MEDIA_TYPE,
    Format.CSV: sheet_csv.MEDIA_TYPE,
    Format.XLSX: sheet_xlsx.MEDIA_TYPE,
}
# Paper is set in memory, at about a thousand lines a second; a workbook is written to disk but sent whole; a CSV
# streams, and always has every line.
LINES_MAX: dict[Format, int | None] = {Format.PDF: 3_000, Format.XLSX: 100_000, Format.CSV: None}
# Makes the sheet, once told how many lines its writer takes.
Build = Callable[[int | None], Sheet]


def file_name(sheet: Sheet, wanted: Format) -> str:
    """Return the name of a document's file: "journal-2026-10.csv"."""
    return f"{sheet.name}-{sheet.standing.period}.{wanted}"


def streaming(build: Build, wanted: Format, *, feed: Feed | None = None) -> StreamedFile:
    """Return a document part by part; refuses control_totals_differ, a CSV before its totals.

    `feed` is what the sheet takes its entries from, when it shares them with other files.
    """
    sheet = build(LINES_MAX[wanted])
    return StreamedFile(file_name(sheet, wanted), MEDIA_TYPES[wanted], _parts(sheet, wanted), feed=feed)


def _parts(sheet: Sheet, wanted: Format) -> Iterator[bytes]:
    if wanted is Format.CSV:
        return sheet_csv.csv_parts(sheet)
    return _in_one_part(sheet, wanted)


def _in_one_part(sheet: Sheet, wanted: Format) -> Iterator[bytes]:
    yield sheet_xlsx.xlsx_bytes(sheet) if wanted is Format.XLSX else sheet_pdf.pdf_bytes(sheet)
