"""Read a CSV file exactly as a town hall saves it, line by line, and name the line and column of whatever is wrong.

Nothing here holds the file: it is read twice, once for its encoding and once for its lines.
"""

import codecs
import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO

from monnaie_locale.ledger.amounts import read_amount
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes.errors import CsvLineInvalid, CsvTooLarge, CsvUnreadable

LINES_MAX = 200_000
BYTES_MAX = 16_000_000
BLOCK_BYTES = 65_536
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


def read_amounts(file: IO[bytes], *, lines_max: int = LINES_MAX) -> Generator[AmountLine]:
    """Yield the lines of a `reference;montant` file, euros written with a comma or a point.

    Refuses csv_unreadable, csv_too_large, csv_line_invalid (which names the line, the column and the reason).
    """
    # All that is kept of the lines before: a reference and a number each.
    seen: dict[str, int] = {}
    for row in read_table(file, required=("reference", "montant"), lines_max=lines_max):
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
        yield AmountLine(row.line, reference, amount_cents)


def read_table(
    file: IO[bytes], *, required: Sequence[str], optional: Sequence[str] = (), lines_max: int = LINES_MAX
) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file that starts with a header line; blank lines are skipped.

    Args:
        file: UTF-8 with or without a byte order mark, or Windows-1252; read from its beginning, it must be seekable.
        required: the columns that must be there and filled on every line.
        optional: the columns that may be there; an unknown column is refused, it would be lost in silence.
        lines_max: how many lines it may have below its titles.

    Refuses csv_unreadable, csv_too_large, csv_line_invalid.

    """
    encoding = _encoding_of(file, lines_max=lines_max)
    columns: list[str] | None = None
    for count, (line, values) in enumerate(_parsed(file, encoding)):
        if count > lines_max:
            raise CsvTooLarge(lines_max=lines_max)
        if columns is None:
            columns = _columns(line, values, required=required, optional=optional)
        else:
            yield _row(line, values, columns=columns, required=required)
    if columns is None:
        raise CsvLineInvalid(line=HEADER_LINE, column=required[0], reason="le fichier est vide.")


def _encoding_of(file: IO[bytes], *, lines_max: int) -> str:
    """Return the first encoding in which the whole file has a meaning."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, size = True, 0
    for block in iter(partial(file.read, BLOCK_BYTES), b""):
        size += len(block)
        if size > BYTES_MAX:
            raise CsvTooLarge(lines_max=lines_max)
        if b"\x00" in block:
            raise CsvUnreadable
        is_utf8 = is_utf8 and _is_decodable(decoder, block)
    return "utf-8-sig" if is_utf8 and _is_decodable(decoder, b"", final=True) else "cp1252"


def _is_decodable(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _parsed(file: IO[bytes], encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that hold something, with their numbers in the file."""
    try:
        with _text_of(file, encoding) as lines:
            first_line = next((line for line in lines if line.strip("\r\n")), "")
        separator = next((mark for mark in SEPARATORS if mark in first_line), SEPARATORS[0])
        with _text_of(file, encoding) as lines:
            reader = csv.reader(lines, delimiter=separator, strict=True)
            started = 1
            for values in reader:
                if any(value.strip() for value in values):
                    yield started, [value.strip() for value in values]
                started = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise CsvUnreadable from error


@contextmanager
def _text_of(file: IO[bytes], encoding: str) -> Iterator[io.TextIOWrapper]:
    """Give the file's text from its beginning; the file itself stays open."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield text
    finally:
        # A reader that is given up midway ends when it is collected, maybe after its file was closed.
        if not file.closed:
            text.detach()


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
