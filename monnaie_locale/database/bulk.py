"""Insert many rows in one round trip, the fastest way each database has."""

import datetime
import json
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import cast

from sqlalchemy import Connection, Dialect, Table

from monnaie_locale.database.driver import execute

# Of one INSERT: below SQLite's limit of 32,766 values with any of our tables.
ROWS_MAX = 512
# Up to so many rows go in one statement of just that size; the driver keeps the texts of all these sizes prepared.
ROWS_EXACT_MAX = 64
# How the values of a column are given to SQLite's driver.
Write = Callable[[Sequence[object]], Sequence[object]]


def insert_rows(db: Connection, table: Table, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows whose values follow the order of the table's columns."""
    if rows:
        insert_columns(db, table, list(zip(*rows, strict=True)))


def insert_columns(db: Connection, table: Table, columns: Sequence[Sequence[object]]) -> None:
    """Insert rows given as the values of each of the table's columns, in their order; at least one row."""
    if db.dialect.name == "postgresql":
        execute(db, _unnest(table, db.dialect), list(map(array_of, columns)))
        return
    start, count = 0, len(columns[0])
    while start < count:
        size = _rows_at_once(count - start)
        part = columns if size == count else [values[start : start + size] for values in columns]
        execute(db, *_statement(table, part))
        start += size


def _rows_at_once(left: int) -> int:
    """Return how many of the rows that are left go in the next statement: few sizes, so few texts to prepare."""
    return left if left <= ROWS_EXACT_MAX else min(ROWS_MAX, 1 << left.bit_length() - 1)


def json_of(values: Sequence[int] | Sequence[bytes]) -> str:
    """Return integers, or bytes in hexadecimal (JSON knows none), as a JSON array."""
    if values and isinstance(values[0], bytes):
        # Digits need no care of JSON's: `json` takes three times as long. With integers it is as quick as we are.
        return '["' + '","'.join(map(bytes.hex, cast("Sequence[bytes]", values))) + '"]'
    return json.dumps(values)


def array_of(values: Sequence[object]) -> str:
    """Return integers, bytes, texts or dates as PostgreSQL writes an array; the driver is ten times slower at it."""
    if not values:
        return "{}"
    first, count = values[0], len(values)
    # Most columns of a big batch hold one value, most of the others integers or digests: written at once.
    if values.count(first) == count:
        return f"{{{','.join([_element(first)] * count)}}}"
    if type(first) is int and None not in values:
        return f"{{{','.join(map(str, values))}}}"
    if type(first) is bytes and None not in values:
        digests = '","\\\\x'.join(map(bytes.hex, cast("Sequence[bytes]", values)))
        return f'{{"\\\\x{digests}"}}'
    if type(first) is str and None not in values:
        texts = '","'.join(cast("Sequence[str]", values))
        if "\\" not in texts and texts.count('"') == 2 * (count - 1):
            return f'{{"{texts}"}}'
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _statement(table: Table, columns: Sequence[Sequence[object]]) -> tuple[str, tuple[object, ...]]:
    """Return the INSERT of these columns on SQLite, and its values in the types that its driver is quick at."""
    names, writers, optional = _columns(table)
    count = len(columns[0])
    written = list(columns)
    for place, write in writers:
        written[place] = write(columns[place])
    left_out = [place for place in optional if columns[place].count(None) == count]
    if left_out:
        names = tuple(name for place, name in enumerate(names) if place not in left_out)
        written = [values for place, values in enumerate(written) if place not in left_out]
    return _values(table.name, names, count), tuple(chain.from_iterable(zip(*written, strict=True)))


def _as_texts(values: Sequence[object]) -> Sequence[object]:
    """Return dates as SQLite keeps them; those of a batch are mostly one."""
    first = values[0]
    if isinstance(first, datetime.date) and values.count(first) == len(values):
        return [first.isoformat()] * len(values)
    return [value.isoformat() if isinstance(value, datetime.date) else value for value in values]


def _as_arrays(values: Sequence[object]) -> Sequence[object]:
    """Return bytes as arrays of bytes.

    Before it binds bytes, or NULL, the driver looks for who adapts them: that takes longer than to insert them.
    """
    return [bytearray(value) if isinstance(value, bytes) else value for value in values]


WRITERS: dict[type[object], Write] = {
    bytes: _as_arrays,
    datetime.date: _as_texts,
}


@lru_cache
def _columns(table: Table) -> tuple[tuple[str, ...], list[tuple[int, Write]], list[int]]:
    """Return the columns' names, who writes the values of which place, and which may stay out, being NULL."""
    placed = list(enumerate(table.columns))
    return (
        tuple(column.name for _, column in placed),
        [(place, WRITERS[column.type.python_type]) for place, column in placed if column.type.python_type in WRITERS],
        [place for place, column in placed if column.nullable and column.server_default is None],
    )


@cache
def _values(table: str, names: tuple[str, ...], rows: int) -> str:
    # Many rows in one statement. Row by row, the driver would let go of Python's lock for each, and the threads that
    # were just answered would take it every time.
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables


@lru_cache
def _unnest(table: Table, dialect: Dialect) -> str:
    # One array per column: the statement is prepared once, whatever the number of rows.
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own tables
