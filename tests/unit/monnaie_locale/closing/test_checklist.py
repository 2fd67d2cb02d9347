"""The checklist on facts made by hand: clean, and wrong in one way at a time."""

import dataclasses
import datetime

import pytest

from monnaie_locale.closing.checklist import checklist, is_clean, last_business_day
from monnaie_locale.closing.model import AgedItem, Facts, InTransit
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceKind, DifferenceState

OCTOBER = Month(2026, 10)
CENTS = dict.fromkeys(AccountKind, 0) | {
    AccountKind.RESERVE: -10_000,
    AccountKind.PROGRAMME_FUNDS: 4_000,
    AccountKind.PURSE: 3_000,
    AccountKind.MERCHANT: 2_000,
    AccountKind.PAYOUT_TRANSIT: 1_000,
}
TRANSIT = InTransit(end_to_end_id="V-1", ordered_on=datetime.date(2026, 10, 29), amount_cents=1_000)
UNKNOWN = Difference(
    kind=DifferenceKind.CREDIT_UNKNOWN,
    subject="line:1/2.1",
    amount_cents=500,
    happened_on=datetime.date(2026, 10, 6),
    age_days=25,
)
CARRIED = dataclasses.replace(UNKNOWN, state=DifferenceState.CARRIED, reason="La banque cherche.")
ON_ITS_WAY = Difference(
    kind=DifferenceKind.PAYOUT_IN_TRANSIT,
    subject="transfer:V-1",
    amount_cents=1_000,
    happened_on=datetime.date(2026, 10, 26),
    age_days=5,
    reference="V-1",
)
WAITING = AgedItem(
    since=datetime.date(2026, 10, 6), nature_fr="", reference="", explanation_fr="", suspense_cents=500
)  # fmt: skip
CLEAN = Facts(
    month=OCTOBER,
    bank_through=datetime.date(2026, 10, 31),
    bank_cents=10_000,
    kinds_cents=CENTS,
    held_cents=CENTS,
    in_transit=(TRANSIT,),
    differences=(),
    aged=(),
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
        {**moved(PROGRAMME_FUNDS=3_500, SUSPENSE_IN=500), "differences": (UNKNOWN,), "aged": (WAITING,)},
        ["differences_settled"],
    ),
    "one difference of two that nobody explained": ({"differences": (CARRIED, UNKNOWN)}, ["differences_settled"]),
    "a transfer on its way for too long": (
        {"differences": (dataclasses.replace(ON_ITS_WAY, age_days=6),)},
        ["differences_settled"],
    ),
    "money to explain that no line explains": (
        {**moved(PROGRAMME_FUNDS=3_500, SUSPENSE_IN=500), "differences": (CARRIED,)},
        ["suspense_listed"],
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
    assert len({check.code for check in checks}) == len(checks) == 9
    assert all(check.sentence_fr.endswith(".") for check in checks)


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_is_found_and_nothing_else(fault: str) -> None:
    changes, codes = WRONG[fault]

    checks = checklist(dataclasses.replace(CLEAN, **changes))

    assert [check.code for check in checks if not check.ok] == codes
    assert not is_clean(checks)


def test_a_difference_may_be_carried_with_its_reason_and_money_on_its_way_carries_itself() -> None:
    carried = dataclasses.replace(
        CLEAN,
        **moved(PROGRAMME_FUNDS=3_500, SUSPENSE_IN=500),
        differences=(CARRIED, ON_ITS_WAY),
        aged=(WAITING,),
    )

    checks = checklist(carried)

    assert is_clean(checks)
    (settled,) = [check for check in checks if check.code == "differences_settled"]
    assert [detail.partition(" depuis ")[2] for detail in settled.details] == [
        (
            "le 06/10/2026 (25 jours). Aucune référence attendue sur cette recette de 5,00\xa0€. "
            "Reporté : La banque cherche."
        ),
        (
            "le 26/10/2026 (5 jours). Le virement V-1 est ordonné ; la banque ne l’a pas encore débité. "
            "En cours de sa nature : le prochain relevé le soldera."
        ),
    ]


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
