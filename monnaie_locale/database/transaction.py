"""The only place where a database transaction begins and ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.constraints import as_refusal
from monnaie_locale.database.driver import answered, execute, is_sent_ahead
from monnaie_locale.database.engine import NOTICES, READ_ONLY, REPLICATION_WARNING

ATTEMPTS_MAX = 5
# PostgreSQL: serialization_failure, deadlock_detected, unique_violation. The last one because two requests may carry
# the same key or take the same identifier: on its second attempt the loser sees the winner's row.
RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "23505"})
COMMIT = "COMMIT"

P = ParamSpec("P")
T = TypeVar("T")


class CommitInDoubt(Exception):
    """The commit returned with a warning or as a rollback: the caller must ask again with the same key."""


def transact(
    engine: Engine, operation: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `operation` in one transaction: commit its result, or roll everything back.

    A lost race is retried from the start, so an operation does nothing but SQL: no file, no network. When the database
    itself refuses by a constraint that means something to a person, that refusal is raised.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            with engine.connect() as db:
                return _once(db, operation, *args, **kwargs)
        except DBAPIError as error:
            if not _may_retry(error, attempt):
                _raise_refusal_or(error)
    raise AssertionError  # the loop returns or raises


class StandingConnection:
    """The connection that one thread keeps between its transactions: taking one from the pool costs more than a commit.

    For operations that may safely run twice, such as postings, whose keys tell: when the connection was lost, the
    operation is run again on a new one, and nobody knows whether the commit had gone through.
    """

    def __init__(self, engine: Engine) -> None:
        """Connect at the first transaction."""
        self._engine = engine
        self._db: Connection | None = None

    def transact(self, operation: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `operation` in one transaction, as `transact` does."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            if self._db is None:
                self._db = self._engine.connect()
            try:
                return _once(self._db, operation, *args, **kwargs)
            except DBAPIError as error:
                self.close()
                # A connection that stood since before the server restarted says so at its first statement.
                if not (error.connection_invalidated and attempt == 1) and not _may_retry(error, attempt):
                    _raise_refusal_or(error)
            except BaseException:
                self.close()
                raise
        raise AssertionError  # the loop returns or raises

    def close(self) -> None:
        """Give the connection back; the next transaction takes another."""
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _may_retry(error: DBAPIError, attempt: int) -> bool:
    return getattr(error.orig, "sqlstate", None) in RETRYABLE_SQLSTATES and attempt < ATTEMPTS_MAX


def _raise_refusal_or(error: DBAPIError) -> NoReturn:
    """Raise what a broken constraint means to a person, or the error itself."""
    refusal = as_refusal(error)
    if refusal is not None:
        raise refusal from error
    raise error


def _once(
    db: Connection, operation: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    notices: list[str] = db.info.setdefault(NOTICES, [])
    notices.clear()
    committed: Any = None
    with db.begin(), answered(db):
        result = operation(db, *args, **kwargs)
        if is_sent_ahead(db):
            # In one round trip with what the operation sent; SQLAlchemy's own commit finds nothing left to do.
            committed = execute(db, COMMIT)
    # PostgreSQL answers COMMIT with "ROLLBACK" when a statement before it had failed and somebody kept silent about it.
    if committed is not None and committed.statusmessage != COMMIT:
        raise CommitInDoubt
    if any(REPLICATION_WARNING in notice for notice in notices):
        # Yet everybody sees it from now on: only connections that waited for the standby may tell of it.
        db.engine.dispose()
        raise CommitInDoubt
    return result


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one state of the database and writes nothing."""
    with engine.connect() as connection:
        db = connection.execution_options(**{READ_ONLY: True})
        if db.dialect.name == "postgresql":
            db = db.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with db.begin() as transaction:
            yield db
            transaction.rollback()
