"""What the page says of one transfer: by the books first, then by the bank's last word."""

import dataclasses
import datetime

import pytest

from merchants.model import LineNews, LineState, PaymentStatus, PayoutLine
from merchants.payouts.situation import REASONS, situation_of

LINE = PayoutLine(
    payout_id=1, line_no=1, merchant_id=1, amount_cents=100, recovered_cents=0, fee_cents=0, end_to_end_id="E1",
    rf_reference="", iban="", bic="", name="Boulangerie", state=LineState.ORDERED, order_entry_id=1,
    settled_entry_id=None, returned_entry_id=None,
)  # fmt: skip


def said(state, status=None, reason=""):
    news = None
    if status is not None:
        news = LineNews(payout_id=1, line_no=1, status=status, reason=reason, told_on=datetime.date(2026, 10, 26))
    return situation_of(dataclasses.replace(LINE, state=state), news)


@pytest.mark.parametrize(
    ("state", "status", "label"),
    [
        (LineState.PREPARED, None, "préparé"),
        (LineState.ORDERED, None, "ordonné"),
        (LineState.ORDERED, PaymentStatus.PENDING, "reçu par la banque"),
        (LineState.ORDERED, PaymentStatus.ACCEPTED, "accepté par la banque"),
        (LineState.ORDERED, PaymentStatus.DEBITED, "débit annoncé par la banque"),
        (LineState.ORDERED, PaymentStatus.RETURNED, "retour annoncé par la banque"),
        (LineState.ORDERED, PaymentStatus.REPEATED, "ordre envoyé deux fois"),
        (LineState.SETTLED, None, "payé"),
        (LineState.SETTLED, PaymentStatus.ACCEPTED, "payé"),
        (LineState.SETTLED, PaymentStatus.RETURNED, "payé, retour annoncé"),
        (LineState.RETURNED, PaymentStatus.RETURNED, "payé, puis retourné"),
        (LineState.REJECTED, PaymentStatus.REJECTED, "rejeté par la banque"),
    ],
)
def test_each_state_has_its_word(state, status, label):
    assert said(state, status).label == label


def test_why_and_what_next_are_said_in_french_with_the_banks_code():
    rejected = said(LineState.REJECTED, PaymentStatus.REJECTED, "AC01")
    assert rejected.why == "Numéro de compte incorrect (AC01)"
    assert rejected.next_step.startswith("La somme est de nouveau due au commerce. Demandez un nouveau RIB")


def test_a_reason_that_nobody_foresaw_is_shown_as_the_bank_wrote_it():
    assert said(LineState.RETURNED, PaymentStatus.RETURNED, "ZZ99").why == "Motif ZZ99"


def test_reasons_are_words_that_begin_small_and_steps_that_are_sentences():
    for code, (french, step) in REASONS.items():
        assert french[0].islower(), code
        assert step[0].isupper(), code
        assert step.endswith("."), code
