"""Insert many rows in one round trip, the fastest way each database has."""

import datetime
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import cast

from sqlalchemy import Connection, Date, Dialect, Table

from monnaie_locale.database.driver import execute

# Of one INSERT: below SQLite's limit of 32,766 values with any of our tables.
ROWS_MAX = 512
# Up to so many rows go in one statement of just that size; the driver keeps the texts of all these sizes prepared.
ROWS_EXACT_MAX = 64


def insert_rows(db: Connection, table: Table, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows whose values follow the order of the table's columns."""
    if not rows:
        return
    if db.dialect.name == "postgresql":
        columns = [array_of(column) for column in zip(*rows, strict=True)]
        execute(db, _unnest(table, db.dialect), columns)
        return
    start = 0
    while start < len(rows):
        size = _rows_at_once(len(rows) - start)
        execute(db, _values(table, size), _written(table, rows[start : start + size]))
        start += size


def _rows_at_once(left: int) -> int:
    """Return how many of the rows that are left go in the next statement: few sizes, so few texts to prepare."""
    return left if left <= ROWS_EXACT_MAX else min(ROWS_MAX, 1 << left.bit_length() - 1)


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


def _written(table: Table, rows: Sequence[Sequence[object]]) -> tuple[object, ...]:
    """Return the values of the rows, one after the other, as SQLite takes them: dates as text."""
    dates = _date_positions(table)
    if not dates:
        return tuple(chain.from_iterable(rows))
    written = list(map(list, rows))
    for row in written:
        for position in dates:
            day = row[position]
            row[position] = day.isoformat() if isinstance(day, datetime.date) else day
    return tuple(chain.from_iterable(written))


@lru_cache
def _date_positions(table: Table) -> tuple[int, ...]:
    return tuple(position for position, column in enumerate(table.columns) if isinstance(column.type, Date))


@lru_cache
def _values(table: Table, rows: int) -> str:
    # Many rows in one statement. Row by row, the driver would let go of Python's lock for each, and the threads that
    # were just answered would take it every time.
    names = ", ".join(column.name for column in table.columns)
    row = f"({', '.join('?' for _ in table.columns)})"
    return f"INSERT INTO {table.name} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables


@lru_cache
def _unnest(table: Table, dialect: Dialect) -> str:
    # One array per column: the statement is prepared once, whatever the number of rows.
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own tables
