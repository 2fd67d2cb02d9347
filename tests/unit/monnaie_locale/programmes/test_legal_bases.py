"""The dates, mentions and documents of each legal basis, against the articles."""

import datetime

import pytest

from monnaie_locale.dossier.year import YEAR_SHEETS, YEAR_TITLES
from monnaie_locale.programmes.legal_bases import BASES
from monnaie_locale.programmes.model import ExpiredGoesTo, LegalBasis


def due(basis, year):
    return {deadline.code: deadline.due_on for deadline in BASES[basis].deadlines(year=year)}


def test_each_basis_has_rules_and_its_documents_exist():
    assert set(BASES) == set(LegalBasis)
    for rules in BASES.values():
        assert rules.documents
        assert set(rules.documents) <= set(YEAR_SHEETS) == set(YEAR_TITLES)
        assert rules.sources


@pytest.mark.parametrize(
    ("year", "last_of_february"), [(2026, datetime.date(2027, 2, 28)), (2027, datetime.date(2028, 2, 29))]
)
def test_the_dates_of_the_cap(year, last_of_february):
    assert due(LegalBasis.CAP, year) == {
        "cap_expiry": datetime.date(year, 12, 31),
        "cap_returns": datetime.date(year + 1, 1, 31),
        "cap_claims": last_of_february,
        "cap_refunds": last_of_february,
        "cap_account": datetime.date(year + 1, 5, 31),
    }


@pytest.mark.parametrize("basis", [LegalBasis.CIVIL_MANDATE, LegalBasis.CONVENTION])
def test_a_mandate_accounts_once_a_year_before_the_comptable_does(basis):
    (accounts_on,) = due(basis, 2026).values()
    assert datetime.date(2026, 12, 31) < accounts_on < datetime.date(2027, 6, 1)


def test_the_mentions_name_both_parties_and_leave_nothing_to_fill():
    for rules in BASES.values():
        text = " ".join(rules.mentions_for(ccas="CCAS de Ville-Exemple", issuer="Association", year=2026))
        assert "CCAS de Ville-Exemple" in text
        assert "Association" in text
        assert "{" not in text
    cap = " ".join(BASES[LegalBasis.CAP].mentions_for(ccas="C", issuer="A", year=2026))
    assert "31 décembre 2026" in cap


def test_expired_cap_units_go_back_to_the_ccas_only():
    assert BASES[LegalBasis.CAP].expired_goes_to == {ExpiredGoesTo.CCAS}
    assert BASES[LegalBasis.CONVENTION].expired_goes_to == set(ExpiredGoesTo)
