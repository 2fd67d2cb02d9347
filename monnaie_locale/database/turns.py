"""Writers of one SQLite file take turns: who waits goes before who has just written.

SQLite's own lock has no queue. A distribution that commits a chunk and begins the next one at once always finds the
lock free, while a till that sleeps between two looks finds it taken, for ten seconds and more (measured). So whoever
begins to write holds a second lock, a file beside the database, until the first is theirs: who comes back meanwhile
waits behind. The system lets go of it with the process, and without it everything works, less fairly.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

SUFFIX = "-turn"
LOOK_EVERY_S = 0.001
FILE_MODE = 0o600


def begin_in_turn(db: Connection, *, timeout_ms: int) -> None:
    """Begin a transaction that writes, once whoever waited before has begun theirs.

    Raises what SQLite says (database is locked) when the lock stays taken.

    Args:
        db: a connection to a SQLite database.
        timeout_ms: how long to wait for the turn, and again for the lock.

    """
    with _turn(db.engine.url.database, timeout_ms=timeout_ms):
        # SQLite's own waiting sleeps up to a hundred milliseconds between two looks: here it is one.
        _set_busy_timeout(db, 0)
        try:
            _look_for_the_lock(db, timeout_ms=timeout_ms)
        finally:
            _set_busy_timeout(db, timeout_ms)


@contextlib.contextmanager
def _turn(database: str | None, *, timeout_ms: int) -> Iterator[None]:
    """Hold the turn of a database's writers; go on without it where there is no file, or when it does not come."""
    descriptor = _opened(database)
    if descriptor is None:
        yield
        return
    until = time.monotonic() + timeout_ms / 1000
    try:
        while not _is_taken(descriptor) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        yield
    finally:
        os.close(descriptor)


def _opened(database: str | None) -> int | None:
    if not database or database == ":memory:" or database.startswith("file:"):
        return None
    try:
        # Opened each time: the lock belongs to the opening, so threads of one process take turns too.
        return os.open(f"{database}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError:
        return None


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: everybody goes on at once, as before.
        return True
    return True


def _look_for_the_lock(db: Connection, *, timeout_ms: int) -> None:
    until = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            db.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() >= until:
                raise
            time.sleep(LOOK_EVERY_S)
        else:
            return


def _set_busy_timeout(db: Connection, timeout_ms: int) -> None:
    cursor = db.connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {timeout_ms}")
    cursor.close()
