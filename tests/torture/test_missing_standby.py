"""Commits wait for a standby that is not there, and the wait is cancelled: no doubt is taken for a yes.

Research measured this as the way a replicated PostgreSQL loses what it acknowledged: COMMIT returns, with a warning.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import CommitInDoubt, StandingConnection, reading, transact
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import NOON_MS, posting
from tests.torture.disk_databases import CLUSTER, FoundedTown
from tests.torture.pair import CANCEL, WAITING
from tests.torture.postgres import Postgresql, own

WAITS_S_MAX = 30


class Lonely:
    """A server that waits for a standby that nobody gave it, and who cancels its waits."""

    def __init__(self, server: Postgresql, engine: Engine) -> None:
        self.server = server
        self.engine = engine

    def cancelling(self, work: Callable[[], object]) -> tuple[object, int]:
        """Do the work while each wait for the standby is cancelled; return what came of it, and how many waits."""
        came: list[object] = []

        def run() -> None:
            try:
                came.append(work())
            except Exception as error:  # noqa: BLE001 - whatever comes is what is looked at
                came.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        waits = 0
        until = time.monotonic() + WAITS_S_MAX
        while worker.is_alive() and time.monotonic() < until:
            waits += len(self.server.ask(CANCEL))
            worker.join(timeout=0.02)
        return came[0], waits


@pytest.fixture
def lonely(scratch: Path, founded: Callable[[str], FoundedTown]) -> Iterator[Lonely]:
    first = founded("postgresql")
    first.copy_to(scratch / "disk")
    own(scratch / "sockets")
    server = Postgresql(scratch / "disk" / CLUSTER, scratch / "sockets", waits_for_disk=False)
    server.start()
    engine = open_engine(server.url.render_as_string())
    transact(engine, lambda db: db.execute(text("CREATE TABLE notes (id INTEGER)")))
    yield Lonely(server, engine)
    server.kill()
    engine.dispose()


def _note(db: Any) -> None:
    db.execute(text("INSERT INTO notes VALUES (1)"))


def _note_with_the_commit(db: Any) -> None:
    with sent_ahead(db, until_commit=True):
        execute(db, "INSERT INTO notes VALUES (1)")


def _notes(engine: Engine) -> int:
    with reading(engine) as db:
        return int(db.scalar(text("SELECT count(*) FROM notes")) or 0)


@pytest.mark.parametrize("write", [_note, _note_with_the_commit])
@pytest.mark.parametrize("stands", [False, True])
def test_a_commit_whose_wait_was_cancelled_is_in_doubt_and_nobody_reads_it_before_the_standby_has_it(
    lonely: Lonely, write: Callable[[Any], None], *, stands: bool
):
    standing = StandingConnection(lonely.engine)
    run = standing.transact if stands else lambda operation: transact(lonely.engine, operation)
    run(lambda db: db.execute(text("SELECT 1")))
    lonely.server.wait_for_standby("nobody")

    told, waits = lonely.cancelling(lambda: run(write))

    assert isinstance(told, CommitInDoubt)
    assert waits == 1
    # The control: it is there, and whoever did not wait for the standby sees it.
    assert lonely.server.ask("SELECT count(*) FROM notes") == [(1,)]
    seen, waits = lonely.cancelling(lambda: _notes(lonely.engine))
    assert (type(seen), waits) == (OperationalError, 1)
    lonely.server.wait_for_standby("")
    assert _notes(lonely.engine) == 1
    standing.close()


def test_a_posting_whose_wait_was_cancelled_is_not_acknowledged_and_is_posted_once(lonely: Lonely):
    with reading(lonely.engine) as db:
        purse, shop = (db.scalar(text(f"SELECT min(id) FROM accounts WHERE kind = {kind}")) for kind in (3, 4))
    charge = posting(EntryKind.CHARGE, Draw((int(purse),), int(shop), 10), key="doubtful")
    writer = Writer(lonely.engine, clock_ms=lambda: NOON_MS)
    lonely.server.wait_for_standby("nobody")

    told, waits = lonely.cancelling(lambda: writer.submit(charge))

    assert isinstance(told, LedgerUnavailable)
    # The commit, and the connection on which the writer would have asked for the key again.
    assert waits == 2
    assert lonely.server.ask(WAITING) == []
    # Nobody cancels this wait: it ends by itself.
    with pytest.raises(OperationalError, match="no standby answers"), reading(lonely.engine):
        pass
    lonely.server.wait_for_standby("")
    assert writer.submit(charge).replayed
    assert lonely.server.ask("SELECT count(*) FROM journal_entries WHERE kind = 3") == [(1,)]
    writer.stop()
