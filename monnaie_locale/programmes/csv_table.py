"""Read a small CSV file exactly as a town hall saves it, and name the line and column of whatever is wrong. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monnaie_locale.ledger.amounts import read_amount
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes.errors import CsvLineInvalid, CsvTooLarge, CsvUnreadable

LINES_MAX = 50_000
BYTES_MAX = 8_000_000
VALUE_LENGTH_MAX = 200
SEPARATORS = (";", ",", "\t")
HEADER_LINE = 1


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One line of the file, its number as an editor shows it, and its values by column."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AmountLine:
    """One line of a distribution's file: which household, how many cents."""

    line: int
    reference: str
    amount_cents: int


def read_amounts(content: bytes) -> list[AmountLine]:
    """Return the lines of a `reference;montant` file, euros written with a comma or a point.

    Refuses csv_unreadable, csv_too_large, csv_line_invalid (which names the line, the column and the reason).
    """
    lines: list[AmountLine] = []
    seen: dict[str, int] = {}
    for row in read_table(content, required=("reference", "montant")):
        reference = row.values["reference"]
        if reference in seen:
            raise CsvLineInvalid(
                line=row.line, column="reference", reason=f"« {reference} » figure déjà à la ligne {seen[reference]}."
            )
        seen[reference] = row.line
        try:
            amount_cents = read_amount(row.values["montant"])
        except Refusal as refusal:
            raise CsvLineInvalid(line=row.line, column="montant", reason=refusal.sentence()) from refusal
        lines.append(AmountLine(row.line, reference, amount_cents))
    return lines


def read_table(content: bytes, *, required: Sequence[str], optional: Sequence[str] = ()) -> list[CsvRow]:
    """Return the rows of a CSV file that starts with a header line; blank lines are skipped.

    Args:
        content: the file, UTF-8 with or without a byte order mark, or Windows-1252.
        required: the columns that must be there and filled on every line.
        optional: the columns that may be there; an unknown column is refused, it would be lost in silence.

    Refuses csv_unreadable, csv_too_large, csv_line_invalid.

    """
    text = _decoded(content)
    rows = _parsed(text)
    if not rows:
        raise CsvLineInvalid(line=HEADER_LINE, column=required[0], reason="le fichier est vide.")
    header_line, header = rows[0]
    columns = _columns(header_line, header, required=required, optional=optional)
    return [_row(line, values, columns=columns, required=required) for line, values in rows[1:]]


def _decoded(content: bytes) -> str:
    if len(content) > BYTES_MAX:
        raise CsvTooLarge(lines_max=LINES_MAX)
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise CsvUnreadable


def _parsed(text: str) -> list[tuple[int, list[str]]]:
    """Return the lines that hold something, with their numbers in the file."""
    first_line = text.lstrip("\r\n").partition("\n")[0]
    separator = next((mark for mark in SEPARATORS if mark in first_line), SEPARATORS[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, list[str]]] = []
    started = 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                rows.append((started, [value.strip() for value in values]))
            if len(rows) > LINES_MAX + 1:
                raise CsvTooLarge(lines_max=LINES_MAX)
            started = reader.line_num + 1
    except csv.Error as error:
        raise CsvUnreadable from error
    return rows


def _columns(line: int, header: list[str], *, required: Sequence[str], optional: Sequence[str]) -> list[str]:
    names = [_plain(name) for name in header]
    for wanted in required:
        if wanted not in names:
            raise CsvLineInvalid(line=line, column=wanted, reason="cette colonne manque dans la ligne de titres.")
    for name, written in zip(names, header, strict=True):
        if name not in {*required, *optional}:
            raise CsvLineInvalid(line=line, column=written[:40], reason="cette colonne n’est pas attendue.")
        if names.count(name) > 1:
            raise CsvLineInvalid(line=line, column=name, reason="cette colonne figure deux fois.")
    return names


def _plain(name: str) -> str:
    return name.lower().replace("é", "e").strip()


def _row(line: int, values: list[str], *, columns: list[str], required: Sequence[str]) -> CsvRow:
    if len(values) > len(columns):
        reason = f"{len(values)} valeurs pour {len(columns)} colonnes (le séparateur est-il aussi dans une valeur ?)."
        raise CsvLineInvalid(line=line, column=columns[-1], reason=reason)
    filled = dict(zip(columns, [*values, *[""] * (len(columns) - len(values))], strict=True))
    for name in columns:
        if name in required and not filled[name]:
            raise CsvLineInvalid(line=line, column=name, reason="cette valeur manque.")
        if len(filled[name]) > VALUE_LENGTH_MAX:
            raise CsvLineInvalid(line=line, column=name, reason=f"{VALUE_LENGTH_MAX} caractères au plus.")
        if any(ord(character) < ord(" ") for character in filled[name]):
            raise CsvLineInvalid(line=line, column=name, reason="cette valeur contient un caractère interdit.")
    return CsvRow(line, filled)
