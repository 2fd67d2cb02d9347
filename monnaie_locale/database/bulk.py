"""Insert or find many rows in one round trip, the fastest way each database has."""

import datetime
import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Column, Connection, Date, Dialect, LargeBinary, Table

from monnaie_locale.database.driver import execute

# Of one INSERT: below SQLite's limit of 32,766 values with any of our tables.
ROWS_MAX = 512


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
        size = min(ROWS_MAX, 1 << (len(rows) - start).bit_length() - 1)
        execute(db, _values(table, size), _written(table, rows[start : start + size]))
        start += size


def rows_among(
    db: Connection, *columns: Column[Any], key: Column[Any], territory_id: int, values: Sequence[object]
) -> list[tuple[Any, ...]]:
    """Return these columns of the territory's rows whose `key` is among the values (integers, or bytes).

    One text whatever the number of values: the database prepares it once, and SQLAlchemy builds nothing.
    """
    if not values:
        return []
    if db.dialect.name == "postgresql":
        return execute(db, _amongarray_of(columns, key, db.dialect), (territory_id, array_of(values))).fetchall()
    written = json.dumps([value.hex() if isinstance(value, bytes) else value for value in values])
    return execute(db, _among_json(columns, key), (written, territory_id)).fetchall()


def array_of(values: Sequence[object]) -> str:
    """Return integers, bytes, texts or dates as PostgreSQL writes an array; the driver is ten times slower at it."""
    if values and type(values[0]) is int and None not in values:
        return f"{{{','.join(map(str, values))}}}"
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
def _amongarray_of(columns: tuple[Column[Any], ...], key: Column[Any], dialect: Dialect) -> str:
    names = ", ".join(column.name for column in columns)
    wanted = f"%s::{key.type.compile(dialect)}[]"
    return f"SELECT {names} FROM {key.table} WHERE territory_id = %s AND {key.name} = ANY({wanted})"  # noqa: S608 - names of our own tables


@lru_cache
def _among_json(columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    # JSON knows no bytes: they travel in hexadecimal. CROSS JOIN reads the wanted values first and finds each by its
    # index; with IN, SQLite would read the whole table for bytes.
    value = "unhex(wanted.value)" if isinstance(key.type, LargeBinary) else "wanted.value"
    names = ", ".join(f"{key.table}.{column.name}" for column in columns)
    found = f"{key.table}.territory_id = ? AND {key.table}.{key.name} = {value}"
    return f"SELECT {names} FROM json_each(?) AS wanted CROSS JOIN {key.table} ON {found}"  # noqa: S608 - names of our own tables


@lru_cache
def _values(table: Table, rows: int) -> str:
    # Many rows in one statement, in powers of two: ten texts are prepared once and serve every batch. Row by row, the
    # driver would let go of Python's lock for each, and the threads that wait for an answer would take it every time.
    names = ", ".join(column.name for column in table.columns)
    row = f"({', '.join('?' for _ in table.columns)})"
    return f"INSERT INTO {table.name} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables


@lru_cache
def _unnest(table: Table, dialect: Dialect) -> str:
    # One array per column: the statement is prepared once, whatever the number of rows.
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own tables
