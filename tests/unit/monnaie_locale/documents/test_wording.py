"""Dates, identifiers and references are written as a French reader expects them."""

import dataclasses
import datetime

import pytest

from monnaie_locale.documents.wording import (
    day_long,
    head_block,
    issuer_block,
    mask_iban,
    moment_short,
    reference_shown,
    siret_shown,
)


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (datetime.date(2026, 10, 31), "31 octobre 2026"),
        (datetime.date(2026, 8, 1), "1er août 2026"),
        (datetime.date(2026, 2, 11), "11 février 2026"),
    ],
)
def test_a_day_is_written_in_full(day, written):
    assert plain(day_long(day)) == written


def test_a_moment_is_shown_in_the_time_of_paris_in_summer_and_winter():
    summer = datetime.datetime(2026, 7, 14, 22, 5, tzinfo=datetime.UTC)
    winter = datetime.datetime(2026, 12, 31, 23, 30, tzinfo=datetime.UTC)
    assert plain(moment_short(summer)) == "15/07/2026 à 00 h 05"
    assert plain(moment_short(winter)) == "01/01/2027 à 00 h 30"


def test_an_iban_is_masked_but_for_its_ends():
    masked = mask_iban("FR76 3000 6000 0112 3456 7890 189")
    assert plain(masked) == "FR76 •••• •••• 0189"
    assert "3000" not in masked


def test_references_and_sirets_are_grouped():
    assert plain(reference_shown("RF18539007547034")) == "RF18 5390 0754 7034"
    assert plain(siret_shown("732 829 320 00074")) == "732 829 320 00074"


def test_a_document_names_the_ccas_on_whose_behalf_it_is_made(issuer):
    lines = [plain(line) for line in issuer_block(issuer)["lines"]]
    assert lines[-1] == "Au nom et pour le compte de : CCAS de Ville-Exemple"
    assert "SIRET 732 829 320 00074 – Tél. 01 23 45 67 89" in lines
    alone = dataclasses.replace(issuer, on_behalf_of="", phone="")
    assert plain(issuer_block(alone)["lines"][-1]) == "SIRET 732 829 320 00074"


def test_the_head_of_the_log_counts_its_entries(log_head):
    assert plain(head_block(log_head)["sentence"]).startswith("1 874 écritures scellées au 02/11/2026 à 00 h 30.")
    one = dataclasses.replace(log_head, entry_count=1)
    assert "1 écriture scellée au" in head_block(one)["sentence"]
    assert head_block(None) is None
