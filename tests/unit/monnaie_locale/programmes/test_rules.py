"""Which purses pay, in which order, and when the PIN is asked for."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from monnaie_locale.journal.queries import PurseBalance
from monnaie_locale.programmes import rules
from monnaie_locale.programmes.model import Category, ExpiredGoesTo, LegalBasis, PinRule, Programme

DAY = datetime.date(2026, 10, 5)


def programme(programme_id: int = 1, **more: object) -> Programme:
    values: dict[str, object] = {
        "programme_id": programme_id,
        "name": "Aide",
        "legal_basis": LegalBasis.CONVENTION,
        "decision_reference": "D",
        "decided_on": DAY,
        "budget_cents": 1,
        "pin_rule": PinRule.ABOVE,
        "pin_above_cents": 2_000,
        "grace_days": 30,
        "expired_goes_to": ExpiredGoesTo.CCAS,
        "categories": frozenset({Category.FOOD}),
        "is_open": True,
        "created_by": "staff:1",
        "created_at_ms": 0,
    }
    return Programme(**(values | more))  # type: ignore[arg-type]


def purse(account_id: int, expires_on: datetime.date, balance_cents: int = 100, programme_id: int = 1) -> PurseBalance:
    return PurseBalance(account_id, programme_id, 7, expires_on, balance_cents)


def eligible(*purses: PurseBalance, **programmes: Programme) -> list[int]:
    known = {1: programme(), 2: programme(2, categories=frozenset({Category.TRANSPORT}))}
    found = rules.eligible_purses(purses, programmes=known, category=Category.FOOD, day=DAY)
    return [one.account_id for one in found]


def test_the_day_of_expiry_is_the_last_day_that_pays() -> None:
    yesterday = DAY - datetime.timedelta(days=1)
    assert eligible(purse(1, DAY), purse(2, yesterday)) == [1]


def test_the_earliest_expiry_pays_first_and_age_settles_a_tie() -> None:
    later = DAY + datetime.timedelta(days=30)
    assert eligible(purse(9, later), purse(3, DAY), purse(4, later), purse(8, DAY)) == [3, 8, 4, 9]


def test_another_programme_pays_elsewhere_and_an_unknown_one_nowhere() -> None:
    assert eligible(purse(1, DAY, programme_id=2), purse(2, DAY, programme_id=99), purse(3, DAY)) == [3]


def test_a_closed_programme_still_pays_what_it_gave_out() -> None:
    found = rules.eligible_purses(
        [purse(1, DAY)], programmes={1: programme(is_open=False)}, category=Category.FOOD, day=DAY
    )
    assert len(found) == 1


@pytest.mark.parametrize(
    ("amount_cents", "touched"), [(1, [1]), (100, [1]), (101, [1, 3]), (250, [1, 3]), (9_999, [1, 3])]
)
def test_the_purses_drawn_are_those_that_the_amount_reaches(amount_cents: int, touched: list[int]) -> None:
    purses = [purse(1, DAY, 100), purse(2, DAY, 0), purse(3, DAY, 150)]
    assert [one.account_id for one in rules.drawn_purses(purses, amount_cents=amount_cents)] == touched


@pytest.mark.parametrize(
    ("rule", "amount_cents", "asked"),
    [
        (PinRule.NEVER, 5_000, False),
        (PinRule.ABOVE, 2_000, False),
        (PinRule.ABOVE, 2_001, True),
        (PinRule.ALWAYS, 1, True),
    ],
)
def test_the_programme_says_when_the_pin_is_asked_for(rule: PinRule, amount_cents: int, *, asked: bool) -> None:
    assert rules.needs_pin(programme(pin_rule=rule), amount_cents=amount_cents) is asked


def test_a_cap_lives_within_its_calendar_year() -> None:
    cap = programme(legal_basis=LegalBasis.CAP)
    assert rules.expiry_is_lawful(cap, expires_on=datetime.date(2026, 12, 31), day=DAY)
    assert not rules.expiry_is_lawful(cap, expires_on=datetime.date(2027, 1, 1), day=DAY)
    assert rules.expiry_is_lawful(programme(), expires_on=datetime.date(2028, 1, 1), day=DAY)


def test_purses_are_emptied_the_day_after_the_grace() -> None:
    expiry = datetime.date(2026, 9, 30)
    last = rules.expires_by(programme(grace_days=5), day=datetime.date(2026, 10, 5))
    assert last < expiry
    assert rules.expires_by(programme(grace_days=5), day=datetime.date(2026, 10, 6)) == expiry


@given(st.integers(1, 999), st.integers(1, 9_999_999))
def test_a_funding_reference_is_one_by_a_strangers_check(territory_id: int, funding_order_id: int) -> None:
    reference = rules.funding_reference(territory_id=territory_id, funding_order_id=funding_order_id)
    assert iso11649.is_valid(reference)


def test_a_known_creditor_reference_comes_out() -> None:
    # The example of ISO 11649 itself.
    assert rules.creditor_reference("539007547034") == "RF18539007547034"
