"""Select the rows that go with many values, by a text written once.

Nothing is built at each call, and the database prepares the text once whatever the number of values. It is SQL that
both databases read, with names in braces: `{wanted}` stands in FROM for the values asked for, `{value}` for one of
them, or `{digest}` when they are bytes, `{p}` for a further parameter; `{lock}` at the end locks what is named after
it. Write `FROM {wanted} CROSS JOIN t WHERE …`: CROSS JOIN makes SQLite begin with the values and find each by an index.
"""

import datetime
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from monnaie_locale.database.bulk import array_of
from monnaie_locale.database.driver import Result, execute, sent_ahead

IN_PARENTHESES = re.compile(r"\([^()]*\)")
Values = Sequence[int] | Sequence[bytes]
Rows = list[tuple[Any, ...]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What is to be selected, and how its rows are read.

    Args:
        statement: as described above; a constant, never made of anything given from outside.
        values: all integers, or all bytes.
        parameters: those of the `{p}`, in order.
        read: what the rows say. On SQLite, dates are texts in them, a wanted value of bytes in hexadecimal (`as_date`,
            `as_bytes`), booleans are numbers.

    """

    statement: str
    values: Values
    parameters: tuple[object, ...]
    read: Callable[[Rows], T]


def look(db: Connection, asked: Look[T]) -> T:
    """Return what is found; of nothing, nothing is asked."""
    if not asked.values:
        return asked.read([])
    if db.dialect.name == "postgresql":
        return asked.read(_sent(db, asked).fetchall())
    (found,) = _found_on_sqlite(db, [asked])
    return asked.read(found)


def look_together(db: Connection, *asked: Look[Any]) -> list[Any]:
    """Return what each finds, in order: PostgreSQL answers all in one round trip, SQLite in one row.

    With thirty-two threads that want the interpreter, each time the driver lets go of it costs a turn of somebody else.
    """
    if db.dialect.name == "postgresql":
        with sent_ahead(db):
            results = [_sent(db, each) if each.values else None for each in asked]
            found = [[] if result is None else result.fetchall() for result in results]
    else:
        found = _found_on_sqlite(db, asked)
    return [each.read(rows) for each, rows in zip(asked, found, strict=True)]


def select_among(db: Connection, statement: str, values: Values, *parameters: object) -> Rows:
    """Return the rows of a `Look` with these fields, as they come."""
    return look(db, Look(statement, values, parameters, list))


def as_date(value: datetime.date | str) -> datetime.date:
    """Return a date as it came from either database."""
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def as_bytes(value: bytes | str) -> bytes:
    """Return a wanted value as it came from either database."""
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


def _sent(db: Connection, asked: Look[Any]) -> Result:
    return execute(db, _on_postgresql(asked.statement), (array_of(asked.values), *asked.parameters))


def _found_on_sqlite(db: Connection, asked: Sequence[Look[Any]]) -> list[Rows]:
    parameters = [parameter for each in asked for parameter in (_json_of(each.values), *each.parameters)]
    (found,) = execute(db, _on_sqlite(tuple(each.statement for each in asked)), parameters).fetchall()
    return [[tuple(row) for row in json.loads(rows)] for rows in found]


def _json_of(values: Values) -> str:
    # JSON knows no bytes: they travel in hexadecimal.
    return json.dumps([value.hex() if isinstance(value, bytes) else value for value in values])


@lru_cache
def _on_postgresql(statement: str) -> str:
    wanted = f"unnest(%s::{'bytea' if '{digest}' in statement else 'bigint'}[]) AS wanted(value)"
    one = "wanted.value"
    return statement.format(wanted=wanted, value=one, digest=one, p="%s", lock="FOR UPDATE OF")


@lru_cache
def _on_sqlite(statements: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(f'({_in_one_row(statement)})' for statement in statements)}"


def _in_one_row(statement: str) -> str:
    # A writer holds the whole file: nothing needs locking.
    rows = statement.format(
        wanted="json_each(?) AS wanted", value="wanted.value", digest="unhex(wanted.value)", p="?", lock="--"
    )
    names = _names(statement)
    return f"WITH rows({names}) AS ({rows}\n) SELECT json_group_array(json_array({names})) FROM rows"  # noqa: S608 - names of our own


def _names(statement: str) -> str:
    return ", ".join(f"c{number}" for number in range(_column_count(statement)))


def _column_count(statement: str) -> int:
    """Return how many columns a text selects: the commas between SELECT and FROM, but those in parentheses."""
    selected, _, _ = IN_PARENTHESES.sub("", statement).partition("FROM ")
    return selected.count(",") + 1
