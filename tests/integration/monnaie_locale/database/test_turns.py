"""Who waits to write goes before who has just written, and a turn ends with its process."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from monnaie_locale.database import engine as engines
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import StandingConnection, transact
from monnaie_locale.database.turns import SUFFIX, begin_in_turn

HOLD = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX)
print(flush=True)
input()
"""
TRIES = 8
COMMITS_MAX = 60
# The one whose transaction is running when somebody asks, and one that had begun to wait before.
AHEAD_MAX = 3


@pytest.fixture
def written(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'turns.sqlite'}", pool_size=4)
    transact(engine, lambda db: db.execute(text("CREATE TABLE lines (writer TEXT)")))
    yield engine
    engine.dispose()


def write(db: Connection, writer: str) -> None:
    db.execute(text("INSERT INTO lines VALUES (:writer)"), {"writer": writer})


def write_slowly(db: Connection, writer: str, holding: threading.Event) -> None:
    """Write as a chunk of a distribution: it has the lock when it says so, and keeps it while a till asks for it."""
    write(db, writer)
    holding.set()
    db.execute(
        text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) SELECT max(i) FROM n")
    )


def ahead_of_the_till(engine: Engine) -> int:
    """Return how many chunks were committed between a till's wish to write and its turn."""
    holding, done = threading.Event(), threading.Event()

    def distribute() -> None:
        # As a distribution does: the next chunk begins at once on the same connection.
        connection = StandingConnection(engine)
        for _ in range(COMMITS_MAX):
            if done.is_set():
                break
            connection.transact(write_slowly, "chunk", holding)
        connection.close()

    chunks = threading.Thread(target=distribute)
    chunks.start()
    holding.wait()
    with engine.connect() as db:
        before = db.execution_options(monnaie_locale_read_only=True).scalar(text("SELECT count(*) FROM lines"))
    transact(engine, write, "till")
    with engine.connect() as db:
        after = db.execution_options(monnaie_locale_read_only=True).scalar(
            text("SELECT count(*) FROM lines WHERE rowid < (SELECT max(rowid) FROM lines WHERE writer = 'till')")
        )
    done.set()
    chunks.join()
    return int(after or 0) - int(before or 0)


def test_a_till_waits_for_one_chunk_of_a_distribution_not_for_all(written: Engine) -> None:
    assert all(ahead_of_the_till(written) <= AHEAD_MAX for _ in range(2))


def test_without_turns_it_waits_for_many(written: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: SQLite's own lock has no queue."""

    def begin(db: Connection, *, timeout_ms: int) -> None:
        # As SQLite waits by itself: a connection that has written was told not to.
        db.exec_driver_sql(f"PRAGMA busy_timeout = {timeout_ms}")
        db.exec_driver_sql("BEGIN IMMEDIATE")

    monkeypatch.setattr(engines, "begin_in_turn", begin)
    assert any(ahead_of_the_till(written) > AHEAD_MAX for _ in range(TRIES))


def test_a_turn_ends_with_the_process_that_had_it(written: Engine) -> None:
    file = f"{written.url.database}{SUFFIX}"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert not taken_at_once(written)
    holder.kill()
    holder.communicate()
    assert taken_at_once(written)


def taken_at_once(engine: Engine) -> bool:
    """Return whether the turn is to be had now; it goes on without it after so long, so the file is asked."""
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    file = f"{engine.url.database}{SUFFIX}"
    return subprocess.run([sys.executable, "-c", code, file], capture_output=True, check=False).returncode == 0


def test_a_lock_that_stays_taken_is_said_after_the_wait(written: Engine) -> None:
    with written.connect() as holder:
        holder.exec_driver_sql("SELECT 1")  # begins, and holds the lock
        other = open_engine(written.url.render_as_string(hide_password=False), pool_size=1)
        with other.connect() as raw, pytest.raises(Exception, match="locked"):
            begin_in_turn(raw.execution_options(monnaie_locale_read_only=True), timeout_ms=30)
        other.dispose()
