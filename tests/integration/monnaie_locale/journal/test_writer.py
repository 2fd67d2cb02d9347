"""Many callers at once through the group commit, on real databases."""

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import audit
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.journal.queries import balance_of, head_of
from monnaie_locale.journal.verify import verify
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import moment_of
from monnaie_locale.ledger.posting import Draw, Posted
from tests.factories.ledger import NOON_MS, TERRITORY_ID, posting, small_world
from tests.factories.vandal import run

KEYRING = Keyring.generate(lambda size: bytes(range(size)))


@pytest.fixture
def writer(db_engine: Engine):
    writer = Writer(db_engine, clock_ms=lambda: NOON_MS)
    yield writer
    writer.stop()


def _submit_all(writer: Writer, requests):
    def submit(request):
        try:
            return writer.submit(request)
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(submit, requests))


def _balance(engine: Engine, account_id: int) -> int:
    with reading(engine) as db:
        return balance_of(db, territory_id=TERRITORY_ID, account_id=account_id)


def test_the_last_euro_is_spent_once(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    draw = Draw((world.purse(7),), world.shop(3), 8_750)

    answers = _submit_all(writer, [posting(EntryKind.CHARGE, draw, key=f"c{n}") for n in range(40)])

    assert answers.count("insufficient_funds") == 39
    assert _balance(db_engine, world.purse(7)) == 0


def test_one_key_sent_by_many_posts_once_and_all_get_the_same_answer(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    draw = Draw((world.purse(7),), world.shop(3), 10)

    answers = _submit_all(writer, [posting(EntryKind.CHARGE, draw, key="same")] * 40)

    assert {answer.entry.entry_id for answer in answers} == {4}
    assert sum(not answer.replayed for answer in answers) == 1


def test_many_opposite_payments_lose_no_cent_and_number_without_gap(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    there, back = Draw((world.purse(7),), world.shop(3), 7), Draw((world.shop(3),), world.purse(7), 5)
    requests = [posting(EntryKind.CHARGE, there if n % 2 else back, key=f"c{n}") for n in range(200)]

    answers = _submit_all(writer, requests)

    assert all(isinstance(answer, Posted) for answer in answers)
    assert sorted(answer.entry.entry_id for answer in answers) == list(range(4, 204))
    assert _balance(db_engine, world.shop(3)) == 1_250 + 100 * 7 - 100 * 5


def test_two_writers_on_one_database_share_the_numbering(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    other = Writer(db_engine, clock_ms=lambda: NOON_MS)
    draw = Draw((world.purse(7),), world.shop(3), 1)
    requests = [posting(EntryKind.CHARGE, draw, key=f"c{n}") for n in range(100)]

    with ThreadPoolExecutor(max_workers=2) as pool:
        halves = pool.map(_submit_all, (writer, other), (requests[:60], requests[40:]))
        answers = [answer for half in halves for answer in half]
    other.stop()

    assert len({answer.entry.entry_id for answer in answers}) == 100
    with reading(db_engine) as db:
        assert head_of(db, territory_id=TERRITORY_ID).last_entry_id == 103
        assert verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem).ok


def test_when_the_database_refuses_the_batch_each_request_gets_its_own_answer(
    db_engine: Engine, writer: Writer
) -> None:
    world = small_world(db_engine)
    bad = posting(EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 1), key="bad", reference="a name")
    good = posting(EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 1), key="good")

    answers = _submit_all(writer, [bad, good, bad, good])

    assert answers[0] == LedgerUnavailable.code
    assert isinstance(answers[1], Posted)
    assert _balance(db_engine, world.purse(7)) == 8_749


def test_the_writer_lives_on_after_a_table_was_missing(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    draw = Draw((world.purse(7),), world.shop(3), 1)
    run(db_engine, "ALTER TABLE closed_periods RENAME TO elsewhere")
    with pytest.raises(LedgerUnavailable):
        writer.submit(posting(EntryKind.CHARGE, draw, key="k"))
    run(db_engine, "ALTER TABLE elsewhere RENAME TO closed_periods")

    assert not writer.submit(posting(EntryKind.CHARGE, draw, key="k")).replayed


class Broken:
    """A companion that fails in a way no database error explains."""

    @classmethod
    def load(cls, db, *, territory_id, companions):
        raise LookupError(territory_id)


def test_a_fault_of_ours_reaches_its_caller_and_the_writer_lives_on(db_engine: Engine, writer: Writer) -> None:
    world = small_world(db_engine)
    draw = Draw((world.purse(7),), world.shop(3), 1)
    named = posting(EntryKind.CHARGE, draw, key="named", reference="a name")
    broken = posting(EntryKind.CHARGE, draw, key="broken", companions=(Broken(),))
    good = posting(EntryKind.CHARGE, draw, key="good")

    def submit(request):
        try:
            return writer.submit(request)
        except Exception as error:  # noqa: BLE001 - whatever comes is what is looked at
            return error

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(submit, [named, broken, good] * 8))

    # Whatever came into one batch: each is told what its own request met.
    assert all(isinstance(answer, LedgerUnavailable) for answer in answers[0::3])
    assert all(isinstance(answer, LookupError) for answer in answers[1::3])
    assert {answer.entry.entry_id for answer in answers[2::3]} == {4}
    assert not writer.submit(posting(EntryKind.CHARGE, draw, key="after")).replayed


def test_a_writer_that_was_stopped_says_so_instead_of_letting_wait(db_engine: Engine) -> None:
    world = small_world(db_engine)
    stopped = Writer(db_engine, clock_ms=lambda: NOON_MS)
    stopped.stop()

    with pytest.raises(LedgerUnavailable):
        stopped.submit(posting(EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 1), key="k"))


class StopsFirst(deque):
    """A queue that stops its writer at the last moment before a request comes in."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.writer = writer

    def append(self, waiter) -> None:
        self.writer.stop()
        super().append(waiter)


def test_a_request_that_comes_in_while_the_writer_ends_is_answered(db_engine: Engine) -> None:
    world = small_world(db_engine)
    ending = Writer(db_engine, clock_ms=lambda: NOON_MS)
    ending._waiting = StopsFirst(ending)
    draw = Draw((world.purse(7),), world.shop(3), 1)
    answers = []

    def submit() -> None:
        with pytest.raises(LedgerUnavailable):
            ending.submit(posting(EntryKind.CHARGE, draw, key="k"))
        answers.append("told")

    # A daemon: should it wait for ever, the tests end all the same.
    caller = threading.Thread(target=submit, daemon=True)
    caller.start()
    caller.join(timeout=60)
    assert answers == ["told"]


def test_numbers_taken_by_many_at_once_are_all_different_and_nobody_fails(db_engine: Engine) -> None:
    world = small_world(db_engine)

    def open_shop(number: int) -> int:
        return world.shop(number)

    def record(number: int) -> None:
        transact(
            db_engine,
            audit.record,
            territory_id=TERRITORY_ID,
            at=moment_of(NOON_MS),
            actor="staff:1",
            action="test",
            target=f"test:{number}",
            detail={},
        )

    with ThreadPoolExecutor(max_workers=24) as pool:
        shops = list(pool.map(open_shop, range(100, 148)))
        list(pool.map(record, range(48)))

    assert len(set(shops)) == 48
