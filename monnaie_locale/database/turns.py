"""Writers of one SQLite file take turns: who waits goes before who has just written.

SQLite's own lock has no queue. A distribution that commits a chunk and begins the next one at once always finds the
lock free, while a till that sleeps between two looks finds it taken, for ten seconds and more (measured). So whoever
begins to write holds a second lock, a file beside the database, until the first is theirs: who comes back meanwhile
waits behind. The system lets go of it with the process, and without it everything works, less fairly.
"""

import fcntl
import os
import time

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from monnaie_locale.database.driver import execute

SUFFIX = "-turn"
DESCRIPTOR = "monnaie_locale_turn"
WAITS_MS = "monnaie_locale_waits_ms"
BEGIN = "BEGIN IMMEDIATE"
BEGIN_READING = "BEGIN"
LOOK_EVERY_S = 0.001
FILE_MODE = 0o600


def begin_in_turn(db: Connection, *, timeout_ms: int) -> None:
    """Begin a transaction that writes, once whoever waited before has begun theirs.

    Raises what SQLite says (database is locked) when the lock stays taken.

    Args:
        db: a connection to a SQLite database.
        timeout_ms: how long to wait for the turn, and again for the lock.

    """
    until = time.monotonic() + timeout_ms / 1000
    descriptor = _descriptor(db)
    if descriptor is None:
        _look_for_the_lock(db, timeout_ms=timeout_ms)
        return
    try:
        while not _is_taken(descriptor) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        _look_for_the_lock(db, timeout_ms=timeout_ms)
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def begin_reading(db: Connection, *, timeout_ms: int) -> None:
    """Begin a transaction that only reads: it waits for no writer, but for one that repairs the file after a crash."""
    _wait_for_locks(db, timeout_ms=timeout_ms)
    execute(db, BEGIN_READING)


def let_go(record: ConnectionPoolEntry) -> None:
    """Close what a connection holds of its database's turn; to be called when it is closed."""
    descriptor = record.info.pop(DESCRIPTOR, None)
    if descriptor is not None:
        os.close(descriptor)


def opened_beside(database: str | None, suffix: str) -> int | None:
    """Return a new opening of the empty file beside a SQLite database, or None where there can be none.

    Args:
        database: the path of the database, as its address has it.
        suffix: what the file's name has more.

    """
    if not database or database == ":memory:" or database.startswith("file:"):
        return None
    try:
        return os.open(f"{database}{suffix}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError:
        return None


def _descriptor(db: Connection) -> int | None:
    """Return the connection's own opening of the turn file, or None where there is no file.

    Each connection has one, for the lock belongs to the opening: so threads of one process take turns too. It stays
    open as long as the connection.
    """
    info = db.info
    if DESCRIPTOR not in info:
        info[DESCRIPTOR] = opened_beside(db.engine.url.database, SUFFIX)
    descriptor: int | None = info[DESCRIPTOR]
    return descriptor


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
    # SQLite's own waiting sleeps up to a hundred milliseconds between two looks: here it is one.
    _wait_for_locks(db, timeout_ms=0)
    until = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            execute(db, BEGIN)
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() >= until:
                raise
            time.sleep(LOOK_EVERY_S)
        else:
            return


def _wait_for_locks(db: Connection, *, timeout_ms: int) -> None:
    """Say how long SQLite itself waits for a lock, unless this connection was told so before."""
    if db.info.get(WAITS_MS) != timeout_ms:
        execute(db, f"PRAGMA busy_timeout = {timeout_ms}")
        db.info[WAITS_MS] = timeout_ms
