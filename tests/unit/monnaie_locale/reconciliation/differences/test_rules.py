"""What each rule finds, at its edges; errors that cancel; and the words for all of it."""

import datetime
from dataclasses import replace

import pytest

from monnaie_locale.ledger.periods import PARIS, Month, instant_ms
from monnaie_locale.reconciliation.differences.model import (
    BankCharge,
    Charge,
    DifferenceKind,
    DifferenceState,
    Facts,
    Funding,
    Part,
    RefusedFile,
    Transfer,
)
from monnaie_locale.reconciliation.differences.rules import find
from monnaie_locale.reconciliation.differences.till_rules import DOUBLE_SCAN_MS
from monnaie_locale.reconciliation.differences.wording import ENGLISH, FRENCH, told

OCTOBER = Month(2026, 10)
NOTHING = Facts(month=OCTOBER, bank_through_on=OCTOBER.last_day, reserve_cents=1_000, owed_cents=1_000)
NOON_MS = instant_ms(datetime.datetime(2026, 10, 12, 12, 0, tzinfo=PARIS))


def october(day: int) -> datetime.date:
    return datetime.date(2026, 10, day)


def transfer(number: int = 1, **more: object) -> Transfer:
    values: dict[str, object] = {
        "end_to_end_id": f"VILLE1-P00001-000{number}", "batch_reference": "VILLE1-P00001", "payout_id": 1,
        "merchant_id": number, "amount_cents": 1_000 * number, "execution_on": october(26), "prepared_at_ms": NOON_MS,
        "ordered_entry_id": 10 + number, "ordered_on": october(25),
    }  # fmt: skip
    return Transfer(**(values | more))  # type: ignore[arg-type]


def part(cents: int, *, line: int = 1, **more: object) -> Part:
    values: dict[str, object] = {
        "bank_statement_id": 1, "line_no": line, "part_no": 1, "booked_on": october(27), "amount_cents": cents,
        "waiting_cents": cents,
    }  # fmt: skip
    return Part(**(values | more))  # type: ignore[arg-type]


def charge(number: int, **more: object) -> Charge:
    values: dict[str, object] = {
        "entry_id": number, "wallet_id": 7, "shop_account_id": 3, "amount_cents": 500, "happened_at_ms": NOON_MS,
        "accounted_on": october(12), "purse_expires_on": october(31),
    }  # fmt: skip
    return Charge(**(values | more))  # type: ignore[arg-type]


def kinds(facts: Facts) -> list[tuple[DifferenceKind, int]]:
    return [(each.kind, each.amount_cents) for each in find(facts)]


def test_a_month_without_anything_has_no_difference() -> None:
    assert find(NOTHING) == []


def test_a_reserve_short_by_a_cent_is_found() -> None:
    assert kinds(replace(NOTHING, owed_cents=1_001)) == [(DifferenceKind.RESERVE_SHORT, 1)]


@pytest.mark.parametrize(("apart_ms", "found"), [(0, 1), (DOUBLE_SCAN_MS, 1), (DOUBLE_SCAN_MS + 1, 0)])
def test_two_equal_charges_are_one_scan_or_two_purchases_by_the_time_between_them(apart_ms: int, found: int) -> None:
    charges = (charge(1), charge(2, happened_at_ms=NOON_MS + apart_ms))

    assert len(find(replace(NOTHING, charges=charges))) == found


def test_three_scans_are_two_too_many() -> None:
    charges = tuple(charge(number, happened_at_ms=NOON_MS + number) for number in (1, 2, 3))

    assert [each.subject for each in find(replace(NOTHING, charges=charges))] == ["entry:2", "entry:3"]


@pytest.mark.parametrize(("last_day", "found"), [(11, 1), (12, 0)])
def test_a_purse_pays_until_the_end_of_its_last_day(last_day: int, found: int) -> None:
    facts = replace(NOTHING, charges=(charge(1, purse_expires_on=october(last_day)),))

    assert len(find(facts)) == found


def test_charges_are_made_good_the_oldest_first_and_in_part() -> None:
    charges = tuple(BankCharge(entry_id=n, amount_cents=300, booked_on=october(n)) for n in (1, 2))

    assert kinds(replace(NOTHING, bank_charges=charges, topped_up_cents=450)) == [(DifferenceKind.BANK_CHARGE, 150)]


@pytest.mark.parametrize(("announced", "found"), [(16, 1), (17, 0)])
def test_a_funding_is_late_after_two_weeks(announced: int, found: int) -> None:
    funding = Funding(reference="RF18ABCD", amount_cents=5, announced_on=october(announced))

    assert len(find(replace(NOTHING, fundings=(funding,)))) == found


@pytest.mark.parametrize(
    ("debited", "kind"),
    [(28, DifferenceKind.STATEMENT_ENTRY_MISSING), (29, DifferenceKind.PAYOUT_IN_TRANSIT)],
)
def test_a_transfer_is_forgotten_when_the_rest_of_its_order_was_debited_days_ago(
    debited: int, kind: DifferenceKind
) -> None:
    transfers = (transfer(1), transfer(2, settled_entry_id=20, settled_on=october(debited)))

    assert kinds(replace(NOTHING, transfers=transfers)) == [(kind, 1_000)]


def test_a_line_that_speaks_of_a_transfer_is_the_difference_and_not_the_transfer_too() -> None:
    facts = replace(NOTHING, transfers=(transfer(),), parts=(part(-990, end_to_end_id="VILLE1-P00001-0001"),))

    (found,) = find(facts)
    assert (found.kind, found.amount_cents, found.expected_cents) == (DifferenceKind.PAYOUT_WRONG_AMOUNT, 990, 1_000)


def test_two_errors_that_cancel_name_one_another_and_a_third_stays_alone() -> None:
    parts = (part(-700, line=1), part(700, line=2), part(700, line=3, booked_on=october(28)))

    found = {each.subject: each.cancels_with for each in find(replace(NOTHING, parts=parts))}

    assert found == {"line:1/1.1": "line:1/2.1", "line:1/2.1": "line:1/1.1", "line:1/3.1": ""}


def test_a_refused_statement_is_open_until_another_came_in() -> None:
    refused = RefusedFile(
        refused_id=1, code="statement_does_not_follow", gap_cents=-40, refused_on=datetime.date(2026, 11, 2)
    )
    for since, state in (("", DifferenceState.OPEN), ("statement:3", DifferenceState.EXPLAINED)):
        (found,) = find(replace(NOTHING, refusals=(replace(refused, imported_since=since),)))
        assert (found.kind, found.amount_cents, found.state) == (
            DifferenceKind.STATEMENT_ENTRY_MISSING,
            40,
            state,
        )


@pytest.mark.parametrize("words", [FRENCH, ENGLISH])
def test_every_kind_has_its_name_what_is_known_and_its_next_step(words: dict) -> None:
    assert set(words) == set(DifferenceKind)
    (found,) = find(replace(NOTHING, owed_cents=1_001))
    for kind in DifferenceKind:
        said = told(replace(found, kind=kind, reference="R"), words)
        assert said.name
        assert said.next_step
        assert "{" not in said.known
