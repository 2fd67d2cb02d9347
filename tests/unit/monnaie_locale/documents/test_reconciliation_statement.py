"""The état de rapprochement brings both sides to one amount, and says in words what does not agree."""

import dataclasses
import datetime

import pytest

from monnaie_locale.documents.model import (
    Difference,
    HeldBy,
    Match,
    OutstandingItem,
    ProgrammeUse,
    Reconciliation,
    Signatory,
)
from monnaie_locale.documents.reconciliation_statement import reconciliation_statement


@pytest.fixture
def state(issuer, log_head):
    return Reconciliation(
        issuer=issuer,
        currency_name="L’Exemple",
        as_of=datetime.date(2026, 10, 31),
        bank_account="Compte de réserve",
        bank_cents=4_512_345,
        books_account="512100 – Banque",
        books_cents=4_387_210,
        bank_items=(OutstandingItem(datetime.date(2026, 10, 28), "Virement aux commerçants", -125_435),),
        book_items=(OutstandingItem(datetime.date(2026, 10, 30), "Frais bancaires", -300),),
        differences=(Difference(datetime.date(2026, 10, 29), "Virement retourné", 8_450, "Nouvel IBAN attendu"),),
        circulation=(HeldBy("Aides non distribuées", 1_200_000), HeldBy("Porte-monnaie", 2_500_000)),
        programmes=(
            ProgrammeUse("Aide alimentaire", 4_000_000, 3_200_000, 1_450_000, 1_775, 1_748_225),
            ProgrammeUse("Transport", 1_200_000, 900_000, 148_225, 0, 751_775),
        ),
        matches=(
            Match("Comptes de la monnaie", "Soldes", 3_187_210, "Grand livre", 3_187_210),
            Match("Réserve", "Banque", 4_386_910, "Compte 512100", 4_386_910),
            Match("Virements", "Relevés", 125_435, "Ordres", 125_435),
            Match("Dotations", "Reçu", 5_200_000, "Financé", 5_200_000),
        ),
        prepared_by=Signatory("Camille Martin", "Comptable", datetime.date(2026, 11, 2)),
        approved_by=Signatory(quality="Présidente"),
        head=log_head,
    )


def test_both_sides_come_to_the_same_amount(state, created_at, words_of):
    words = words_of(reconciliation_statement(state, created_at=created_at))
    for expected in (
        "État de rapprochement au 31 octobre 2026",
        "Tout concorde : aucun écart, la réserve couvre tout.",
        "Solde 45 123,45 €",
        "Virement aux commerçants",
        "depuis le 28/10/2026, 3 jours",
        "−1 254,35 €",
        "Solde 43 872,10 €",
        "depuis le 30/10/2026, 1 jour",
        "−3,00 €",
        "Écart entre les deux soldes rapprochés : 0,00 €",
        "29/10/2026 Virement retourné Nouvel IBAN attendu 84,50 €",
        "Ensemble 37 000,00 €",
        "Oui, la réserve couvre tout (marge : 6 872,10 €)",
        "Aide alimentaire 40 000,00 € 32 000,00 € 14 500,00 € 17,75 € 17 482,25 €",
        "Ensemble 52 000,00 € 41 000,00 € 15 982,25 € 17,75 € 25 000,00 €",
        "Préparé par",
        "Camille Martin",
        "Le 2 novembre 2026",
        "Approuvé par",
        "Présidente",
        bytes(range(32)).hex(),
    ):
        assert expected in words
    assert words.count("Solde rapproché 43 869,10 €") == 2
    assert words.count("Oui, concordant") == 4
    assert "Non, écart" not in words


def test_what_does_not_agree_is_said_in_words(state, created_at, words_of):
    wrong = dataclasses.replace(
        state,
        bank_cents=state.bank_cents - 100,
        circulation=(HeldBy("Porte-monnaie", 5_000_000),),
        matches=(*state.matches[:3], Match("Dotations", "Reçu", 5_200_000, "Financé", 5_191_550)),
    )
    words = words_of(reconciliation_statement(wrong, created_at=created_at))
    assert "À régler : un écart de 1,00 € entre la banque et les comptes" in words
    assert "1 vérification sur 4 en écart" in words
    assert "6 127,90 € manquent dans la réserve" in words
    assert "Non, écart de 84,50 €" in words
    assert "Non, il manque 6 127,90 € dans la réserve" in words
    assert "Écart entre les deux soldes rapprochés : −1,00 €" in words
    assert "Tout concorde" not in words


def test_a_quiet_month_has_no_empty_table(state, created_at, words_of):
    quiet = dataclasses.replace(
        state, bank_cents=state.books_cents, bank_items=(), book_items=(), differences=(), programmes=(), head=None
    )
    words = words_of(reconciliation_statement(quiet, created_at=created_at))
    assert "Pas encore au relevé : rien" in words
    assert "Pas encore dans les comptes : rien" in words
    assert "Aucune différence." in words
    assert "Aucun dispositif." in words
    assert "Empreinte des comptes" not in words
    assert quiet.gap_cents == 0
