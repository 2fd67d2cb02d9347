"""Run a fixed text straight on the driver.

For the few statements of every posting, where SQLAlchemy's care costs more than the statement itself. Errors stay
SQLAlchemy's: nobody above sees a difference.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


class Result(Protocol):
    """What both drivers give back."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return every row."""


def execute(db: Connection, statement: str, values: Sequence[object] = ()) -> Result:
    """Run one statement with the driver's own placeholders ("?" on SQLite, "%s" on PostgreSQL).

    Args:
        db: a connection in a transaction.
        statement: the text, always the same object for the same work, so that it stays prepared.
        values: of the placeholders, in the types that the driver takes.

    """
    connection: Any = db.connection.dbapi_connection
    dialect = db.dialect
    try:
        result: Result = connection.execute(statement, values)
    except dialect.loaded_dbapi.Error as error:
        _raise(db, statement, error)
    return result


@contextmanager
def sent_ahead(db: Connection) -> Iterator[None]:
    """Do not wait, inside the block, for what the server answers to each `execute`: Python prepares the next meanwhile.

    For statements whose results nobody reads. What one of them broke is raised by a later one or at the end of the
    block. SQLite works in our own process: nothing changes there.
    """
    if db.dialect.name != "postgresql":
        yield
        return
    connection: Any = db.connection.dbapi_connection
    try:
        with connection.pipeline():
            yield
    except db.dialect.loaded_dbapi.Error as error:
        _raise(db, "statements sent ahead", error)


def _raise(db: Connection, statement: str, error: Exception) -> NoReturn:
    """Raise the driver's error as SQLAlchemy would."""
    dialect = db.dialect
    connection: Any = db.connection.dbapi_connection
    fault: Any = error
    lost = dialect.is_disconnect(fault, connection, None)
    if lost:
        db.invalidate(error)
    # The values stay out of the message: among them are digests of cards.
    raise DBAPIError.instance(
        statement, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
    ) from error
