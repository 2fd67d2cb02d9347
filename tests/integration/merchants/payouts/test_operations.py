"""From balances to bank orders: two people, one payment, and what the bank answers."""

import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants import payout_errors
from merchants.model import LineState, Payout, PayoutState
from merchants.payouts.operations import (
    approve_payout,
    cancel_payout,
    mark_sent,
    payment_file,
    prepare_payout,
    return_line,
    settle_line,
)
from merchants.queries import find_payout, merchant_accounts
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import queries as identity
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import World, open_world
from tests.factories.merchants import APPROVER, MANAGER, NOW, admit

TODAY = datetime.date(2026, 10, 5)
BOOKED_ON = datetime.date(2026, 10, 7)


def world_with_shops(engine: Engine) -> World:
    """Return a town where shop 1 is owed 30 €, shop 2 0,99 €, shop 3 nothing, shop 4 20 € of which it owes 5 €."""
    world = open_world(engine)
    for number in range(1, 5):
        admit(world, number)
    world.fund(100_000)
    world.issue(7, 50_000)
    world.charge(7, 1, 3_000)
    world.charge(7, 2, 99)
    world.charge(7, 4, 2_000)
    debt = world.account(AccountKind.MERCHANT_DEBT, merchant=4)
    world.do(EntryKind.REFUND, Draw((debt,), world.purse(7), 500))
    return world


def prepared(world: World, **more: object) -> Payout:
    values: dict[str, object] = {"cutoff_on": TODAY, "execution_on": TODAY, "actor": MANAGER, "label": "Octobre"}
    return transact(world.engine, prepare_payout, territory_id=1, now=NOW, **(values | more))


def step(world: World, operation, payout: Payout, *, actor: str = APPROVER) -> Payout:
    return transact(world.engine, operation, territory_id=1, payout_id=payout.id, actor=actor, now=NOW)


def bank(world: World, operation, end_to_end_id: str, *, reference: str = "BANK1"):
    return transact(
        world.engine,
        operation,
        territory_id=1,
        end_to_end_id=end_to_end_id,
        booked_on=BOOKED_ON,
        bank_reference=reference,
        now=NOW,
    )


def owed(world: World, merchant_id: int) -> tuple[int, int]:
    with reading(world.engine) as db:
        account_id, debt_id = merchant_accounts(db, territory_id=1, merchant_id=merchant_id)
        return (
            balance_of(db, territory_id=1, account_id=account_id),
            -balance_of(db, territory_id=1, account_id=debt_id),
        )


def held(world: World, kind: AccountKind) -> int:
    account_id = world.single(kind)
    with reading(world.engine) as db:
        return balance_of(db, territory_id=1, account_id=account_id)


def test_shops_are_paid_what_they_are_owed_less_their_debt_and_too_little_waits(db_engine: Engine) -> None:
    payout = prepared(world_with_shops(db_engine))
    assert [(line.merchant_id, line.amount_cents, line.recovered_cents) for line in payout.lines] == [
        (1, 3_000, 0),
        (4, 1_500, 500),
    ]
    assert (payout.state, payout.total_cents, payout.message_id) == (PayoutState.PREPARED, 4_500, "VILLE1-P00001")


def test_preparing_moves_nothing_and_approving_moves_everything(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    assert (owed(world, 1), owed(world, 4), held(world, AccountKind.PAYOUT_TRANSIT)) == ((3_000, 0), (2_000, 500), 0)
    approved = step(world, approve_payout, payout)
    assert approved.approved_by == APPROVER
    assert {line.state for line in approved.lines} == {LineState.ORDERED}
    assert (owed(world, 1), owed(world, 2), owed(world, 4)) == ((0, 0), (99, 0), (0, 0))
    assert held(world, AccountKind.PAYOUT_TRANSIT) == 4_500


def test_whoever_prepared_does_not_approve(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    with pytest.raises(payout_errors.PayoutSamePerson):
        step(world, approve_payout, payout, actor=MANAGER)
    assert owed(world, 1) == (3_000, 0)


def test_a_balance_that_fell_since_stops_the_whole_payout(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    world.do(EntryKind.REFUND, Draw((world.shop(4),), world.purse(7), 1))
    with pytest.raises(payout_errors.PayoutBalanceChanged) as refused:
        step(world, approve_payout, payout)
    assert "Boulangerie Exemple 4" in refused.value.sentence()
    assert (owed(world, 1), held(world, AccountKind.PAYOUT_TRANSIT)) == ((3_000, 0), 0)
    with reading(db_engine) as db:
        assert find_payout(db, territory_id=1, payout_id=payout.id).state is PayoutState.PREPARED


def test_two_payouts_of_the_same_day_pay_once(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    first = prepared(world)
    with pytest.raises(payout_errors.PayoutPending):
        prepared(world)
    step(world, approve_payout, first)
    with pytest.raises(payout_errors.PayoutEmpty):
        prepared(world)
    with pytest.raises(payout_errors.PayoutStateWrong):
        step(world, approve_payout, first)
    assert held(world, AccountKind.PAYOUT_TRANSIT) == 4_500


def test_what_came_after_the_cutoff_waits(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    with pytest.raises(payout_errors.PayoutEmpty):
        prepared(world, cutoff_on=TODAY - datetime.timedelta(days=1))


def test_an_older_cutoff_prepared_again_does_not_reach_for_newer_charges(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    step(world, approve_payout, prepared(world))
    world.now_ms += 24 * 3_600_000
    world.charge(7, 1, 700)
    with pytest.raises(payout_errors.PayoutEmpty):
        prepared(world)
    tomorrow = TODAY + datetime.timedelta(days=1)
    assert [line.amount_cents for line in prepared(world, cutoff_on=tomorrow).lines] == [700]


def test_a_payout_is_not_executed_yesterday(db_engine: Engine) -> None:
    with pytest.raises(payout_errors.PayoutDateInPast):
        prepared(world_with_shops(db_engine), execution_on=TODAY - datetime.timedelta(days=1))


def test_only_an_approved_payout_has_a_file(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    with pytest.raises(payout_errors.PayoutStateWrong), reading(db_engine) as db:
        payment_file(db, territory_id=1, payout_id=payout.id)
    step(world, approve_payout, payout)
    with reading(db_engine) as db:
        file = payment_file(db, territory_id=1, payout_id=payout.id)
    assert [(line.end_to_end_id, line.amount_cents) for line in file.lines] == [
        ("VILLE1-P00001-0001", 3_000),
        ("VILLE1-P00001-0002", 1_500),
    ]
    assert file.lines[0].address.town == "Ville-Exemple"
    assert sum(line.amount_cents for line in file.lines) == file.total_cents


def test_the_bank_settles_each_line_once_and_the_last_one_settles_the_payout(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    reserve = held(world, AccountKind.RESERVE)
    payout = prepared(world)
    step(world, approve_payout, payout)
    step(world, mark_sent, payout, actor=MANAGER)
    first, second = (line.end_to_end_id for line in payout.lines)
    posted = bank(world, settle_line, first)
    again = bank(world, settle_line, first)
    assert (again.replayed, again.entry.entry_id) == (True, posted.entry.entry_id)
    assert posted.entry.accounted_on == BOOKED_ON
    with reading(db_engine) as db:
        assert find_payout(db, territory_id=1, payout_id=payout.id).state is PayoutState.SENT
    bank(world, settle_line, second)
    with reading(db_engine) as db:
        assert find_payout(db, territory_id=1, payout_id=payout.id).state is PayoutState.SETTLED
    assert held(world, AccountKind.PAYOUT_TRANSIT) == 0
    assert held(world, AccountKind.RESERVE) - reserve == 4_500


def test_a_returned_transfer_is_owed_again_and_paid_with_the_next_payout(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    step(world, approve_payout, payout)
    first = payout.lines[0].end_to_end_id
    with pytest.raises(payout_errors.PayoutLineNotSettled):
        bank(world, return_line, first, reference="BACK1")
    bank(world, settle_line, first)
    bank(world, return_line, first, reference="BACK1")
    assert bank(world, return_line, first, reference="BACK1").replayed
    assert owed(world, 1) == (3_000, 0)
    bank(world, settle_line, payout.lines[1].end_to_end_id)
    after = prepared(world, cutoff_on=BOOKED_ON, execution_on=BOOKED_ON)
    assert [(line.merchant_id, line.amount_cents) for line in after.lines] == [(1, 3_000)]


def test_a_line_that_is_not_ordered_or_not_ours_is_not_settled(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    with pytest.raises(payout_errors.PayoutLineNotOrdered):
        bank(world, settle_line, payout.lines[0].end_to_end_id)
    with pytest.raises(payout_errors.PayoutLineUnknown):
        bank(world, settle_line, "VILLE9-P00001-0001")


def test_a_payout_given_up_is_not_approved(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    step(world, cancel_payout, payout)
    with pytest.raises(payout_errors.PayoutStateWrong) as refused:
        step(world, approve_payout, payout)
    assert "annulé" in refused.value.sentence()


def test_each_step_is_in_the_audit_trail(db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    payout = prepared(world)
    step(world, approve_payout, payout)
    with reading(db_engine) as db:
        events = identity.audit_events_page(db, territory_id=1, offset=0, limit=2)
    assert [(event.action, event.actor) for event in events] == [
        ("payout.approve", APPROVER),
        ("payout.prepare", MANAGER),
    ]


APPROVED = "UPDATE payouts SET state = 'approved', approved_by = 'staff:4', approved_at_ms = 1 WHERE id = 1"
INSERT_APPROVED = (
    "INSERT INTO payouts (territory_id, id, label, cutoff_on, message_id, execution_on, state, total_cents,"
    " prepared_by, approved_by, prepared_at_ms) VALUES (1, 2, 'x', '2026-10-05', 'X2', '2026-10-05', 'approved',"
    " 100, 'staff:3', 'staff:4', 1)"
)
INSERT_LINE = (
    "INSERT INTO payout_lines (territory_id, payout_id, line_no, merchant_id, amount_cents, recovered_cents,"
    " end_to_end_id, rf_reference, iban, bic, name, state) VALUES (1, 1, 9, 2, 99, 0, 'X', 'X', 'X', '', 'X',"
    " 'prepared')"
)
ATTACKS_BEFORE = {
    "approve one's own payout": (APPROVED.replace("staff:4", "staff:3"), "ck_payouts_two_people"),
    "say that another prepared it": (
        "UPDATE payouts SET prepared_by = 'staff:9' WHERE id = 1",
        "payout_preparer_fixed",
    ),
    "order without an approval": ("UPDATE payouts SET state = 'sent' WHERE id = 1", "payout_state_order"),
    "approve another total": (
        APPROVED.replace("SET ", "SET total_cents = 99999, "),
        "payout_total_wrong",
    ),
    "insert one already approved": (
        INSERT_APPROVED,
        "payout_state_order",
    ),
    "pay a negative amount": ("UPDATE payout_lines SET amount_cents = -1", "ck_payout_lines_amount"),
}
ATTACKS_AFTER = {
    "raise a line": ("UPDATE payout_lines SET amount_cents = amount_cents + 1", "payout_lines_frozen"),
    "pay to another account": ("UPDATE payout_lines SET iban = 'FR7630006000011234567890189'", "payout_lines_frozen"),
    "add a line": (
        INSERT_LINE,
        "payout_lines_frozen",
    ),
    "remove a line": ("DELETE FROM payout_lines WHERE line_no = 2", "payout_lines_frozen"),
    "take the approval back": (
        "UPDATE payouts SET state = 'prepared' WHERE id = 1",
        "payout_state_order",
    ),
    "change the approver": ("UPDATE payouts SET approved_by = 'staff:8' WHERE id = 1", "payout_preparer_fixed"),
    "change the total": ("UPDATE payouts SET total_cents = 1 WHERE id = 1", "payout_frozen"),
    "order a line twice": ("UPDATE payout_lines SET order_entry_id = 1", "payout_line_state_order"),
    "settle without an entry": ("UPDATE payout_lines SET state = 'settled'", "ck_payout_lines_entries"),
    "forget the payout": ("DELETE FROM payouts WHERE id = 1", "payout_frozen"),
}


def attack(engine: Engine, statement: str) -> str:
    with pytest.raises(DBAPIError) as refused, engine.connect() as db:
        db.execute(text(statement))
    return str(refused.value.orig)


@pytest.mark.parametrize("name", ATTACKS_BEFORE)
def test_raw_sql_cannot_skip_the_second_person(name: str, db_engine: Engine) -> None:
    prepared(world_with_shops(db_engine))
    statement, constraint = ATTACKS_BEFORE[name]
    assert constraint in attack(db_engine, statement)


@pytest.mark.parametrize("name", ATTACKS_AFTER)
def test_raw_sql_cannot_change_what_was_approved(name: str, db_engine: Engine) -> None:
    world = world_with_shops(db_engine)
    step(world, approve_payout, prepared(world))
    statement, constraint = ATTACKS_AFTER[name]
    assert constraint in attack(db_engine, statement)


def test_the_same_sql_by_two_people_passes(db_engine: Engine) -> None:
    prepared(world_with_shops(db_engine))
    with db_engine.connect() as db:
        assert db.execute(text(APPROVED)).rowcount == 1
