"""A commit is cut between done and answered, or before it was seen: who asks again with the same key pays once.

PostgreSQL only: SQLite's commit is no conversation. The wire reads what passes and ends the connection at a commit.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import StandingConnection, reading, transact
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import NOON_MS, posting, small_world
from tests.torture.clients import Payment, pay
from tests.torture.conftest import Rig
from tests.torture.link import CommitCutter, Cut
from tests.torture.load import Load, paying, settled
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.server_mutants import ANSWER_BEFORE_COMMIT
from tests.torture.serving import Settings
from tests.torture.town import Town, found_town

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)

CLIENTS = 8
CARDS = 4
CARD_CENTS = 10_000_000
CUT_CHANCE = 0.3
CONTROL_CUTS = 10
CUTS = pytest.mark.parametrize("cut", list(Cut))


class Next:
    """How the next commits are cut: those that were laid down, in order; then none."""

    def __init__(self) -> None:
        self.cuts: list[Cut] = []

    def __call__(self) -> Cut | None:
        """Take the next one."""
        return self.cuts.pop(0) if self.cuts else None


@pytest.fixture
def following() -> Next:
    return Next()


@pytest.fixture
def wired(db_engine: Engine, following: Next) -> Iterator[Engine]:
    """Open an engine whose connections go through the wire."""
    wire = CommitCutter(db_engine.url, following)
    engine = open_engine(wire.url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    wire.stop()


def _charges(engine: Engine) -> int:
    with reading(engine) as db:
        return int(db.scalar(text("SELECT count(*) FROM journal_entries WHERE kind = 3")) or 0)


@CUTS
def test_a_posting_whose_commit_was_cut_is_told_the_truth_and_the_writer_goes_on(
    db_engine: Engine, wired: Engine, following: Next, cut: Cut
):
    world = small_world(db_engine)
    writer = Writer(wired, clock_ms=lambda: NOON_MS)
    charge = partial(posting, EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 10))
    # Often enough that the commit is a prepared statement, which travels without its text.
    for number in range(8):
        writer.submit(charge(key=f"before{number}"))
    before = _charges(db_engine)

    # The writer asks again by itself, once, on a new connection: this one it is told.
    following.cuts = [cut]
    told = writer.submit(charge(key="cut once"))
    assert _charges(db_engine) == before + 1
    assert told.replayed or cut is not Cut.AFTER

    # Cut again, it does not know, and says so; the caller asks again with the same key.
    following.cuts = [cut, cut]
    with pytest.raises(LedgerUnavailable):
        writer.submit(charge(key="cut twice"))
    again = writer.submit(charge(key="cut twice"))
    assert _charges(db_engine) == before + 2
    assert again.replayed or cut is not Cut.AFTER
    assert not writer.submit(charge(key="after")).replayed
    writer.stop()


def _note(db: Any) -> None:
    db.execute(text("INSERT INTO notes VALUES (1)"))


def _note_with_the_commit(db: Any) -> None:
    with sent_ahead(db, until_commit=True):
        execute(db, "INSERT INTO notes VALUES (1)")


@CUTS
@pytest.mark.parametrize("write", [_note, _note_with_the_commit])
def test_a_transaction_whose_commit_was_cut_is_not_taken_for_done(
    db_engine: Engine, wired: Engine, following: Next, cut: Cut, write: Callable[[Any], None]
):
    with db_engine.begin() as db:
        db.execute(text("CREATE TABLE notes (id INTEGER)"))
    standing = StandingConnection(wired)
    for run in (partial(transact, wired), standing.transact):
        transact(db_engine, lambda db: db.execute(text("TRUNCATE notes")))
        run(lambda db: db.execute(text("SELECT 1")))
        following.cuts = [cut, cut]
        with pytest.raises(Exception, match=r"(?i)clos|connection|terminat"):
            run(write)
        # The control of the wire: what it says it did is what the server has.
        following.cuts = []
        run(lambda db: db.execute(text("SELECT 1")))
        with reading(db_engine) as db:
            found = db.scalar(text("SELECT count(*) FROM notes"))
        assert found == 0 or cut is not Cut.BEFORE
        assert found or cut is not Cut.AFTER
    standing.close()


def test_tills_pay_once_whatever_becomes_of_the_commits(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    wanted = rig.dose(short=20, full=500)
    wire = CommitCutter(db_engine.url, lambda: _any(rig) if len(wire.cuts) < wanted else None)
    service = rig.spawner.start(_settings(town, wire))
    load = Load(town, rig.journal, rig.rng, port=service.port)
    with paying(load, clients=CLIENTS):
        load.wait_for(lambda: len(wire.cuts) >= wanted, seconds=60 + wanted)
        load.wait_for_payments(CLIENTS)
    with reading(db_engine) as db:
        faults = operations_stand(db, rig.journal.operations())
    in_doubt = len(rig.journal.in_doubt())
    faults += settled(load)
    service.kill()
    wire.stop()
    findings = town.findings(rig.journal.operations())

    rig.figures(
        **{str(cut).replace(" ", "_"): wire.cuts.count(cut) for cut in Cut},
        acknowledged=rig.journal.count(Outcome.ACCEPTED), in_doubt=in_doubt, lost=lost(faults),
    )  # fmt: skip
    assert faults == []
    assert findings == []
    assert {told.status for told in load.told} <= {201, 503}


def test_control_answers_before_the_commit_are_lost_when_it_is_cut(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    wire = CommitCutter(db_engine.url, lambda: Cut.BEFORE)
    service = rig.spawner.start(_settings(town, wire, mutant=ANSWER_BEFORE_COMMIT))
    load = Load(town, rig.journal, rig.rng, port=service.port)
    with paying(load, clients=CLIENTS):
        load.wait_for(lambda: len(wire.cuts) >= CONTROL_CUTS)
    service.kill()
    wire.stop()
    with reading(db_engine) as db:
        found = lost(operations_stand(db, rig.journal.operations()))

    rig.figures(cuts=len(wire.cuts), acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=found)
    assert found


def test_control_a_new_key_after_a_cut_commit_pays_twice(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1, card_cents=CARD_CENTS)
    following = Next()
    wire = CommitCutter(db_engine.url, following)
    service = rig.spawner.start(_settings(town, wire))
    load = Load(town, rig.journal, rig.rng, port=service.port)
    before = town.held_cents(town.cards[0])
    payment: Payment = load.payment()
    while True:
        following.cuts = [Cut.AFTER, Cut.AFTER]
        if pay(rig.journal, service.port, payment).outcome is Outcome.IN_DOUBT:
            break
        payment, before = load.payment(), town.held_cents(town.cards[0])
    following.cuts = []
    told = pay(rig.journal, service.port, replace(payment, key=f"{payment.key}-again"))
    service.kill()
    wire.stop()

    taken = before - town.held_cents(town.cards[0])
    rig.figures(wanted_cents=payment.amount_cents, taken_cents=taken)
    assert told.outcome is Outcome.ACCEPTED
    assert taken == 2 * payment.amount_cents


def _any(rig: Rig) -> Cut | None:
    return rig.rng.choice(list(Cut)) if rig.rng.random() < CUT_CHANCE else None


def _settings(town: Town, wire: CommitCutter, *, mutant: str = "") -> Settings:
    url = wire.url.render_as_string(hide_password=False)
    return Settings(home=str(town.home), database_url=url, began_s=town.began_s, mutant=mutant)
