"""What a refusal says: its code, its details, its sentence; and the amounts at the edge of what is refused."""

import pytest

from monnaie_locale.ledger.accounts import AccountKind, Balance
from monnaie_locale.ledger.amounts import check_amount, read_amount
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import (
    AccountUnknown,
    AlreadyReversed,
    AmountMalformed,
    AmountNotPositive,
    AmountTooLarge,
    InsufficientFunds,
    SameAccount,
)
from monnaie_locale.ledger.money import CENTS_MAX, format_decimal, format_euros, parse_euros
from monnaie_locale.ledger.posting import Draw, decide
from tests.factories.ledger import posting

LONG = "1234567890" * 5


def test_a_refusal_carries_its_code_and_its_details() -> None:
    refusal = AlreadyReversed(entry_id=12)
    assert refusal.args == ("already_reversed",)
    assert str(refusal) == "already_reversed: L’écriture n° 12 a déjà été contre-passée."
    assert refusal.english() == "This entry was already reversed; an entry is reversed once."
    # A text that names cents is shown as it is.
    assert InsufficientFunds(available_cents="peu").sentence() == "Solde insuffisant : il reste peu."


def test_what_was_typed_is_told_again_up_to_forty_characters() -> None:
    with pytest.raises(AmountMalformed) as typed:
        read_amount(f"x{LONG}")
    assert typed.value.details == {"given": f"x{LONG}"[:40]}
    with pytest.raises(AmountMalformed) as given:
        check_amount(LONG)  # type: ignore[arg-type]
    assert given.value.details == {"given": LONG[:40]}


def test_the_amounts_refused_are_told() -> None:
    with pytest.raises(AmountNotPositive) as small:
        check_amount(-3)
    assert small.value.details == {"amount_cents": -3}
    with pytest.raises(AmountTooLarge) as large:
        check_amount(CENTS_MAX + 1)
    assert large.value.details == {"maximum_cents": CENTS_MAX}
    for odd in (True, 1.0, None):
        with pytest.raises(AmountMalformed):
            check_amount(odd)  # type: ignore[arg-type]
    assert read_amount("12,50") == 1_250
    assert (check_amount(1), check_amount(CENTS_MAX)) == (1, CENTS_MAX)


def test_the_accounts_and_the_amounts_of_a_posting_refused_are_told() -> None:
    balances = {1: Balance(AccountKind.PURSE, 0, 5), 2: Balance(AccountKind.MERCHANT, 0, 0)}

    def refused(draw: Draw, refusal: type[Exception]) -> dict[str, object]:
        with pytest.raises(refusal) as caught:
            decide(posting(EntryKind.CHARGE, draw, key="k"), balances)
        details: dict[str, object] = caught.value.details  # type: ignore[attr-defined]
        return details

    assert refused(Draw((1,), 1, 1), SameAccount) == {"account_id": 1}
    assert refused(Draw((9,), 2, 1), AccountUnknown) == {"account_id": 9}
    assert refused(Draw((1,), 2, 6), InsufficientFunds) == {"available_cents": 5, "amount_cents": 6}
    assert refused(Draw((2,), 1, 6), InsufficientFunds) == {"available_cents": 0, "amount_cents": 6}


def test_zero_and_one_cent_are_written_without_a_sign() -> None:
    assert [format_euros(cents) for cents in (0, 1, -1)] == ["0,00\u00a0€", "0,01\u00a0€", "−0,01\u00a0€"]
    assert [format_decimal(cents) for cents in (0, 1, -1)] == ["0.00", "0.01", "-0.01"]
    assert format_euros(123_456_789) == "1\u202f234\u202f567,89\u00a0€"


def test_the_longest_amount_typed_is_read_and_one_character_more_is_not() -> None:
    assert parse_euros("1" * 32) == int("1" * 32) * 100
    assert parse_euros("1" * 33) is None
    # The minus of a keyboard and that of a typographer; nothing else is a sign.
    assert [parse_euros(typed) for typed in ("-1", "−1", "X1", "+1")] == [-100, -100, None, None]
    assert [parse_euros(typed) for typed in ("1,٢", "1,ab", "1,²")] == [None, None, None]
