"""Amounts: how they are read and written, and what is no amount."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.amounts import check_amount, read_amount
from monnaie_locale.ledger.errors import AmountMalformed, AmountNotPositive, AmountTooLarge, Refusal
from monnaie_locale.ledger.money import CENTS_MAX, format_decimal, format_euros, parse_euros


@pytest.mark.parametrize(
    ("typed", "amount_cents"),
    [
        ("12,50", 1_250),
        ("12.5", 1_250),
        ("12", 1_200),
        (" 1 234,56 € ", 123_456),
        ("0,01", 1),
        ("-3", -300),
        ("12,", 1_200),
    ],
)
def test_what_a_cashier_types_is_read_to_the_cent(typed: str, amount_cents: int) -> None:
    assert parse_euros(typed) == amount_cents


@pytest.mark.parametrize(
    "typed", ["", "€", "12,505", "1e3", "NaN", "0x10", "١٢", "12,5,0", "--1", "1_000", "∞", "9" * 40]
)
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(AmountMalformed):
        read_amount(typed)


def test_zero_negative_and_huge_amounts_are_refused_each_with_its_code() -> None:
    for amount_cents, refusal in ((0, AmountNotPositive), (-1, AmountNotPositive), (CENTS_MAX + 1, AmountTooLarge)):
        with pytest.raises(refusal):
            check_amount(amount_cents)
    assert check_amount(CENTS_MAX) == CENTS_MAX


@given(st.integers(min_value=-CENTS_MAX, max_value=CENTS_MAX))
def test_an_amount_written_for_people_or_for_programs_is_read_back(amount_cents: int) -> None:
    assert parse_euros(format_decimal(amount_cents)) == amount_cents
    assert parse_euros(format_decimal(amount_cents, point=",")) == amount_cents
    # Thousands make the longest form longer than what a person may type.
    if abs(amount_cents) < 10**15:
        assert parse_euros(format_euros(amount_cents)) == amount_cents


def test_a_sentence_shows_cents_as_euros_and_survives_a_missing_detail() -> None:
    class Short(Refusal):
        """There is less."""

        code = "short"
        french = "Il reste {available_cents} sur {wallet}."

    assert Short(available_cents=1_250).sentence() == "Il reste 12,50\u00a0€ sur …."
    assert Short().english() == "There is less."
