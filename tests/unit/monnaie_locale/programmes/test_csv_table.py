"""The CSV that town halls save: read exactly, or refused with its line and column."""

import io
import itertools
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import csv_table
from monnaie_locale.programmes.csv_table import BLOCK_BYTES, LINES_MAX, AmountLine


def read_amounts(content: bytes) -> list[AmountLine]:
    """Return the lines of a file held in memory."""
    return list(csv_table.read_amounts(io.BytesIO(content)))


@pytest.mark.parametrize(
    "content",
    [
        b"reference;montant\nA-1;12,50\nA-2;3\n",
        b"\xef\xbb\xbfreference;montant\r\nA-1;12,50\r\nA-2;3",
        b'reference,montant\nA-1,"12,50"\nA-2,3.00\n',
        b"montant;reference\n12.5;A-1\n3,00;A-2\n",
        "Référence ; Montant\nA-1; 12,50 €\n\n;\nA-2;3\n".encode(),
        "R\u00e9f\u00e9rence;montant\nA-1;12,50\nA-2;3\n".encode("cp1252"),
    ],
)  # fmt: skip
def test_the_ways_a_spreadsheet_saves_it_mean_the_same(content: bytes) -> None:
    assert [(line.reference, line.amount_cents) for line in read_amounts(content)] == [("A-1", 1250), ("A-2", 300)]


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"", 1, "reference"),
        (b"A-1;12,50\n", 1, "reference"),
        (b"reference\nA-1\n", 1, "montant"),
        (b"reference;montant;nom\nA-1;5;Martin\n", 1, "nom"),
        (b"reference;montant;montant\nA-1;5;6\n", 1, "montant"),
        (b"reference;montant\nA-1;5;6\n", 2, "montant"),
        (b"reference;montant\nA-1;\n", 2, "montant"),
        (b"reference;montant\n;5\n", 2, "reference"),
        (b"reference;montant\nA-1;5\n\nA-1;6\n", 4, "reference"),
        (b"reference;montant\nA-1;5\nA-2;0\n", 3, "montant"),
        (b"reference;montant\nA-1;1e3\n", 2, "montant"),
        (b"reference;montant\nA-1;12,505\n", 2, "montant"),
        (b"reference;montant\nA-1;99999999999999999\n", 2, "montant"),
        (b"reference;montant\n" + b"A" * 300 + b";5\n", 2, "reference"),
        (b'reference;montant\n"A-1\nA-2";5\n', 2, "reference"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_its_column(content: bytes, line: int, column: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_amounts(content)
    assert refused.value.code == "csv_line_invalid"
    assert (refused.value.details["line"], refused.value.details["column"]) == (line, column)
    assert f"Ligne {line}" in refused.value.sentence()


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"PK\x03\x04\x00", b'reference;montant\n"A-1;5\n'])
def test_what_is_not_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_amounts(content)
    assert refused.value.code == "csv_unreadable"


def test_too_many_lines_are_refused() -> None:
    content = b"reference;montant\n" + b"".join(b"%d;1\n" % number for number in range(LINES_MAX + 1))
    with pytest.raises(Refusal) as refused:
        read_amounts(content)
    assert refused.value.code == "csv_too_large"


def test_optional_columns_may_be_missing() -> None:
    (row,) = csv_table.read_table(io.BytesIO(b"reference\nA-1\n"), required=("reference",), optional=("alias",))
    assert dict(row.values) == {"reference": "A-1"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    code, lines = read_or_code(content)
    assert code.startswith("csv_") or all(line.amount_cents > 0 for line in lines)


def read_or_code(content: bytes) -> tuple[str, list[AmountLine]]:
    try:
        return "", read_amounts(content)
    except Refusal as refusal:
        return refusal.code, []


class WatchedFile(io.BytesIO):
    """A file that remembers how far it was read after its last return to the beginning, and the largest read."""

    furthest = 0
    largest = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self.furthest = 0
        return super().seek(offset, whence)

    def _seen(self, block: bytes) -> bytes:
        self.largest = max(self.largest, len(block))
        self.furthest = self.tell()
        return block

    def read(self, size: int | None = -1, /) -> bytes:
        return self._seen(super().read(size))

    def read1(self, size: int | None = -1, /) -> bytes:
        return self._seen(super().read1(size))


BIG = b"reference;montant\n" + b"".join(b"DOSSIER-%06d;12,50\n" % number for number in range(20_000))


def test_a_big_file_is_read_as_its_lines_are_asked_for() -> None:
    file = WatchedFile(BIG)
    first = list(itertools.islice(csv_table.read_amounts(file), 100))
    assert [line.line for line in first] == list(range(2, 102))
    assert file.furthest <= BLOCK_BYTES < len(BIG)
    assert file.largest <= BLOCK_BYTES


def peak_bytes(read: Any) -> int:
    """Return the most memory that reading a big file took, lines thrown away as they come."""
    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_reading_a_big_file_holds_none_of_it() -> None:
    """A table keeps nothing; the amounts keep which references were seen, for the line of a double."""
    columns = ("reference", "montant")
    table = peak_bytes(lambda: sum(1 for _ in csv_table.read_table(io.BytesIO(BIG), required=columns)))
    amounts = peak_bytes(lambda: sum(1 for _ in csv_table.read_amounts(io.BytesIO(BIG))))
    whole = peak_bytes(lambda: list(csv_table.read_table(io.BytesIO(BIG), required=columns)))
    assert table < len(BIG)
    assert amounts < 5_000_000
    # The check can see a reader that keeps the rows.
    assert whole > 10 * len(BIG)
