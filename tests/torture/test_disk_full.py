"""T6: the disk is full. Nothing is acknowledged that is not committed, reads go on, and all is well when space returns.

SQLite with its log on one small disk; PostgreSQL with its data on one and its log of transactions on another, filled
in turn. Then the audit trail: what cannot be written there does not happen.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import audit
from tests.factories.ledger import TERRITORY_ID
from tests.factories.merchants import MANAGER, NOW
from tests.factories.vandal import run
from tests.torture.clients import Told, ask, by_key
from tests.torture.conftest import Rig
from tests.torture.disk_databases import CLUSTER, FoundedTown, PostgresqlDisk, SqliteDisk, disk_database, move_log
from tests.torture.load import Load, paying, settled
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.power import Disk, mounted
from tests.torture.server_mutants import ANSWER_BEFORE_COMMIT
from tests.torture.serving import Settings
from tests.torture.spawner import ServerProcess
from tests.torture.town import Town, found_town
from wallets.operations.enrolling import enrol_household

CLIENTS = 6
# What is left when the disk begins to fill: some payments, then none.
LEFT_BYTES_MAX = 100_000
UNAVAILABLE = 503
SERVES_AGAIN_S_MAX = 60
CONTROL_ROUNDS_MAX = 10
CONTROL_FULL_S = 0.5
LATE_COMMITS_S = 2
# Only the audit trail is full: as PostgreSQL says it of a disk of its own; SQLite has one file, so a trigger says it.
FULL_TRAIL = {
    "sqlite": (
        """CREATE TRIGGER trail_full BEFORE INSERT ON audit_events
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION trail_full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE disk_full USING MESSAGE = 'no space left on device'; END $$""",
        "CREATE TRIGGER trail_full BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION trail_full()",
    ),
}
TRAIL_WITH_ROOM = {
    "sqlite": ("DROP TRIGGER trail_full",),
    "postgresql": ("DROP TRIGGER trail_full ON audit_events",),
}


@dataclass
class SmallTown:
    """A town whose disks can be filled, and the server that goes on through it all."""

    town: Town
    server: ServerProcess
    data: Disk
    log: Disk
    kind: SqliteDisk | PostgresqlDisk


@pytest.fixture
def small_town(
    rig: Rig, disks: Path, founded: Callable[[str], FoundedTown]
) -> Callable[..., AbstractContextManager[SmallTown]]:
    """Give a context: a town on small disks, for SQLite one, for PostgreSQL another one for its log."""

    @contextmanager
    def served(dialect: str, *, mutant: str = "") -> Iterator[SmallTown]:
        first = founded(dialect)
        first.copy_to(disks / "data")
        (disks / "log").mkdir()
        if dialect == "postgresql":
            move_log(disks / "data" / CLUSTER, to=disks / "log", seen_as=disks / "log-mount")
        kind = disk_database(dialect, disks)
        with ExitStack() as stack:
            data, log = (
                stack.enter_context(mounted(disks / name, disks / f"{name}-mount")) for name in ("data", "log")
            )
            url = stack.enter_context(kind.running(data.mount))
            engine = open_engine(url)
            town = replace(first.town, engine=engine)
            server = rig.spawner.start(
                Settings(home=str(town.home), database_url=url, began_s=town.began_s, mutant=mutant)
            )
            yield SmallTown(town, server, data, log, kind)
            server.kill()
            engine.dispose()

    return served


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_full_disk_refuses_loses_nothing_and_is_forgotten(dialect: str, rig: Rig, small_town):
    rounds = rig.dose(short=1, full=10)
    faults: list[str] = []
    refused = 0
    with small_town(dialect) as small:
        load = Load(small.town, rig.journal, rig.rng, port=small.server.port)
        for _ in range(rounds):
            told = _fill_and_free(small, load, rig, faults)
            refused += len(told)
            faults += [f"{each.status} {each.code}, Retry-After {each.retry_after}" for each in told if not _said(each)]
        faults += settled(load)
        findings = small.town.findings(rig.journal.operations())

    rig.figures(rounds=rounds, acknowledged=rig.journal.count(Outcome.ACCEPTED), unavailable=refused)
    assert faults == []
    assert findings == []


def test_a_full_log_disk_may_stop_postgresql_and_loses_nothing(rig: Rig, small_town):
    rounds = rig.dose(short=1, full=10)
    faults: list[str] = []
    stops = 0
    with small_town("postgresql") as small:
        load = Load(small.town, rig.journal, rig.rng, port=small.server.port)
        for _ in range(rounds):
            before = len(load.told)
            with paying(load, clients=CLIENTS):
                load.wait_for_payments(CLIENTS)
                small.log.leave(0)
                load.wait_for(partial(_needs_more_log, small.town.engine, load, before))
                small.log.leave(None)
                stops += _watch_over(small, load)
            told = [each for each in load.told[before:] if each.outcome is not Outcome.ACCEPTED]
            faults += [f"{each.status} {each.code}, Retry-After {each.retry_after}" for each in told if not _said(each)]
        faults += settled(load)
        findings = small.town.findings(rig.journal.operations())

    rig.figures(rounds=rounds, acknowledged=rig.journal.count(Outcome.ACCEPTED), times_it_stopped=stops)
    assert faults == []
    assert findings == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_control_answers_before_the_commit_are_lost_on_a_full_disk(dialect: str, rig: Rig, small_town):
    found = rounds = 0
    with small_town(dialect, mutant=ANSWER_BEFORE_COMMIT) as small:
        load = Load(small.town, rig.journal, rig.rng, port=small.server.port)
        while not found and rounds < CONTROL_ROUNDS_MAX:
            rounds += 1
            with paying(load, clients=CLIENTS):
                load.wait_for_payments(CLIENTS)
                small.data.leave(0)
                time.sleep(CONTROL_FULL_S)
            small.data.leave(None)
            # Long enough for every commit that still comes: what is missing then is lost.
            time.sleep(LATE_COMMITS_S)
            with reading(small.town.engine) as db:
                found = lost(operations_stand(db, rig.journal.operations()))

    rig.figures(rounds=rounds, acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=found)
    assert found


def test_what_the_audit_trail_cannot_hold_does_not_happen(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1)
    run(db_engine, *FULL_TRAIL[db_engine.dialect.name])

    with pytest.raises(DBAPIError):
        enrol(town, "M-90001")

    assert town.findings([]) == []
    run(db_engine, *TRAIL_WITH_ROOM[db_engine.dialect.name])
    enrol(town, "M-90001")
    assert town.findings([]) == []


def test_control_an_audit_event_outside_the_transaction_is_missed(
    db_engine: Engine, rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    town = found_town(db_engine, rig.home, cards=1)
    monkeypatch.setattr(audit, "record", lambda _db, **_event: None)

    enrol(town, "M-90001")

    assert [finding for finding in town.findings([]) if "nobody wrote down" in finding]


def enrol(town: Town, reference: str) -> None:
    """Enrol a household, as the desk does."""
    transact(
        town.engine,
        enrol_household,
        territory_id=TERRITORY_ID,
        reference=reference,
        keyring=town.keyring,
        actor=MANAGER,
        now=NOW,
    )


def _needs_more_log(engine: Engine, load: Load, since: int) -> bool:
    """Make PostgreSQL begin another piece of its log; tell whether the tills are refused meanwhile."""
    with suppress(DBAPIError):
        run(engine, "SELECT pg_switch_wal()")
    return _unavailable(load, since) >= CLIENTS


def _watch_over(small: SmallTown, load: Load) -> bool:
    """Start PostgreSQL again when it stopped itself; the service, which was never started again, finds it."""
    assert isinstance(small.kind, PostgresqlDisk)
    wanted = load.acknowledged() + CLIENTS
    stopped = False
    until = time.monotonic() + SERVES_AGAIN_S_MAX
    while load.acknowledged() < wanted:
        stopped = small.kind.revive() or stopped
        assert time.monotonic() < until, "the service does not answer any more"
        time.sleep(0.05)
    return stopped


def _fill_and_free(small: SmallTown, load: Load, rig: Rig, faults: list[str]) -> list[Told]:
    """Let the tills pay until the disk is full, look around, give the space back; return what was not accepted."""
    before = len(load.told)
    with paying(load, clients=CLIENTS):
        load.wait_for_payments(CLIENTS)
        small.data.leave(rig.rng.randint(0, LEFT_BYTES_MAX))
        load.wait_for(lambda: _unavailable(load, before) >= 2 * CLIENTS)
        faults += _reads_that_fail(small, rig)
        _try_to_enrol(small.town, rig)
        small.data.leave(None)
        # The same process, the same database: nobody starts anything again.
        load.wait_for_payments(2 * CLIENTS)
    return [told for told in load.told[before:] if told.outcome is not Outcome.ACCEPTED]


def _try_to_enrol(town: Town, rig: Rig) -> None:
    """Enrol a household on the full disk: whole, with its audit event, or not at all; the oracles look later."""
    with suppress(OperationalError):
        enrol(town, f"F-{rig.rng.randrange(10**9)}")


def _unavailable(load: Load, since: int) -> int:
    return sum(told.status == UNAVAILABLE for told in load.told[since:])


def _reads_that_fail(small: SmallTown, rig: Rig) -> list[str]:
    """Read while the disk is full: a receipt, a list, the books as the oracles do."""
    paid = next(each for each in rig.journal.operations() if each.outcome is Outcome.ACCEPTED)
    till = next(till for till in small.town.tills if till.caller == paid.caller)
    told = {
        "by key": by_key(small.server.port, till, paid.key),
        "list": ask(small.server.port, till, "GET", "/charges"),
    }
    return [f"{name}: {each.status} {each.code}" for name, each in told.items() if each.status != 200]


def _said(told: Told) -> bool:
    """Tell whether a refusal for want of space was said as it must be."""
    return told.status == UNAVAILABLE and told.code == "ledger_unavailable" and told.retry_after is not None
