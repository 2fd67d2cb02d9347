"""Select the rows that go with many values, by a text written once.

Nothing is built at each call, and the database prepares the text once whatever the number of values. It is SQL that
both databases read, with names in braces: `{wanted}` stands in FROM for the values asked for, `{value}` for one of
them, `{p}` for a further parameter; `{lock}` at the end locks what is named after it. Write
`FROM {wanted} CROSS JOIN t WHERE …`: CROSS JOIN makes SQLite begin with the values and find each by an index.
"""

import datetime
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from monnaie_locale.database.bulk import array_of
from monnaie_locale.database.driver import execute

IN_PARENTHESES = re.compile(r"\([^()]*\)")
Values = Sequence[int] | Sequence[bytes]


def select_among(db: Connection, statement: str, values: Values, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows; SQLite gives dates as text, booleans as numbers, and a wanted value of bytes in hexadecimal.

    Args:
        db: a connection.
        statement: as described above; a constant, never made of anything given from outside.
        values: all integers, or all bytes.
        parameters: those of the `{p}`, in order.

    """
    if not values:
        return []
    is_bytes = isinstance(values[0], bytes)
    if db.dialect.name == "postgresql":
        return execute(db, _for_postgresql(statement, is_bytes=is_bytes), (array_of(values), *parameters)).fetchall()
    written = json.dumps([value.hex() if isinstance(value, bytes) else value for value in values])
    ((rows,),) = execute(db, _for_sqlite(statement, is_bytes=is_bytes), (written, *parameters)).fetchall()
    return [tuple(row) for row in json.loads(rows)]


def as_date(value: datetime.date | str) -> datetime.date:
    """Return a date as it came from either database."""
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def as_bytes(value: bytes | str) -> bytes:
    """Return a wanted value as it came from either database."""
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


@lru_cache
def _for_postgresql(statement: str, *, is_bytes: bool) -> str:
    kind = "bytea" if is_bytes else "bigint"
    return statement.format(
        wanted=f"unnest(%s::{kind}[]) AS wanted(value)", value="wanted.value", p="%s", lock="FOR UPDATE OF"
    )


@lru_cache
def _for_sqlite(statement: str, *, is_bytes: bool) -> str:
    # JSON knows no bytes: they travel in hexadecimal. A writer holds the whole file: nothing needs locking.
    value = "unhex(wanted.value)" if is_bytes else "wanted.value"
    rows = statement.format(wanted="json_each(?) AS wanted", value=value, p="?", lock="--")
    # All rows in one: the driver lets go of the interpreter at each row, and with thirty-two threads that want it,
    # each row then costs a turn of somebody else.
    names = ", ".join(f"c{number}" for number in range(_column_count(statement)))
    return f"WITH rows({names}) AS ({rows}\n) SELECT json_group_array(json_array({names})) FROM rows"  # noqa: S608 - names of our own


def _column_count(statement: str) -> int:
    """Return how many columns a text selects: the commas between SELECT and FROM, but those in parentheses."""
    selected, _, _ = IN_PARENTHESES.sub("", statement).partition("FROM ")
    return selected.count(",") + 1
