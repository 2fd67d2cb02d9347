"""Euros come in once and by their reference; what nobody spent is taken back once, after the grace."""

import datetime

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import Owner, find_accounts
from monnaie_locale.journal.queries import balance_of, entries, head_of, purses_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import errors, queries
from monnaie_locale.programmes.model import PIN_ABOVE_MAX_CENTS, ExpiredGoesTo, FundingState, ProgrammeTerms
from monnaie_locale.programmes.operations import expiring, funding
from tests.factories import programmes as made
from tests.factories import wallets
from tests.factories.ledger import TERRITORY_ID, open_world
from tests.factories.programmes import MAKER, NOW

TOWN = {"territory_id": TERRITORY_ID}
BOOKED_ON = datetime.date(2026, 10, 2)


def register(engine: Engine, programme_id: int, amount_cents: int) -> queries.FundingOrder:
    return transact(
        engine,
        funding.register_funding_order,
        **TOWN,
        programme_id=programme_id,
        amount_cents=amount_cents,
        actor=MAKER,
        now=NOW,
    )


def receive(engine: Engine, funding_order_id: int) -> queries.FundingOrder:
    return transact(
        engine,
        funding.receive_funding,
        **TOWN,
        funding_order_id=funding_order_id,
        bank_reference="2026100200017",
        booked_on=BOOKED_ON,
        now=NOW,
    )


def test_a_funding_is_received_once(db_engine: Engine) -> None:
    open_world(db_engine)
    programme = made.programme(db_engine)
    order = register(db_engine, programme.programme_id, 50_000)
    assert (order.state, order.entry_id) == (FundingState.EXPECTED, None)
    received = receive(db_engine, order.funding_order_id)
    assert received.state is FundingState.RECEIVED
    with pytest.raises(errors.FundingAlreadyReceived):
        receive(db_engine, order.funding_order_id)
    with reading(db_engine) as db:
        (posted,) = entries(db, **TOWN)
        assert posted.entry.entry_id == received.entry_id
        assert (posted.entry.kind, posted.entry.accounted_on) == (EntryKind.FUNDING, BOOKED_ON)
        assert posted.entry.reference == order.reference
        assert queries.funds_of(db, **TOWN, programme_id=programme.programme_id) == 50_000
        assert head_of(db, **TOWN).reserve_cents == 50_000
        assert queries.funding_orders_of(db, **TOWN, state=FundingState.EXPECTED) == []


def test_references_are_all_different(db_engine: Engine) -> None:
    open_world(db_engine)
    programme = made.programme(db_engine)
    references = {register(db_engine, programme.programme_id, 100).reference for _ in range(5)}
    assert len(references) == 5


def test_the_budget_is_not_exceeded_by_the_orders_together(db_engine: Engine) -> None:
    open_world(db_engine)
    programme = made.programme(db_engine, budget_cents=10_000)
    register(db_engine, programme.programme_id, 9_000)
    with pytest.raises(errors.BudgetExceeded) as refused:
        register(db_engine, programme.programme_id, 1_001)
    assert refused.value.details["available_cents"] == 1_000
    register(db_engine, programme.programme_id, 1_000)


def test_an_unknown_order_or_programme_is_refused(db_engine: Engine) -> None:
    open_world(db_engine)
    with pytest.raises(errors.FundingUnknown):
        receive(db_engine, 9)
    with pytest.raises(errors.ProgrammeUnknown):
        register(db_engine, 9, 100)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "  "}, "programme_invalid"),
        ({"name": "x" * 81}, "programme_invalid"),
        ({"decision_reference": ""}, "programme_invalid"),
        ({"categories": frozenset()}, "programme_invalid"),
        ({"budget_cents": 0}, "amount_not_positive"),
        ({"budget_cents": 2**53}, "amount_too_large"),
        ({"pin_above_cents": 5_001}, "programme_invalid"),
        ({"grace_days": -1}, "programme_invalid"),
        ({"grace_days": 367}, "programme_invalid"),
    ],
)
def test_a_programme_that_makes_no_sense_is_not_opened(db_engine: Engine, more: dict[str, object], code: str) -> None:
    open_world(db_engine)
    with pytest.raises(Refusal) as refused:
        made.programme(db_engine, **more)
    assert refused.value.code == code
    with reading(db_engine) as db:
        assert queries.programmes_by_id(db, **TOWN) == {}


def test_two_programmes_do_not_share_a_name(db_engine: Engine) -> None:
    open_world(db_engine)
    first = made.programme(db_engine)
    with pytest.raises(errors.ProgrammeNameTaken):
        made.programme(db_engine, "  Aide alimentaire ")
    with reading(db_engine) as db:
        assert list(queries.programmes_by_id(db, **TOWN).values()) == [first]


def expire(engine: Engine, programme_id: int, day: datetime.date) -> int:
    moment = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    posted = transact(engine, expiring.expire_purses, **TOWN, programme_id=programme_id, actor="job:expiry", now=moment)
    return sum(each.entry.amount_cents for each in posted)


@pytest.mark.parametrize("goes_to", ExpiredGoesTo)
def test_what_nobody_spent_is_taken_back_once_after_the_grace(db_engine: Engine, goes_to: ExpiredGoesTo) -> None:
    open_world(db_engine)
    keys = wallets.keyring()
    programme = made.programme(db_engine, grace_days=10, expired_goes_to=goes_to)
    other = made.programme(db_engine, "Autre", grace_days=0)
    lines = [(wallets.wallet(db_engine, keys, f"M-{number}").wallet_id, 1_000 + number) for number in range(3)]
    made.distributed(db_engine, programme.programme_id, lines, expires_on=datetime.date(2026, 10, 31))
    made.distributed(db_engine, other.programme_id, lines[:1], expires_on=datetime.date(2026, 10, 31))

    assert expire(db_engine, programme.programme_id, datetime.date(2026, 11, 10)) == 0
    assert expire(db_engine, programme.programme_id, datetime.date(2026, 11, 11)) == 3_003
    assert expire(db_engine, programme.programme_id, datetime.date(2026, 11, 11)) == 0
    kind = AccountKind.EXPIRED if goes_to is ExpiredGoesTo.CCAS else AccountKind.PROGRAMME_FUNDS
    owner = Owner(kind, programme.programme_id)
    with reading(db_engine) as db:
        account_id = find_accounts(db, **TOWN, owners=[owner])[owner]
        assert balance_of(db, **TOWN, account_id=account_id) == 3_003
        held = [purse.balance_cents for purse in purses_of(db, **TOWN, wallet_id=lines[0][0])]
        assert sorted(held) == [0, 1_000]


def test_terms_come_with_careful_defaults() -> None:
    terms = made.terms()
    assert isinstance(terms, ProgrammeTerms)
    assert (terms.grace_days, terms.expired_goes_to) == (30, ExpiredGoesTo.CCAS)
    assert PIN_ABOVE_MAX_CENTS == 5_000
