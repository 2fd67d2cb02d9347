"""The checklist on facts made by hand: clean, and wrong in one way at a time."""

import dataclasses
import datetime

import pytest

from monnaie_locale.closing.checklist import checklist, is_clean, last_business_day
from monnaie_locale.closing.model import Facts, InTransit
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import Month

OCTOBER = Month(2026, 10)
CENTS = dict.fromkeys(AccountKind, 0) | {
    AccountKind.RESERVE: -10_000,
    AccountKind.PROGRAMME_FUNDS: 4_000,
    AccountKind.PURSE: 3_000,
    AccountKind.MERCHANT: 2_000,
    AccountKind.PAYOUT_TRANSIT: 1_000,
}
TRANSIT = InTransit(end_to_end_id="V-1", ordered_on=datetime.date(2026, 10, 29), amount_cents=1_000)
CLEAN = Facts(
    month=OCTOBER,
    bank_through=datetime.date(2026, 10, 31),
    bank_cents=10_000,
    kinds_cents=CENTS,
    held_cents=CENTS,
    in_transit=(TRANSIT,),
    unresolved=(),
    half_posted=(),
    faults=(),
)


def moved(**changes: int) -> dict[str, dict[AccountKind, int]]:
    """Return the same balances with some changed, on both sides."""
    cents = CENTS | {AccountKind[name]: amount for name, amount in changes.items()}
    return {"kinds_cents": cents, "held_cents": cents}


WRONG = {
    "no statement": ({"bank_through": None, "bank_cents": None}, ["statements_imported", "bank_equals_books"]),
    "a statement that stops early": ({"bank_through": datetime.date(2026, 10, 29)}, ["statements_imported"]),
    "a bank that says a cent more": ({"bank_cents": 10_001}, ["bank_equals_books"]),
    "units that the reserve does not cover": (
        {**moved(PROGRAMME_FUNDS=0, PURSE=7_500, RECONVERSION_FEES=-500)},
        ["reserve_covers_owed"],
    ),
    "money that nobody explained": (
        {**moved(PROGRAMME_FUNDS=3_500, SUSPENSE_IN=500), "unresolved": ("06/10/2026",)},
        ["suspense_empty"],
    ),
    "a transfer that nobody knows": ({"in_transit": ()}, ["transit_listed"]),
    "a counter that differs from its entries": (
        {"held_cents": CENTS | {AccountKind.PURSE: 3_001}},
        ["books_balance"],
    ),
    "books that do not add up to zero": ({**moved(PURSE=3_001)}, ["books_balance"]),
    "a distribution cut in two": ({"half_posted": ("Octobre : 3 lignes sur 200",)}, ["distributions_whole"]),
    "an entry that was altered": ({"faults": ("entry 4",)}, ["books_verified"]),
}


def test_a_clean_month_is_clean_and_says_so_point_by_point() -> None:
    checks = checklist(CLEAN)

    assert is_clean(checks)
    assert len({check.code for check in checks}) == len(checks) == 8
    assert all(check.sentence_fr.endswith(".") for check in checks)


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_is_found_and_nothing_else(fault: str) -> None:
    changes, codes = WRONG[fault]

    checks = checklist(dataclasses.replace(CLEAN, **changes))

    assert [check.code for check in checks if not check.ok] == codes
    assert not is_clean(checks)


def test_a_suspense_may_be_carried_with_its_reason() -> None:
    carried = dataclasses.replace(
        CLEAN, **moved(PROGRAMME_FUNDS=3_500, SUSPENSE_IN=500), carried_reason="La banque cherche."
    )

    assert is_clean(checklist(carried))


def test_a_transfer_in_transit_is_told_with_its_age() -> None:
    (transit,) = [check for check in checklist(CLEAN) if check.code == "transit_listed"]

    assert "V-1" in transit.details[0]
    assert "(2 jours)" in transit.details[0]


@pytest.mark.parametrize(
    ("month", "day"),
    [(OCTOBER, 30), (Month(2026, 11), 30), (Month(2027, 2), 26), (Month(2028, 4), 28)],
)
def test_a_month_that_ends_on_a_weekend_needs_statements_up_to_the_friday(month: Month, day: int) -> None:
    assert last_business_day(month).day == day
