"""What a shop is paid, and under which references."""

import pytest
from stdnum import iso11649

from merchants.errors import REFUSALS
from merchants.payouts.redemption import Redemption, end_to_end_id, redeem, rf_reference


@pytest.mark.parametrize(
    ("balance_cents", "debt_cents", "paid", "recovered", "carried"),
    [
        (10_000, 0, 10_000, 0, 0),
        (10_000, 2_000, 8_000, 2_000, 0),
        (99, 0, 0, 0, 99),
        (100, 0, 100, 0, 0),
        (2_099, 2_000, 0, 0, 2_099),
        (1_000, 5_000, 0, 0, 1_000),
        (0, 0, 0, 0, 0),
    ],
)
def test_debt_is_taken_first_and_too_little_waits(
    balance_cents: int, debt_cents: int, paid: int, recovered: int, carried: int
) -> None:
    found = redeem(balance_cents=balance_cents, debt_cents=debt_cents)
    assert found == Redemption(paid_cents=paid, recovered_cents=recovered, carried_cents=carried)
    assert found.paid_cents + found.recovered_cents + found.carried_cents == balance_cents


def test_nothing_is_paid_even_when_no_minimum_is_asked() -> None:
    assert redeem(balance_cents=0, debt_cents=0, minimum_cents=0).paid_cents == 0


def test_references_are_those_of_iso_11649_and_fit_sepa() -> None:
    references = {rf_reference(territory_id=1, payout_id=3, line_no=line) for line in range(1, 50)}
    assert len(references) == 49
    assert all(iso11649.is_valid(reference) for reference in references)
    assert end_to_end_id(territory_code="VILLE1", payout_id=3, line_no=7) == "VILLE1-P00003-0007"


def test_every_refusal_says_itself_in_both_languages_and_has_a_code_of_its_own() -> None:
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)
    for refusal in REFUSALS:
        assert refusal().english().endswith(".")
        assert refusal().sentence()
