"""A shop's statement adds up, shows what the shop needs and nothing about who paid."""

import dataclasses
import datetime

import pytest

from monnaie_locale.documents.merchant_statement import Detail, merchant_statement
from monnaie_locale.documents.model import CapYear, MerchantParty, MerchantStatement, StatementLine
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
        minimum_cents=100,
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
        "Frais de l’émetteur (0,00 %) 0,00 €",
        "Virement de ce relevé −1 227,50 €",
        "Solde restant dû au 31 octobre 2026 0,00 €",
        "Vous recevez 1 227,50 €",
        "Montant brut 1 227,50 € Frais de l’émetteur 0,00 €",
        "Un virement est fait à partir de 1,00 €. Frais de l’émetteur : 0,00 % du montant brut.",
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


def test_the_fee_makes_the_gross_with_the_transfer_and_leaves_the_rest(statement, created_at, words_of):
    charged = dataclasses.replace(
        statement, payout_cents=100_000, fee_cents=505, fee_basis_points=50, recovered_cents=250
    )
    assert (charged.gross_cents, charged.closing_cents) == (100_505, 122_750 - 100_505)
    words = words_of(merchant_statement(charged, created_at=created_at))
    for expected in (
        "Frais de l’émetteur (0,50 %) −5,05 € Virement de ce relevé −1 000,00 €",
        "Solde restant dû au 31 octobre 2026 222,45 €",
        "Vous recevez 1 000,00 € Indu repris avant 2,50 € Montant brut 1 005,05 € Frais de l’émetteur −5,05 €",
        "222,45 € restent dus et sont reportés au prochain virement.",
        "Frais de l’émetteur : 0,50 % du montant brut.",
    ):
        assert expected in words


def cheques(year, **changed):
    deadline_on = datetime.date(year + 1, 2, 28)
    values = {"taken_cents": 3_000, "kept_cents": 3_000, "given_back_cents": 0, "deadline_on": deadline_on}
    return CapYear(year=year, **(values | changed))


SIGN = "Certification du commerçant"


@pytest.mark.parametrize(
    "case",
    [
        (cheques(2026), "2026 À certifier : 30,00 € attendent 28/02/2027 30,00 € 30,00 €", 1),
        (
            cheques(2026, kept_cents=0, certified_on=datetime.date(2026, 10, 12), document="attestation n° 7"),
            "2026 Certifié le 12/10/2026 (attestation n° 7) 28/02/2027 30,00 € 0,00 € 0,00 €",
            0,
        ),
        (
            cheques(2025, kept_cents=400, certified_on=datetime.date(2026, 1, 12)),
            "2025 Certifié le 12/01/2026 (sans référence) ; 4,00 € arrivés trop tard 28/02/2026 30,00 € 4,00 €",
            0,
        ),
        (
            cheques(2025, kept_cents=0, given_back_cents=3_000),
            "2025 Périmé depuis le 28/02/2026 28/02/2026 30,00 € 0,00 € 30,00 €",
            0,
        ),
    ],
)
def test_the_cap_says_where_the_certification_stands(statement, created_at, words_of, case):
    cap, row, is_to_sign = case
    told = dataclasses.replace(statement, cap=(cap,), is_demo=True)
    words = words_of(merchant_statement(told, created_at=created_at))
    assert row in words
    assert words.count(SIGN) == words.count("Signature et cachet") == is_to_sign
    assert "SPÉCIMEN" in words


def test_what_is_certified_says_for_how_much_and_to_whom(statement, created_at, words_of):
    told = dataclasses.replace(statement, payout_cents=100_000, cap=(cheques(2026),))
    words = words_of(merchant_statement(told, created_at=created_at))
    assert "chèques d’accompagnement personnalisé de 2026 qu’il a acceptés, pour 30,00 €" in words
    assert "fixées par leur distributeur, CCAS de Ville" in words
    assert "Dont 30,00 € de chèques d’accompagnement personnalisé, qui ne sont pas payés" in words


def test_a_long_month_keeps_every_operation(statement, created_at, words_of):
    lines = tuple(line(1000 + place, 1 + place % 28, 10, 100 + place) for place in range(400))
    busy = dataclasses.replace(statement, lines=lines, payout_cents=0, payout_on=None)
    words = words_of(merchant_statement(busy, created_at=created_at))
    assert all(f" {1000 + place} " in words for place in range(400))
    assert "Page 9 sur 9" in words
