"""Which guarantees stand behind an offline charge, and when a till could not know that a card had ended."""

import datetime

import pytest

from monnaie_locale.journal.queries import PurseBalance
from monnaie_locale.programmes.model import Category, ExpiredGoesTo, LegalBasis, PinRule, Programme
from wallets.model import Card, CardState
from wallets.paying.offline_guarantee import END_UNKNOWN_MAX_MS, CardEnd, end_of, guarantees_behind

DAY = datetime.date(2026, 12, 31)
AT_MS = 1_800_000_000_000


def purse(programme_id: int, cents: int = 0) -> PurseBalance:
    return PurseBalance(programme_id * 10, programme_id, 1, DAY, cents)


def programme(number: int, *, pin_rule: PinRule = PinRule.NEVER, above_cents: int = 0) -> Programme:
    return Programme(
        programme_id=number,
        name=f"D{number}",
        legal_basis=LegalBasis.CIVIL_MANDATE,
        decision_reference="1",
        decided_on=DAY,
        budget_cents=1,
        pin_rule=pin_rule,
        pin_above_cents=above_cents,
        grace_days=0,
        expired_goes_to=ExpiredGoesTo.CCAS,
        categories=frozenset({Category.FOOD}),
        is_open=False,
        created_by="staff:1",
        created_at_ms=0,
    )


def behind(*purses: PurseBalance, guarantees: dict[int, int], cents: int = 500, **rules: Programme) -> tuple[int, ...]:
    programmes = {number: programme(number) for number in (1, 2, 3)} | {
        each.programme_id: each for each in rules.values()
    }
    return guarantees_behind(purses, programmes, guarantees, amount_cents=cents)


def test_guarantees_come_in_the_order_of_the_purses_each_once() -> None:
    found = behind(purse(2), purse(1, 300), purse(2, 5), purse(3), guarantees={1: 71, 2: 72})
    assert found == (72, 71)
    assert behind(purse(1), guarantees={2: 72}) == ()
    assert behind(guarantees={1: 71}) == ()


def test_a_programme_that_asks_for_the_pin_of_this_amount_guarantees_nothing() -> None:
    above = programme(1, pin_rule=PinRule.ABOVE, above_cents=500)
    assert behind(purse(1), guarantees={1: 71}, cents=500, above=above) == (71,)
    assert behind(purse(1), guarantees={1: 71}, cents=501, above=above) == ()
    assert behind(purse(1), guarantees={1: 71}, cents=1, always=programme(1, pin_rule=PinRule.ALWAYS)) == ()


@pytest.mark.parametrize(
    ("ended_before_ms", "end"),
    [
        (None, CardEnd.ACTIVE),
        (-1, CardEnd.AFTER),
        (0, CardEnd.BEFORE),
        (END_UNKNOWN_MAX_MS, CardEnd.BEFORE),
        (END_UNKNOWN_MAX_MS + 1, CardEnd.ACTIVE),
    ],
)
def test_a_card_ends_before_or_after_what_was_taken(ended_before_ms: int | None, end: CardEnd) -> None:
    ended = None if ended_before_ms is None else AT_MS - ended_before_ms
    state = CardState.ACTIVE if ended is None else CardState.BLOCKED
    card = Card(
        card_id=1, wallet_id=1, number="0000000000", state=state, tries_left=5, unpinned_count=0, unpinned_cents=0,
        issued_at_ms=0, ended_at_ms=ended,
    )  # fmt: skip
    assert end_of(card, happened_at_ms=AT_MS) is end


def test_a_card_that_nobody_knows_has_not_ended() -> None:
    assert end_of(None, happened_at_ms=AT_MS) is CardEnd.ACTIVE
