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

from monnaie_locale.database.bulk import array_of, json_of
from monnaie_locale.database.driver import execute

# How PostgreSQL begins a value of bytes that it writes as text.
POSTGRESQL_HEX = "\\x"
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
        read: what the rows say. They may come as JSON: dates are texts then, a wanted value of bytes in hexadecimal
            (`as_date`, `as_bytes`), and on SQLite booleans are numbers.

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
        values = (array_of(asked.values), *asked.parameters)
        return asked.read(execute(db, _on_postgresql(asked.statement), values).fetchall())
    return look_together(db, asked)[0]  # type: ignore[no-any-return]


def look_together(db: Connection, *asked: Look[Any]) -> list[Any]:
    """Return what each finds, in order, all in one row of one statement.

    With thirty-two threads that want the interpreter, each time the driver lets go of it costs a turn of somebody else.
    """
    is_postgresql = db.dialect.name == "postgresql"
    written: Callable[[Values], str] = array_of if is_postgresql else json_of
    parameters = [parameter for each in asked for parameter in (written(each.values), *each.parameters)]
    statements = tuple(each.statement for each in asked)
    row = _row_on_postgresql(statements) if is_postgresql else _row_on_sqlite(statements)
    (found,) = execute(db, row, parameters).fetchall()
    # PostgreSQL makes null of no rows.
    return [
        each.read([tuple(line) for line in json.loads(rows or "[]")]) for each, rows in zip(asked, found, strict=True)
    ]


def look_ahead(db: Connection, asked: Sequence[Look[Any]]) -> Callable[[], list[Any]]:
    """Ask, inside `driver.sent_ahead`, and return what reads the answers in order once that block has ended."""
    wanted = [each for each in asked if each.values]
    if db.dialect.name == "postgresql":
        # Statement by statement: what locks rows cannot be a part of a larger one.
        results = [
            execute(db, _on_postgresql(each.statement), (array_of(each.values), *each.parameters)) for each in wanted
        ]
        return lambda: _in_order(
            asked, [each.read(found.fetchall()) for each, found in zip(wanted, results, strict=True)]
        )
    found = look_together(db, *wanted) if wanted else []
    return lambda: _in_order(asked, found)


def _in_order(asked: Sequence[Look[Any]], found: Sequence[Any]) -> list[Any]:
    """Put between what was found what those say who wanted nothing."""
    answers = iter(found)
    return [next(answers) if each.values else each.read([]) for each in asked]


def select_among(db: Connection, statement: str, values: Values, *parameters: object) -> Rows:
    """Return the rows of a `Look` with these fields, as they come."""
    return look(db, Look(statement, values, parameters, list))


def as_date(value: datetime.date | str) -> datetime.date:
    """Return a date as it came from either database."""
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def as_bytes(value: bytes | str) -> bytes:
    """Return a wanted value as it came from either database."""
    return bytes.fromhex(value.removeprefix(POSTGRESQL_HEX)) if isinstance(value, str) else bytes(value)


@lru_cache
def _on_postgresql(statement: str) -> str:
    wanted = f"unnest(%s::{'bytea' if '{digest}' in statement else 'bigint'}[]) AS wanted(value)"
    one = "wanted.value"
    return statement.format(wanted=wanted, value=one, digest=one, p="%s", lock="FOR UPDATE OF")


@lru_cache
def _row_on_postgresql(statements: tuple[str, ...]) -> str:
    return _row(tuple(map(_on_postgresql, statements)), aggregate="json_agg", row="json_build_array", cast="::text")


@lru_cache
def _row_on_sqlite(statements: tuple[str, ...]) -> str:
    return _row(tuple(map(_on_sqlite, statements)), aggregate="json_group_array", row="json_array", cast="")


def _on_sqlite(statement: str) -> str:
    # A writer holds the whole file: nothing needs locking. The plus hides the parameter from SQLite's planner: where
    # somebody ran ANALYZE it would plan each statement again for every new value, a sixth of the time of a batch.
    wanted = "json_each(?) AS wanted"
    return statement.format(wanted=wanted, value="wanted.value", digest="unhex(wanted.value)", p="+?", lock="--")


def _row(statements: tuple[str, ...], *, aggregate: str, row: str, cast: str) -> str:
    columns = []
    for statement in statements:
        names = _names(statement)
        columns.append(
            f"(WITH rows({names}) AS ({statement}\n) SELECT {aggregate}({row}({names})){cast} FROM rows)"  # noqa: S608 - names of our own
        )
    return f"SELECT {', '.join(columns)}"


def _names(statement: str) -> str:
    return ", ".join(f"c{number}" for number in range(_column_count(statement)))


def _column_count(statement: str) -> int:
    """Return how many columns a text selects: the commas between SELECT and FROM, but those in parentheses."""
    selected, _, _ = IN_PARENTHESES.sub("", statement).partition("FROM ")
    return selected.count(",") + 1
