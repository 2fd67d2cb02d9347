"""A shop's statement adds up, shows what the shop needs and nothing about who paid."""

import dataclasses
import datetime

import pytest

from monnaie_locale.documents.merchant_statement import Detail, merchant_statement
from monnaie_locale.documents.model import MerchantParty, MerchantStatement, StatementLine
from monnaie_locale.ledger.periods import Month

IBAN = "FR7630006000011234567890189"


def line(number, day, hour, cents, *, note=""):
    kind = "Encaissement" if cents > 0 else "Remboursement"
    happened_at = datetime.datetime(2026, 10, day, hour, 5, tzinfo=datetime.UTC)
    return StatementLine(number=str(number), happened_at=happened_at, kind=kind, amount_cents=cents, note=note)


@pytest.fixture
def statement(issuer, log_head):
    return MerchantStatement(
        issuer=issuer,
        merchant=MerchantParty(
            name="Épicerie du Marché",
            siret="12345678900012",
            address_lines=("3 place de l’Église",),
            iban=IBAN,
        ),
        currency_name="L’Exemple",
        month=Month(2026, 10),
        opening_cents=1_250,
        lines=(line(101, 1, 8, 120_050), line(102, 1, 22, 2_000, note="hors connexion"), line(107, 2, 9, -550)),
        payout_cents=122_750,
        payout_on=datetime.date(2026, 11, 4),
        payout_reference="RF18539007547034",
        head=log_head,
    )


def test_a_statement_shows_the_month_to_the_cent(statement, created_at, words_of):
    words = words_of(merchant_statement(statement, created_at=created_at))
    for expected in (
        "Relevé du mois : octobre 2026",
        "Association Monnaie de Ville-Exemple",
        "Au nom et pour le compte de : CCAS de Ville-Exemple",
        "Épicerie du Marché",
        "SIRET 123 456 789 00012",
        "Solde dû au 1er octobre 2026 12,50 €",
        "Encaissement 2 1 220,50 €",
        "Remboursement 1 −5,50 €",
        "Virement de ce relevé −1 227,50 €",
        "Solde restant dû au 31 octobre 2026 0,00 €",
        "Vous recevez 1 227,50 €",
        "4 novembre 2026",
        "FR76 •••• •••• 0189",
        "RF18 5390 0754 7034",
        "101 01/10/2026 à 10 h 05 Encaissement 1 200,50 €",
        "102 02/10/2026 à 00 h 05 Encaissement (hors connexion) 20,00 €",
        "107 02/10/2026 à 11 h 05 Remboursement −5,50 €",
        "Total du mois 1 215,00 €",
        bytes(range(32)).hex(),
        "Page 1 sur 1",
    ):
        assert expected in words
    assert IBAN not in words.replace(" ", "")
    assert "SPÉCIMEN" not in words
    assert "Certification" not in words


def test_what_is_left_is_what_was_owed_and_taken_less_what_is_paid(statement):
    assert statement.operations_cents == 121_500
    assert statement.closing_cents == 0
    assert dataclasses.replace(statement, payout_cents=100_000).closing_cents == 22_750


def test_days_are_days_of_paris(statement, created_at, words_of):
    words = words_of(merchant_statement(statement, created_at=created_at, detail=Detail.DAYS))
    assert "01/10/2026 1 1 200,50 € 0,00 € 1 200,50 €" in words
    assert "02/10/2026 2 20,00 € −5,50 € 14,50 €" in words
    assert "Total du mois 1 215,00 €" in words
    assert "hors connexion" not in words


def test_a_month_without_payment_says_so(statement, created_at, words_of):
    idle = dataclasses.replace(statement, lines=(), payout_cents=0, payout_on=None, payout_reference="")
    words = words_of(merchant_statement(idle, created_at=created_at))
    assert "Aucun virement pour ce mois." in words
    assert "Vous recevez" not in words
    assert "Solde restant dû au 31 octobre 2026 12,50 €" in words


def test_the_certification_of_the_cap_is_printed_with_room_to_sign(statement, created_at, words_of):
    certified = dataclasses.replace(statement, cap_certification="Je certifie l’usage conforme.", is_demo=True)
    words = words_of(merchant_statement(certified, created_at=created_at))
    assert "Certification du commerçant Je certifie l’usage conforme." in words
    assert "Signature et cachet" in words
    assert "SPÉCIMEN" in words


def test_a_long_month_keeps_every_operation(statement, created_at, words_of):
    lines = tuple(line(1000 + place, 1 + place % 28, 10, 100 + place) for place in range(400))
    busy = dataclasses.replace(statement, lines=lines, payout_cents=0, payout_on=None)
    words = words_of(merchant_statement(busy, created_at=created_at))
    assert all(f" {1000 + place} " in words for place in range(400))
    assert "Page 9 sur 9" in words
