"""Run a fixed text straight on the driver.

For the few statements of every posting, where SQLAlchemy's care costs more than the statement itself. Errors stay
SQLAlchemy's: nobody above sees a difference.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.discretion import without_values

SENT = "monnaie_locale_sent_ahead"
NESTED = (
    "sent_ahead inside sent_ahead, or after the one that goes with the commit: its end would wait for the answers to"
    " both, and nobody for those of the outer one"
)


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
def sent_ahead(db: Connection, *, until_commit: bool = False) -> Iterator[None]:
    """Do not wait, inside the block, for what the server answers to each `execute`: Python prepares the next meanwhile.

    For statements whose results nobody reads. What one of them broke is raised by a later one or at the end of the
    block. SQLite works in our own process: nothing changes there. It does not nest: RuntimeError, on both databases.

    Args:
        db: a connection in a transaction.
        until_commit: nothing follows but the commit, which then travels with them: `answered` waits for all of it.

    """
    noted = db.info
    if SENT in noted:
        raise RuntimeError(NESTED)
    sent: ExitStack | None = None
    if db.dialect.name == "postgresql":
        connection: Any = db.connection.dbapi_connection
        sent = ExitStack()
        sent.enter_context(connection.pipeline())
    noted[SENT] = sent
    try:
        yield
    except BaseException:
        _forget(db, noted)
        raise
    if not until_commit:
        _await(db)


@contextmanager
def answered(db: Connection) -> Iterator[None]:
    """Wait, at the end of the block, for the answers to what was sent ahead in it; raises what broke."""
    # Taken now: once the connection is lost, asking for it raises something else than that it was lost.
    noted = db.info
    try:
        yield
    except BaseException:
        _forget(db, noted)
        raise
    _await(db)


def is_sent_ahead(db: Connection) -> bool:
    """Return whether statements were sent whose answers nobody waited for yet."""
    return db.dialect.name == "postgresql" and SENT in db.info


def _await(db: Connection) -> None:
    sent: ExitStack | None = db.info.pop(SENT, None)
    if sent is None:
        return
    try:
        sent.close()
    except db.dialect.loaded_dbapi.Error as error:
        _raise(db, "statements sent ahead", error)


def _forget(db: Connection, noted: dict[Any, Any]) -> None:
    """Leave what was sent: something else is being raised, and the transaction goes with it."""
    sent: ExitStack | None = noted.pop(SENT, None)
    if sent is not None:
        with suppress(db.dialect.loaded_dbapi.Error):
            sent.close()


def _raise(db: Connection, statement: str, error: Exception) -> NoReturn:
    """Raise the driver's error as SQLAlchemy would."""
    dialect = db.dialect
    connection: Any = db.connection.dbapi_connection
    fault: Any = error
    without_values(error)
    lost = dialect.is_disconnect(fault, connection, None)
    if lost:
        db.invalidate(error)
    # The values stay out of the message: among them are digests of cards.
    raise DBAPIError.instance(
        statement, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
    ) from error
