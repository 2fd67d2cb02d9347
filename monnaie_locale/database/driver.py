"""Run a fixed text straight on the driver.

For the few statements of every posting, where SQLAlchemy's care costs more than the statement itself. Errors stay
SQLAlchemy's: nobody above sees a difference.
"""

from collections.abc import Sequence
from typing import Any, Protocol

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
        lost = dialect.is_disconnect(error, connection, None)
        if lost:
            db.invalidate(error)
        # The values stay out of the message: among them are digests of cards.
        raise DBAPIError.instance(
            statement, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
        ) from error
    return result
