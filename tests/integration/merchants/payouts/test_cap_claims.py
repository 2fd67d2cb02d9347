"""Chèques d'accompagnement at the shops: paid once certified, lapsed after February, given back to the CCAS."""

import datetime

import pytest
from sqlalchemy import Engine

from merchants import payout_errors
from merchants.model import Payout
from merchants.payouts.cap_claims import claims_deadline, claims_kept, claims_of, lapse_claims, record_certification
from merchants.payouts.operations import approve_payout, prepare_payout
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import LegalBasis
from tests.factories import programmes
from tests.factories.ledger import World, open_world
from tests.factories.merchants import APPROVER, MANAGER, admit
from tests.factories.vandal import run

OCTOBER = datetime.datetime(2026, 10, 20, 9, tzinfo=datetime.UTC)
JANUARY = datetime.datetime(2027, 1, 20, 9, tzinfo=datetime.UTC)
LAST_DAY = datetime.datetime(2027, 2, 28, 9, tzinfo=datetime.UTC)
MARCH = datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC)
CAP_CENTS, AID_CENTS = 3_000, 500


def town(engine: Engine) -> World:
    """Return a town where shop 1 took 30 € of chèques (programme 1) and 5 € of another aid (programme 2)."""
    world = open_world(engine)
    programmes.programme(engine, "Chèques", legal_basis=LegalBasis.CAP)
    programmes.programme(engine, "Aide")
    admit(world, 1)
    world.now_ms = instant_ms(OCTOBER)
    for number in (1, 2):
        world.fund(100_000, number)
        world.issue(7, 50_000, number)
    world.charge(7, 1, CAP_CENTS)
    world.do(EntryKind.CHARGE, Draw((world.purse(7, 2),), world.shop(1), AID_CENTS))
    return world


def prepared(world: World, now: datetime.datetime) -> Payout:
    return transact(
        world.engine, prepare_payout, territory_id=1, label="x", cutoff_on=now.date(), execution_on=now.date(),
        actor=MANAGER, now=now,
    )  # fmt: skip


def certify(world: World, now: datetime.datetime, *, year: int = 2026) -> None:
    transact(
        world.engine, record_certification, territory_id=1, merchant_id=1, year=year, document="attestation",
        actor=MANAGER, now=now,
    )  # fmt: skip


def lapse(world: World, now: datetime.datetime) -> int:
    return transact(
        world.engine, lapse_claims, territory_id=1, merchant_id=1, year=2026, actor=APPROVER, now=now
    )  # fmt: skip


def kept(world: World, now: datetime.datetime) -> list[tuple[int, int, bool]]:
    with reading(world.engine) as db:
        found = claims_kept(db, territory_id=1, through_on=now.date())
        every = claims_of(db, territory_id=1, through_on=now.date())
        # Read along the shop's own entries, the same.
        own = claims_of(db, territory_id=1, through_on=now.date(), merchant_id=1)
    assert own == [claim for claim in every if claim.merchant_id == 1]
    return [(each.programme_id, each.amount_cents, each.is_certified) for each in found]


def held(world: World, account_id: int) -> int:
    with reading(world.engine) as db:
        return balance_of(db, territory_id=1, account_id=account_id)


def test_the_deadline_is_the_28th_of_february_also_in_a_leap_year() -> None:
    assert claims_deadline(2026) == datetime.date(2027, 2, 28)
    assert claims_deadline(2027) == datetime.date(2028, 2, 29)


def test_what_is_not_certified_waits_and_the_rest_is_paid(db_engine: Engine) -> None:
    world = town(db_engine)
    assert kept(world, OCTOBER) == [(1, CAP_CENTS, False)]
    payout = prepared(world, OCTOBER)
    assert [line.amount_cents for line in payout.lines] == [AID_CENTS]


def test_a_refund_since_the_payout_was_prepared_does_not_let_it_take_what_is_kept(db_engine: Engine) -> None:
    world = town(db_engine)
    payout = prepared(world, OCTOBER)
    world.do(EntryKind.REFUND, Draw((world.shop(1),), world.purse(7, 2), AID_CENTS))
    with pytest.raises(payout_errors.PayoutBalanceChanged):
        transact(db_engine, approve_payout, territory_id=1, payout_id=payout.id, actor=APPROVER, now=OCTOBER)
    assert held(world, world.shop(1)) == CAP_CENTS


def test_once_certified_everything_is_paid(db_engine: Engine) -> None:
    world = town(db_engine)
    certify(world, OCTOBER)
    assert kept(world, OCTOBER) == []
    assert [line.amount_cents for line in prepared(world, OCTOBER).lines] == [CAP_CENTS + AID_CENTS]


def test_what_was_refunded_to_the_cheques_is_not_kept(db_engine: Engine) -> None:
    world = town(db_engine)
    world.do(EntryKind.REFUND, Draw((world.shop(1),), world.purse(7), 1_000))
    assert kept(world, OCTOBER) == [(1, CAP_CENTS - 1_000, False)]


def test_what_was_refunded_after_the_cheques_expired_is_not_taken_from_the_shop_again(db_engine: Engine) -> None:
    world = town(db_engine)
    expired = world.account(AccountKind.EXPIRED, programme=1)
    cheques = world.charge(7, 1, 400).entry.entry_id
    aid = world.do(EntryKind.CHARGE, Draw((world.purse(7, 2),), world.shop(1), 300)).entry.entry_id
    world.now_ms = instant_ms(JANUARY)
    world.do(EntryKind.REFUND, Draw((world.shop(1),), expired, 400), reference=f"CHARGE:{cheques}")
    # The control: what another aid paid lessens no claim on chèques.
    other = world.account(AccountKind.EXPIRED, programme=2)
    world.do(EntryKind.REFUND, Draw((world.shop(1),), other, 300), reference=f"CHARGE:{aid}")

    assert kept(world, JANUARY) == [(1, CAP_CENTS, False)]
    assert lapse(world, MARCH) == CAP_CENTS
    assert held(world, expired) == CAP_CENTS + 400, "each chèque goes back to the CCAS once"
    assert held(world, world.shop(1)) == AID_CENTS


def test_what_a_shop_refunds_by_owing_it_is_not_kept(db_engine: Engine) -> None:
    world = town(db_engine)
    debt = world.account(AccountKind.MERCHANT_DEBT, merchant=1)
    world.do(EntryKind.REFUND, Draw((debt,), world.purse(7), 1_000))
    assert kept(world, OCTOBER) == [(1, CAP_CENTS - 1_000, False)]


def test_a_claim_is_certified_on_the_last_day_and_not_after(db_engine: Engine) -> None:
    world = town(db_engine)
    with pytest.raises(payout_errors.CapClaimLapsed) as refused:
        certify(world, MARCH)
    assert "28/02/2027" in refused.value.sentence()
    with pytest.raises(payout_errors.CapYearWrong):
        certify(world, LAST_DAY, year=2028)
    certify(world, LAST_DAY)
    with pytest.raises(payout_errors.CapAlreadyCertified):
        certify(world, LAST_DAY)


def test_what_has_lapsed_goes_back_to_the_ccas_once(db_engine: Engine) -> None:
    world = town(db_engine)
    with pytest.raises(payout_errors.CapClaimNotLapsed):
        lapse(world, LAST_DAY)
    assert lapse(world, MARCH) == CAP_CENTS
    assert held(world, world.shop(1)) == AID_CENTS
    assert held(world, world.account(AccountKind.EXPIRED, programme=1)) == CAP_CENTS
    assert kept(world, MARCH) == []
    with pytest.raises(payout_errors.CapClaimNotLapsed):
        lapse(world, MARCH)
    assert [line.amount_cents for line in prepared(world, MARCH).lines] == [AID_CENTS]


def test_a_claim_that_comes_in_after_the_deadline_is_not_paid_even_to_a_shop_that_certified(db_engine: Engine) -> None:
    world = town(db_engine)
    certify(world, OCTOBER)
    payout = prepared(world, OCTOBER)
    transact(db_engine, approve_payout, territory_id=1, payout_id=payout.id, actor=APPROVER, now=OCTOBER)
    world.now_ms = instant_ms(MARCH)
    # An offline till came back: the charge is of December, and accounted today.
    world.charge(7, 1, 700)
    assert kept(world, MARCH) == [(1, 700, True)]
    with pytest.raises(payout_errors.PayoutEmpty):
        prepared(world, MARCH)
    assert lapse(world, MARCH) == 700


def test_a_certification_is_never_rewritten(db_engine: Engine) -> None:
    world = town(db_engine)
    certify(world, OCTOBER)
    for attack in ("UPDATE cap_certifications SET year = 2025", "DELETE FROM cap_certifications"):
        with pytest.raises(Exception, match="append_only"):
            run(db_engine, attack)
