"""The terms of payouts: which pain.001, from how much, with what fee; decided apart, kept, for the next orders only."""

import pytest
from lxml import etree
from sqlalchemy import Engine

from merchants import payout_errors
from merchants.model import PayoutTerms
from merchants.payouts.operations import approve_payout, prepare_payout
from merchants.payouts.redemption import redeem
from merchants.payouts.terms import TERMS, set_payout_terms, terms_of
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.exports.operations import payment_order_of
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.reconciliation.operations import import_statement
from tests.factories.ledger import World, open_world
from tests.factories.merchants import APPROVER, MANAGER, NOW, admit
from tests.factories.month import moment, open_month
from tests.factories.pain002 import status_report
from tests.factories.vandal import run

HALF_A_PERCENT = PayoutTerms(pain_version="03", minimum_cents=500, fee_basis_points=50)


def decide(world: World, terms: PayoutTerms) -> None:
    transact(world.engine, set_payout_terms, territory_id=1, terms=terms, actor=APPROVER, now=NOW)


def shop_with(world: World, number: int, cents: int) -> None:
    admit(world, number)
    world.charge(7, number, cents)


def test_without_a_decision_there_is_no_fee_and_a_minimum_of_one_euro(db_engine: Engine) -> None:
    open_world(db_engine)
    with reading(db_engine) as db:
        assert terms_of(db, territory_id=1) == TERMS
    assert (TERMS.pain_version, TERMS.minimum_cents, TERMS.fee_basis_points) == ("09", 100, 0)


@pytest.mark.parametrize(
    "terms",
    [
        PayoutTerms(pain_version="11", minimum_cents=1, fee_basis_points=0),
        PayoutTerms(pain_version="09", minimum_cents=0, fee_basis_points=0),
        PayoutTerms(pain_version="09", minimum_cents=1, fee_basis_points=1_001),
        PayoutTerms(pain_version="09", minimum_cents=1, fee_basis_points=-1),
    ],
)
def test_terms_out_of_their_bounds_are_refused(db_engine: Engine, terms: PayoutTerms) -> None:
    world = open_world(db_engine)
    with pytest.raises(payout_errors.PayoutTermsInvalid):
        decide(world, terms)


def test_the_fee_is_the_issuers_and_comes_back_when_the_bank_rejects(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    decide(month.world, HALF_A_PERCENT)
    payout = month.pay()
    first, second = payout.lines
    # 0,5 % of 12,50 € and of 40 €, rounded down.
    assert [(line.amount_cents, line.fee_cents) for line in (first, second)] == [(1_244, 6), (3_980, 20)]
    assert payout.pain_version == "03"
    with reading(db_engine) as db:
        order = payment_order_of(db, territory_id=1, payout_id=payout.id).content
    assert etree.fromstring(order).tag.startswith("{urn:iso:std:iso:20022:tech:xsd:pain.001.001.03}")

    answer = status_report(group="PART", payments=[(first.end_to_end_id, "RJCT", "AC04")], order=payout.message_id)
    transact(db_engine, import_statement, territory_id=1, content=answer, actor=MANAGER, now=moment(27))
    world = month.world
    with reading(db_engine) as db:
        verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
        assert list(verdict.findings) == []
        shop, fees = world.shop(first.merchant_id), world.single(AccountKind.RECONVERSION_FEES)
        assert [balance_of(db, territory_id=1, account_id=each) for each in (shop, fees)] == [1_250, 20]


def test_below_the_minimum_the_sum_waits(db_engine: Engine) -> None:
    world = open_world(db_engine)
    world.fund(100_000)
    world.issue(7, 50_000)
    shop_with(world, 1, 499)
    shop_with(world, 2, 600)
    decide(world, PayoutTerms(pain_version="09", minimum_cents=500, fee_basis_points=0))
    common = {"territory_id": 1, "cutoff_on": NOW.date(), "execution_on": NOW.date(), "label": "x", "now": NOW}
    payout = transact(db_engine, prepare_payout, actor=MANAGER, **common)
    assert [line.merchant_id for line in payout.lines] == [2]
    transact(db_engine, approve_payout, territory_id=1, payout_id=payout.id, actor=APPROVER, now=NOW)
    world.charge(7, 1, 1)
    again = transact(db_engine, prepare_payout, actor=MANAGER, **common)
    assert [(line.merchant_id, line.amount_cents) for line in again.lines] == [(1, 500)]


def test_a_fee_never_takes_a_payment_below_the_minimum() -> None:
    paid = redeem(balance_cents=1_000, debt_cents=0, minimum_cents=990, fee_basis_points=100)
    assert (paid.paid_cents, paid.fee_cents, paid.carried_cents) == (990, 10, 0)
    waits = redeem(balance_cents=1_000, debt_cents=0, minimum_cents=991, fee_basis_points=100)
    assert (waits.paid_cents, waits.fee_cents, waits.carried_cents) == (0, 0, 1_000)


def test_what_was_decided_is_never_rewritten(db_engine: Engine) -> None:
    world = open_world(db_engine)
    decide(world, HALF_A_PERCENT)
    for attack in ("UPDATE payout_terms SET fee_basis_points = 0", "DELETE FROM payout_terms"):
        with pytest.raises(Exception, match="append_only"):
            run(db_engine, attack)
