"""Posting on real databases: what is written, what is refused, what a key does."""

import datetime

import pytest
from sqlalchemy import Engine, event

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.post import post_batch
from monnaie_locale.journal.queries import balance_of, entries, entry_of, find_posted, head_of
from monnaie_locale.journal.tables import closed_periods
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import (
    AccountUnknown,
    IdempotencyKeyReused,
    InsufficientFunds,
    IssueExceedsReserve,
    PeriodClosed,
    Refusal,
)
from monnaie_locale.ledger.posting import Draw, Posted
from tests.factories.ledger import NOON_MS, TERRITORY_ID, open_world, posting, small_world


def _balance(engine, account_id):
    with reading(engine) as db:
        return balance_of(db, territory_id=TERRITORY_ID, account_id=account_id)


def test_a_charge_moves_the_amount_and_takes_the_next_number(db_engine: Engine) -> None:
    world = small_world(db_engine)

    posted = world.charge(7, 3, 750)

    assert posted.entry.entry_id == 4
    assert posted.entry.accounted_on == datetime.date(2026, 10, 5)
    assert _balance(db_engine, world.purse(7)) == 8_000
    assert _balance(db_engine, world.shop(3)) == 2_000


def test_what_is_read_back_is_what_was_posted_to_the_hash(db_engine: Engine) -> None:
    world = small_world(db_engine)

    posted = world.charge(7, 3, 1)

    with reading(db_engine) as db:
        stored = entry_of(db, territory_id=TERRITORY_ID, entry_id=posted.entry.entry_id)
    # What was left is known of a fresh posting only.
    assert stored == posted._replace(left_cents=None)
    assert stored.entry.leaf_hash() == posted.leaf_hash


def test_the_same_key_posts_once_and_answers_the_same(db_engine: Engine) -> None:
    world = small_world(db_engine)
    first = world.charge(7, 3, 300, key="same")

    again = world.charge(7, 3, 300, key="same")

    assert again.replayed
    assert again.entry == first.entry
    assert _balance(db_engine, world.purse(7)) == 10_000 - 1_250 - 300


def test_the_same_key_for_another_request_is_refused(db_engine: Engine) -> None:
    world = small_world(db_engine)
    world.charge(7, 3, 300, key="same")

    with pytest.raises(IdempotencyKeyReused):
        world.charge(7, 3, 301, key="same")


def test_keys_of_two_callers_do_not_meet(db_engine: Engine) -> None:
    world = small_world(db_engine)
    world.charge(7, 3, 300, key="same", caller="till:1")

    other = world.charge(7, 3, 300, key="same", caller="till:2")

    assert not other.replayed


def test_one_batch_answers_each_request_and_the_refused_one_leaves_no_trace(db_engine: Engine) -> None:
    world = small_world(db_engine)
    purse, shop = world.purse(7), world.shop(3)
    requests = [
        posting(EntryKind.CHARGE, Draw((purse,), shop, 8_000), key="a"),
        posting(EntryKind.CHARGE, Draw((purse,), shop, 8_000), key="b"),
        posting(EntryKind.CHARGE, Draw((purse,), shop, 750), key="c"),
        posting(EntryKind.CHARGE, Draw((purse,), shop, 750), key="c"),
        posting(EntryKind.CHARGE, Draw((purse,), 999, 1), key="d"),
    ]

    answers = transact(db_engine, post_batch, requests, recorded_at_ms=NOON_MS)

    assert [type(answer) for answer in answers] == [Posted, InsufficientFunds, Posted, Posted, AccountUnknown]
    assert isinstance(answers[1], Refusal)
    assert answers[1].details["available_cents"] == 750
    assert [answer.entry.entry_id for answer in answers if isinstance(answer, Posted)] == [4, 5, 5]
    with reading(db_engine) as db:
        assert find_posted(db, territory_id=TERRITORY_ID, caller="test:1", idempotency_key="b") is None
        assert [posted.entry.entry_id for posted in entries(db, territory_id=TERRITORY_ID)] == [1, 2, 3, 4, 5]


def test_a_draw_empties_the_first_purse_before_the_second(db_engine: Engine) -> None:
    world = small_world(db_engine)
    world.fund(5_000, programme=2)
    world.issue(7, 5_000, programme=2)
    sources = (world.purse(7), world.purse(7, 2))

    posted = world.do(EntryKind.CHARGE, Draw(sources, world.shop(3), 9_000))

    assert [line.amount_cents for line in posted.entry.transfers] == [8_750, 250]


def test_at_most_takes_what_there_is(db_engine: Engine) -> None:
    world = small_world(db_engine)

    posted = world.do(EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 90_000, at_most=True))

    assert posted.entry.amount_cents == 8_750


def test_unfunded_issue_is_impossible(db_engine: Engine) -> None:
    world = open_world(db_engine)

    with pytest.raises(InsufficientFunds):
        world.issue(7, 1)


def test_issuing_stops_when_a_bank_fee_ate_the_reserve_and_goes_on_after_a_top_up(db_engine: Engine) -> None:
    world = open_world(db_engine)
    world.fund(10_000)
    reserve, charges = world.single(AccountKind.RESERVE), world.single(AccountKind.BANK_CHARGES)
    world.do(EntryKind.BANK_CHARGE, Draw((charges,), reserve, 100))
    world.issue(7, 9_900)

    with pytest.raises(IssueExceedsReserve):
        world.issue(7, 100)

    world.do(EntryKind.RESERVE_TOP_UP, Draw((reserve,), charges, 100))
    world.issue(7, 100)
    with reading(db_engine) as db:
        head = head_of(db, territory_id=TERRITORY_ID)
    assert (head.reserve_cents, head.owed_cents) == (10_000, 10_000)


def test_a_closed_month_takes_no_entry_and_a_late_charge_falls_in_the_open_one(db_engine: Engine) -> None:
    world = small_world(db_engine)
    world.now_ms += 26 * 86_400_000
    row = {
        "territory_id": TERRITORY_ID,
        "starts_on": datetime.date(2026, 10, 1),
        "ends_on": datetime.date(2026, 10, 31),
        "last_entry_id": 3,
        "closed_at_ms": world.now_ms,
    }
    transact(db_engine, lambda db: db.execute(closed_periods.insert(), row))

    with pytest.raises(PeriodClosed):
        world.charge(7, 3, 100, accounted_on=datetime.date(2026, 10, 31))

    late = world.charge(7, 3, 100)
    assert late.entry.accounted_on == datetime.date(2026, 11, 1)
    assert late.entry.happened_at_ms == NOON_MS


def test_a_reversal_is_once_only_even_under_another_key(db_engine: Engine) -> None:
    world = small_world(db_engine)
    mirror = Draw((world.shop(3),), world.purse(7), 1_250)
    world.do(EntryKind.REVERSAL, mirror, reverses_entry_id=3)
    world.fund(1)

    with pytest.raises(Refusal, match="already_reversed"):
        world.do(EntryKind.REVERSAL, Draw((world.purse(7),), world.shop(3), 1_250), reverses_entry_id=3)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_key_and_a_balance_are_found_by_their_index_however_long_the_books(db_engine: Engine) -> None:
    looked_up: list[str] = []
    world = small_world(db_engine)
    db_engine.dispose()
    # The driver's own trace: these statements do not pass through SQLAlchemy.
    event.listen(db_engine, "connect", lambda connection, _record: connection.set_trace_callback(looked_up.append))
    world.charge(7, 3, 1)

    with reading(db_engine) as db:
        plans = {
            statement: [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in tuple(looked_up)
            if "json_each" in statement and "ledger_heads" in statement
        }
        naive = "SELECT id FROM journal_entries WHERE caller IN (SELECT value FROM json_each(?)) AND territory_id = ?"
        scan = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {naive}", ("[]", 1))]

    steps = [step for plan in plans.values() for step in plan]
    found = [step for step in steps if " e " in step or " b " in step]
    assert any("key_digest=?" in step for step in found)
    assert any("account_id=?" in step for step in found)
    assert all("key_digest=?" in step or "account_id=?" in step for step in found), steps
    assert any(step.endswith("(territory_id=?)") for step in scan)
