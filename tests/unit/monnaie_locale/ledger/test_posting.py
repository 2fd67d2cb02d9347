"""What a posting does to the balances it is shown, without a database."""

import pytest

from monnaie_locale.ledger.accounts import ACCOUNT_MAP, LIMITS, AccountKind, Balance
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import (
    REFUSALS,
    AccountUnknown,
    AmountNotPositive,
    AmountTooLarge,
    InsufficientFunds,
    SameAccount,
)
from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.ledger.posting import Draw, Posting, apply, decide, request_digest
from monnaie_locale.ledger.reversal import mirror
from tests.factories.ledger import posting

PURSE, OTHER_PURSE, SHOP, DEBT, RESERVE = 1, 2, 3, 4, 5
BALANCES = {
    PURSE: Balance(AccountKind.PURSE, 200, 1_200),
    OTHER_PURSE: Balance(AccountKind.PURSE, 0, 500),
    SHOP: Balance(AccountKind.MERCHANT, 0, 300),
    DEBT: Balance(AccountKind.MERCHANT_DEBT, 250, 0),
    RESERVE: Balance(AccountKind.RESERVE, 0, 0),
}


def _amounts(*draws: Draw) -> list[tuple[int, int, int]]:
    moves = decide(posting(EntryKind.CHARGE, *draws, key="k"), BALANCES)
    return [(move.debit_account_id, move.credit_account_id, move.amount_cents) for move in moves]


def test_sources_are_emptied_in_order() -> None:
    assert _amounts(Draw((PURSE, OTHER_PURSE), SHOP, 1_400)) == [(PURSE, SHOP, 1_000), (OTHER_PURSE, SHOP, 400)]


def test_a_second_draw_sees_what_the_first_took() -> None:
    with pytest.raises(InsufficientFunds) as caught:
        _amounts(Draw((PURSE,), SHOP, 800), Draw((PURSE,), SHOP, 300))
    assert caught.value.details["available_cents"] == 200


def test_a_debt_is_not_repaid_beyond_what_is_owed() -> None:
    assert _amounts(Draw((SHOP,), DEBT, 250)) == [(SHOP, DEBT, 250)]
    with pytest.raises(InsufficientFunds):
        _amounts(Draw((SHOP,), DEBT, 251))


def test_a_shop_without_enough_goes_into_debt_for_the_rest() -> None:
    assert _amounts(Draw((SHOP, DEBT), PURSE, 450)) == [(SHOP, PURSE, 300), (DEBT, PURSE, 150)]


def test_an_empty_source_cannot_pay_even_at_most() -> None:
    empty = {**BALANCES, PURSE: Balance(AccountKind.PURSE, 5, 5)}
    with pytest.raises(InsufficientFunds):
        decide(posting(EntryKind.CHARGE, Draw((PURSE,), SHOP, 1, at_most=True), key="k"), empty)


@pytest.mark.parametrize(
    ("draw", "refusal"),
    [
        (Draw((99,), 99, 0), AmountNotPositive),
        (Draw((99,), 99, CENTS_MAX + 1), AmountTooLarge),
        (Draw((99,), 99, 1), SameAccount),
        (Draw((99,), SHOP, 10**9), AccountUnknown),
        (Draw((PURSE,), SHOP, 10**9), InsufficientFunds),
    ],
)
def test_when_several_reasons_apply_the_first_of_the_fixed_order_is_given(draw: Draw, refusal: type) -> None:
    with pytest.raises(refusal):
        _amounts(draw)
    assert refusal in REFUSALS


def test_codes_are_unique_and_every_kind_of_account_has_its_code_and_limit() -> None:
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)
    assert set(ACCOUNT_MAP) == set(LIMITS) == set(AccountKind)


def test_requests_are_told_apart() -> None:
    assert request_digest(card="A", amount_cents=1) == request_digest(amount_cents=1, card="A")
    assert request_digest(card="A", amount_cents=1) != request_digest(card="A", amount_cents=2)
    assert request_digest(a="1") != request_digest(a=1)


def test_the_mirror_undoes_every_transfer_in_reverse() -> None:
    moves = decide(posting(EntryKind.CHARGE, Draw((PURSE, OTHER_PURSE), SHOP, 1_400), key="k"), BALANCES)
    entry = _entry(moves)
    assert mirror(entry) == (Draw((SHOP,), OTHER_PURSE, 400), Draw((SHOP,), PURSE, 1_000))


def test_each_transfer_names_both_accounts_with_their_kinds() -> None:
    (move,) = decide(posting(EntryKind.CHARGE, Draw((PURSE,), SHOP, 7), key="k"), BALANCES)
    assert (move.debit_account_id, move.debit_kind) == (PURSE, AccountKind.PURSE)
    assert (move.credit_account_id, move.credit_kind) == (SHOP, AccountKind.MERCHANT)


def test_every_draw_of_an_entry_gives_its_transfers_in_order() -> None:
    draws = (Draw((PURSE,), SHOP, 100), Draw((RESERVE,), OTHER_PURSE, 50), Draw((OTHER_PURSE,), SHOP, 550))
    assert _amounts(*draws) == [(PURSE, SHOP, 100), (RESERVE, OTHER_PURSE, 50), (OTHER_PURSE, SHOP, 550)]


def test_an_empty_source_is_passed_over_and_one_cent_is_taken() -> None:
    purses = {**BALANCES, PURSE: Balance(AccountKind.PURSE, 5, 5), OTHER_PURSE: Balance(AccountKind.PURSE, 0, 1)}
    asked = posting(EntryKind.CHARGE, Draw((PURSE, OTHER_PURSE), SHOP, 1), key="k")
    assert [(move.debit_account_id, move.amount_cents) for move in decide(asked, purses)] == [(OTHER_PURSE, 1)]
    last = posting(EntryKind.CHARGE, Draw((OTHER_PURSE, PURSE), SHOP, 9, at_most=True), key="k")
    assert [(move.debit_account_id, move.amount_cents) for move in decide(last, purses)] == [(OTHER_PURSE, 1)]


def test_a_source_without_limit_pays_what_its_target_may_take() -> None:
    assert _amounts(Draw((RESERVE,), SHOP, 10**9)) == [(RESERVE, SHOP, 10**9)]
    assert _amounts(Draw((RESERVE,), DEBT, 900, at_most=True)) == [(RESERVE, DEBT, 250)]
    assert _amounts(Draw((SHOP,), DEBT, 900, at_most=True)) == [(SHOP, DEBT, 250)]
    with pytest.raises(InsufficientFunds) as caught:
        _amounts(Draw((RESERVE,), DEBT, 900))
    assert caught.value.details == {"available_cents": 250, "amount_cents": 900}


def test_the_smaller_of_what_is_held_and_what_is_owed_limits_a_draw() -> None:
    poor = {**BALANCES, SHOP: Balance(AccountKind.MERCHANT, 0, 100)}
    with pytest.raises(InsufficientFunds) as caught:
        decide(posting(EntryKind.RECOVERY, Draw((SHOP,), DEBT, 200), key="k"), poor)
    assert caught.value.details["available_cents"] == 100


def test_a_source_named_twice_holds_its_money_once() -> None:
    with pytest.raises(InsufficientFunds):
        _amounts(Draw((PURSE, PURSE), SHOP, 1_001))


def test_applying_transfers_moves_both_counters_and_only_those() -> None:
    balances = dict(BALANCES)
    apply(decide(posting(EntryKind.CHARGE, Draw((PURSE, OTHER_PURSE), SHOP, 1_400), key="k"), BALANCES), balances)

    assert {account: (each.debits_cents, each.credits_cents) for account, each in balances.items()} == {
        PURSE: (1_200, 1_200),
        OTHER_PURSE: (400, 500),
        SHOP: (0, 1_700),
        DEBT: (250, 0),
        RESERVE: (0, 0),
    }
    # Deciding alone moves nothing.
    assert BALANCES[PURSE] == Balance(AccountKind.PURSE, 200, 1_200)


def test_a_request_of_bytes_is_that_of_their_hexadecimal() -> None:
    assert request_digest(card=b"\x01\xff") == request_digest(card="01ff")


def _entry(moves):
    from_posting: Posting = posting(EntryKind.CHARGE, key="k")
    return type("Entry", (), {"transfers": moves, "kind": from_posting.kind})()
