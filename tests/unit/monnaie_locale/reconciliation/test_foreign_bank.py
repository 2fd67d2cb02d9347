"""The whole way round: our order goes to a bank we did not write, and its statements come back to be matched."""

import datetime

import pytest

from monnaie_locale.exports.sepa import CreditTransfer, Debtor, PaymentFile, PostalAddress, write_payment_file
from monnaie_locale.exports.sepa_text import creditor_reference
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.matching import match
from monnaie_locale.reconciliation.model import Expectation, ExpectationKind, MatchKind
from tests.factories.camt import read_statements
from tests.factories.foreign_bank import open_bank

IBAN = "FR7630006000011234567890189"
MERCHANT_IBANS = ("FR1420041010050500013M02606", "FR7630004000031234567890143", "FR7611315000011234567890138")
AMOUNTS = (12_050, 4_200, 99)
FUNDING_REFERENCE = creditor_reference(body="DOT202611")


@pytest.fixture
def bank():
    with open_bank(iban=IBAN, balance_cents=500_000, clock="2026-12-01T09:00") as opened:
        yield opened


def order():
    address = PostalAddress(street="Grande Rue", building="1", postcode="64100", town="Ville-Exemple")
    transfers = tuple(
        CreditTransfer(
            end_to_end_id=f"MLC-{number}",
            amount_cents=cents,
            creditor_name=f"Épicerie n° {number}",
            creditor_iban=iban,
            creditor_bic="AGRIFRPP",
            address=address,
            rf_reference=creditor_reference(body=f"MLC{number}"),
        )
        for number, (cents, iban) in enumerate(zip(AMOUNTS, MERCHANT_IBANS, strict=True), start=1)
    )
    return write_payment_file(
        payment=PaymentFile(
            message_id="MLC-LOT-11",
            created_at=datetime.datetime(2026, 12, 1, 8, 0, tzinfo=datetime.UTC),
            execution_on=datetime.date(2026, 12, 2),
            debtor=Debtor(name="Association", siret="73282932000074", iban=IBAN, bic="AGRIFRPP", address=address),
            transfers=transfers,
        )
    )


def expectations(settled=()):
    expected = [
        Expectation(
            kind=ExpectationKind.PAYOUT,
            expectation_id=number,
            amount_cents=cents,
            end_to_end_id=f"MLC-{number}",
            batch_reference="MLC-LOT-11",
            is_settled=number in settled,
        )
        for number, cents in enumerate(AMOUNTS, start=1)
    ]
    expected.append(
        Expectation(kind=ExpectationKind.FUNDING, expectation_id=70, amount_cents=250_000, reference=FUNDING_REFERENCE)
    )
    return expected


def read_and_match(contents):
    """Return the matches of several days, remembering what is settled, as the import of each statement does."""
    settled, found = set(), []
    for content in contents:
        (statement,) = read_statements(content=content, iban=IBAN)
        matches = match(lines=statement.lines, expectations=expectations(settled))
        settled |= {each.expectation_id for each in matches if each.kind is MatchKind.PAYOUT_SETTLED}
        found += [(each.kind, each.expectation_id, each.amount_cents) for each in matches]
    return found


def test_an_order_a_funding_and_a_returned_transfer_come_back_as_what_they_are(bank):
    bank.behave("return-later", days=2, reason="AC04", end_to_end_id="MLC-2")
    # A note that the bank cuts every 35 characters: the reference is broken in two.
    note = f"CCAS de Ville-Exemple dotation {FUNDING_REFERENCE} de novembre"
    bank.ask("POST", "/_mock/credits", {"account": "RESERVE", "amount": 250_000, "note": note, "wrap": 35})
    bank.ask("POST", "/payments", order())
    bank.advance(7)
    assert read_and_match(bank.collect("camt.053")) == [
        (MatchKind.FUNDING, 70, 250_000),
        (MatchKind.PAYOUT_SETTLED, 1, -12_050),
        (MatchKind.PAYOUT_SETTLED, 2, -4_200),
        (MatchKind.PAYOUT_SETTLED, 3, -99),
        (MatchKind.PAYOUT_RETURNED, 2, 4_200),
    ]


def test_a_statement_with_a_hole_in_it_is_refused(bank):
    bank.behave("statement-gap")
    bank.ask("POST", "/payments", order())
    bank.advance(3)
    with pytest.raises(errors.StatementDoesNotAddUp):
        read_and_match(bank.collect("camt.053"))
