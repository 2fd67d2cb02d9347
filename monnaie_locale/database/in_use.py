"""Who works on these books: every connection of a service or a command says so, and migrations run only when none does.

A program posts by the schema that it read when it began: changed under it, it would go on by rules that are gone. What
a connection says is forgotten with it, also when its process is killed. PostgreSQL: a lock of the session; SQLite: a
lock on an empty file beside the database, as for the turn of the writers, and as there nothing where files know none.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from monnaie_locale.database.driver import execute
from monnaie_locale.database.turns import opened_beside

SUFFIX = "-use"
DESCRIPTOR = "monnaie_locale_use"
# Any number that nothing else locks in this database.
AT_WORK = 20_261_127
ANNOUNCE = f"SELECT pg_advisory_lock_shared({AT_WORK})"
BE_ALONE = f"SELECT pg_try_advisory_xact_lock({AT_WORK})"
# For who is just leaving: a server forgets a moment after its client has gone.
PATIENCE_S = 1.0
LOOK_EVERY_S = 0.02


class BooksInUse(Exception):
    """A service or a command works on these books."""


def announce(engine: Engine) -> None:
    """Let each connection that `engine` will open say that somebody works on the books; it waits for migrations.

    Args:
        engine: of a service or a command, with no connection yet.

    """
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _announce_to_the_server)
        return

    def beside(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        descriptor = opened_beside(engine.url.database, SUFFIX)
        if descriptor is not None:
            record.info[DESCRIPTOR] = descriptor
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)

    event.listen(engine, "connect", beside)
    event.listen(engine, "close", _leave)


@contextmanager
def alone(db: Connection) -> Iterator[None]:
    """Keep everybody else away: on SQLite until the block ends, on PostgreSQL until the transaction does.

    Args:
        db: a connection in a transaction, of an engine that announces nothing.

    Raises BooksInUse when somebody is there and does not leave within a second.

    """
    if db.dialect.name == "postgresql":
        _patiently(lambda: bool(execute(db, BE_ALONE).fetchall()[0][0]))
        yield
        return
    descriptor = opened_beside(db.engine.url.database, SUFFIX)
    if descriptor is None:
        yield
        return
    try:
        _patiently(lambda: _is_alone(descriptor))
        yield
    finally:
        os.close(descriptor)


def _announce_to_the_server(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(ANNOUNCE)
    cursor.close()
    connection.autocommit = False


def _leave(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    descriptor = record.info.pop(DESCRIPTOR, None)
    if descriptor is not None:
        os.close(descriptor)


def _patiently(is_alone: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_alone():
        if time.monotonic() >= until:
            raise BooksInUse
        time.sleep(LOOK_EVERY_S)


def _is_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: nobody could say that they are there.
        return True
    return True
