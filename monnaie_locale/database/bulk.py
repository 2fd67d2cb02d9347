"""Insert or find many rows in one round trip, the fastest way each database has."""

import datetime
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, Date, LargeBinary, Row, Table


def insert_rows(db: Connection, table: Table, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows whose values follow the order of the table's columns."""
    if not rows:
        return
    if db.dialect.name == "postgresql":
        columns = [list(column) for column in zip(*rows, strict=True)]
        db.exec_driver_sql(_unnest(table, db), tuple(columns))
    else:
        db.exec_driver_sql(_values(table), _written(table, rows))


def rows_among(
    db: Connection, *columns: Column[Any], key: Column[Any], territory_id: int, values: Sequence[object]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return these columns of the territory's rows whose `key` is among the values (integers, or bytes).

    One text whatever the number of values: the database prepares it once, and SQLAlchemy builds nothing.
    """
    if not values:
        return []
    if db.dialect.name == "postgresql":
        return db.exec_driver_sql(_among_array(columns, key), (territory_id, list(values))).all()
    written = json.dumps([value.hex() if isinstance(value, bytes) else value for value in values])
    return db.exec_driver_sql(_among_json(columns, key), (written, territory_id)).all()


def _written(table: Table, rows: Sequence[Sequence[object]]) -> list[tuple[object, ...]]:
    """Return the rows as SQLite takes them: dates as text."""
    dates = [position for position, column in enumerate(table.columns) if isinstance(column.type, Date)]
    if not dates:
        return [tuple(row) for row in rows]
    written = [list(row) for row in rows]
    for row in written:
        for position in dates:
            day = row[position]
            row[position] = day.isoformat() if isinstance(day, datetime.date) else day
    return [tuple(row) for row in written]


@lru_cache
def _among_array(columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    names = ", ".join(column.name for column in columns)
    return f"SELECT {names} FROM {key.table} WHERE territory_id = %s AND {key.name} = ANY(%s)"  # noqa: S608 - names of our own tables


@lru_cache
def _among_json(columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    # JSON knows no bytes: they travel in hexadecimal. CROSS JOIN reads the wanted values first and finds each by its
    # index; with IN, SQLite would read the whole table for bytes.
    value = "unhex(wanted.value)" if isinstance(key.type, LargeBinary) else "wanted.value"
    names = ", ".join(f"{key.table}.{column.name}" for column in columns)
    found = f"{key.table}.territory_id = ? AND {key.table}.{key.name} = {value}"
    return f"SELECT {names} FROM json_each(?) AS wanted CROSS JOIN {key.table} ON {found}"  # noqa: S608 - names of our own tables


@lru_cache
def _values(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' for _ in table.columns)})"  # noqa: S608 - names of our own tables


def _unnest(table: Table, db: Connection) -> str:
    # One array per column: the statement is prepared once, whatever the number of rows.
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(db.dialect)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own tables
