"""A transfer that the bank rejected and debited all the same is not paid a second time while the debit waits."""

import datetime

import pytest
from sqlalchemy import Engine

from merchants.model import Payout, PayoutLine
from merchants.payout_errors import PayoutBalanceChanged, PayoutEmpty
from merchants.payouts import operations as payouts
from merchants.payouts.news import lines_named
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.reconciliation.decisions import By, decide, take_match_back, undo
from monnaie_locale.reconciliation.model import Item, Resolution, Share
from tests.factories.month import CHECKER, MAKER, BankLine, Month2026, moment, open_month
from tests.factories.pain002 import status_report

NOVEMBER_2 = moment(2, 11)
BY = By(territory_id=1, actor=MAKER, note="Vu avec la banque", now=NOVEMBER_2)


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Give a month in which the first shop took 12,50 € and the second one 40 €, both ordered."""
    opened = open_month(db_engine)
    opened.import_(opened.first_statement(), now=moment(11))
    opened.spend()
    return opened


def reject(month: Month2026, payout: Payout, line: PayoutLine) -> None:
    told = status_report(group="PART", payments=[(line.end_to_end_id, "RJCT", "AC04")], order=payout.message_id)
    month.import_(told, now=moment(28))


def prepared(month: Month2026) -> Payout:
    return transact(
        month.engine, payouts.prepare_payout, territory_id=1, label="Encore", cutoff_on=NOVEMBER_2.date(),
        execution_on=NOVEMBER_2.date(), actor=MAKER, now=NOVEMBER_2,
    )  # fmt: skip


def approved(month: Month2026, payout: Payout) -> Payout:
    return transact(
        month.engine, payouts.approve_payout, territory_id=1, payout_id=payout.id, actor=CHECKER, now=NOVEMBER_2
    )  # fmt: skip


def amounts(payout: Payout) -> list[int]:
    return [line.amount_cents for line in payout.lines]


def test_what_was_debited_all_the_same_waits_until_the_bank_has_given_it_back(month: Month2026) -> None:
    payout = month.pay()
    line = payout.lines[0]
    reject(month, payout, line)
    back = BankLine(cents=line.amount_cents, on=datetime.date(2026, 10, 30), text="ANNULATION")
    month.import_(month.second_statement(payout, back))
    with pytest.raises(PayoutEmpty):
        prepared(month)
    # What the shop takes besides is paid.
    month.world.charge(7, month.shops[0].id, 700)
    assert amounts(prepared(month)) == [700]
    transact(month.engine, payouts.cancel_payout, territory_id=1, payout_id=2, actor=MAKER, now=NOVEMBER_2)

    shares = [
        Share(bank_statement_id=2, line_no=number, part_no=1, amount_cents=cents)
        for number, cents in ((1, -line.amount_cents), (4, line.amount_cents))
    ]
    item = Item(kind=Resolution.BANK_CORRECTION, amount_cents=line.amount_cents)
    decision = transact(month.engine, decide, by=BY, shares=shares, items=[item])

    again = prepared(month)
    assert amounts(again) == [line.amount_cents + 700]
    # Somebody undoes the decision before the other person approves: the debit waits again.
    transact(month.engine, undo, by=BY, decision_id=decision.decision_id)
    with pytest.raises(PayoutBalanceChanged):
        approved(month, again)
    transact(month.engine, decide, by=BY, shares=shares, items=[item])
    assert approved(month, again).approved_by == CHECKER
    assert month.verdict().findings == ()


def test_a_debit_that_was_taken_back_and_then_rejected_waits_too(month: Month2026) -> None:
    payout = month.pay()
    month.import_(month.second_statement(payout))
    transact(month.engine, take_match_back, by=BY, bank_statement_id=2, line_no=1)
    reject(month, payout, payout.lines[0])
    with pytest.raises(PayoutEmpty):
        prepared(month)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_message_that_names_more_payments_than_a_statement_has_parameters_is_heard(month: Month2026) -> None:
    payout = month.pay()
    ours = {line.end_to_end_id: (payout.id, line.line_no) for line in payout.lines}
    with reading(month.engine) as db:
        named = lines_named(db, territory_id=1, end_to_end_ids=[*ours, *(f"X{number}" for number in range(66_000))])
    assert named == ours


def test_what_was_rejected_and_never_debited_is_paid_by_the_next_order(month: Month2026) -> None:
    payout = month.pay()
    reject(month, payout, payout.lines[0])
    assert amounts(approved(month, prepared(month))) == [payout.lines[0].amount_cents]
