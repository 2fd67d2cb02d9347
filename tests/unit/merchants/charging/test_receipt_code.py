"""Nobody makes the code of a receipt but us; and the word of the day is one's own."""

import datetime
import re

import pytest

from merchants.charging.receipt_code import entry_of_receipt, receipt_code
from merchants.errors import ReceiptUnknown
from merchants.holders.day_word import WORDS, day_word
from wallets.codes.card_token import ALPHABET

SECRET, OTHER = bytes(32), bytes(31) + b"\x01"
DAY = datetime.date(2026, 10, 5)


def test_a_receipt_is_found_by_its_code_in_any_case() -> None:
    for number in (1, 2, 999_999_999_999):
        code = receipt_code(secret=SECRET, territory_id=1, entry_id=number)
        assert re.fullmatch(f"[{ALPHABET}]{{24}}", code)
        assert entry_of_receipt(code.lower(), secret=SECRET, territory_id=1) == number


def test_a_code_that_we_did_not_give_opens_nothing() -> None:
    code = receipt_code(secret=SECRET, territory_id=1, entry_id=7)
    neighbour = receipt_code(secret=SECRET, territory_id=1, entry_id=8)
    forged = [
        code[:8] + neighbour[8:],
        receipt_code(secret=OTHER, territory_id=1, entry_id=7),
        code[:-1],
        code + "0",
        "",
    ]
    forged += [code[:place] + ("0" if code[place] != "0" else "1") + code[place + 1 :] for place in range(24)]
    for text in forged:
        with pytest.raises(ReceiptUnknown):
            entry_of_receipt(text, secret=SECRET, territory_id=1)
    with pytest.raises(ReceiptUnknown):
        entry_of_receipt(code, secret=SECRET, territory_id=2)


def test_the_word_changes_with_the_day_the_shop_and_the_secret() -> None:
    def word(secret: bytes = SECRET, merchant_id: int = 1, days: int = 0) -> str:
        day = DAY + datetime.timedelta(days=days)
        return day_word(secret=secret, territory_id=1, merchant_id=merchant_id, day=day)

    assert word() == word()
    month = [word(days=days) for days in range(30)]
    assert len(set(month)) > 20
    assert [word(merchant_id=2, days=days) for days in range(30)] != month
    assert [word(secret=OTHER, days=days) for days in range(30)] != month
    assert len(set(WORDS)) == len(WORDS) > 200
