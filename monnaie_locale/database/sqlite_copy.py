"""Copy a SQLite database while it is written to, and read a copy without leaving a trace beside it."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pysqlite3.dbapi2
from sqlalchemy import URL, Connection, Engine

from monnaie_locale.database.engine import open_engine

# Every page in one step: one state of the books. In several steps, each write of a till would begin the copy again.
ALL_PAGES = -1
# The copy has another name until it is on the disk, so nothing is lost by not keeping a log of it meanwhile.
COPY_PRAGMAS = ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = OFF")
# All at once at the end, 800 MB hold up the disk, and every till with it, for two seconds (DECISIONS 2026-11-26).
SECONDS_BETWEEN_SYNCS = 0.02
# A file that opens without its log beside it, also from a disk that cannot be written to.
ALONE = "PRAGMA journal_mode = DELETE"
INTEGRITY, QUICKLY = "PRAGMA integrity_check", "PRAGMA quick_check"
SOUND = ["ok"]


class CopyFailed(Exception):
    """SQLite could not write the copy; the message is its own."""


def copy_online(engine: Engine, target: Path) -> None:
    """Write one state of the database, with all that was committed before, to an empty file; not synced here.

    SQLite's online backup: writers go on meanwhile, for in WAL mode a reader stops nobody.

    Args:
        engine: of the database.
        target: an empty file.

    Raises CopyFailed when SQLite cannot (the disk is full, the file is damaged), OSError when the disk refuses a sync.

    """
    try:
        with engine.connect() as db, closing(_opened(target)) as copy, _synced_meanwhile(target):
            for pragma in COPY_PRAGMAS:
                copy.execute(pragma)
            db.connection.driver_connection.backup(copy, pages=ALL_PAGES)  # type: ignore[union-attr]
        with closing(_opened(target)) as copy:
            copy.execute(ALONE)
    except pysqlite3.dbapi2.Error as error:
        raise CopyFailed(str(error)) from error


def open_copy(path: Path) -> Engine:
    """Return an engine on a file that nobody writes to: it is read as it is, and no other file is made beside it."""
    address = URL.create(
        "sqlite",
        database=f"file:{quote(str(path.resolve()))}",
        query={"mode": "ro", "immutable": "1", "uri": "true"},
    )
    return open_engine(address.render_as_string(hide_password=False))


def faults_of_file(db: Connection, *, quickly: bool = False) -> list[str]:
    """Return what SQLite finds wrong with the file, nothing when it is sound.

    Args:
        db: a connection to the database.
        quickly: leave out whether each index says what its table says.

    """
    found = [str(row) for row in db.exec_driver_sql(QUICKLY if quickly else INTEGRITY).scalars()]
    return [] if found == SOUND else found


@contextmanager
def _synced_meanwhile(path: Path) -> Iterator[None]:
    """Send a file to the disk little by little while it is written, so that whoever waits for the disk waits little.

    What the disk refuses is raised at the end: the system says it once, and a later sync would not hear of it.
    """
    over = threading.Event()
    refused: list[OSError] = []

    def sync() -> None:
        try:
            with path.open("rb+") as file:
                while not over.wait(SECONDS_BETWEEN_SYNCS):
                    os.fdatasync(file.fileno())
        except OSError as error:
            refused.append(error)

    thread = threading.Thread(target=sync, name="backup-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if refused:
        raise refused[0]


def _opened(path: Path) -> Any:  # noqa: ANN401 - the driver has no types
    return pysqlite3.dbapi2.connect(str(path), isolation_level=None)
