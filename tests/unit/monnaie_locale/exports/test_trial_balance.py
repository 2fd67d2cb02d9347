"""The trial balance: right to the cent, readable by a spreadsheet in French, harmless when opened."""

import csv
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.exports import errors
from monnaie_locale.exports.model import balances_of
from monnaie_locale.exports.trial_balance import trial_balance, write_trial_balance
from monnaie_locale.ledger.entries import EntryKind
from tests.factories.books import ACCOUNTS, books, entry, month


def read(content):
    """Read the file as a spreadsheet set to French does."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def cents(text):
    euros, rest = text.split(",")
    return int(euros) * 100 + int(rest)


def test_the_month_line_by_line():
    assert read(write_trial_balance(balance=trial_balance(entries=month()))) == [
        ["Compte", "Libellé", "Débit", "Crédit", "Solde débiteur", "Solde créditeur"],
        ["467100", "Monnaie en circulation – bénéficiaires", "12,51", "80,51", "0,00", "68,00"],
        ["467200", "Commerçants – encaissements à rembourser", "12,51", "12,51", "0,00", "0,00"],
        ["467300", "Virements aux commerçants en cours", "12,00", "12,00", "0,00", "0,00"],
        ["467400", "Fonds de dispositif à distribuer", "80,00", "1000,00", "0,00", "920,00"],
        ["512100", "Banque – compte de réserve cantonné", "1000,00", "15,50", "984,50", "0,00"],
        ["627000", "Services bancaires", "3,50", "0,00", "3,50", "0,00"],
        ["Total", "", "1120,52", "1120,52", "988,00", "988,00"],
    ]


def test_the_file_opens_with_a_double_click_in_french():
    content = write_trial_balance(balance=trial_balance(entries=month()))
    assert content.startswith(b"\xef\xbb\xbfCompte;")
    assert content.endswith(b"\r\n")
    assert b"." not in content


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝"])
def test_a_label_is_never_a_formula(start):
    account = dataclasses.replace(ACCOUNTS[0], general_label=f'{start}HYPERLINK("http://x";"a")')
    balance = trial_balance(entries=[entry(1, EntryKind.CHARGE, [(account, 1), (ACCOUNTS[1], -1)])])
    label = next(row[1] for row in read(write_trial_balance(balance=balance)) if "HYPERLINK" in row[1])
    assert label.startswith("'")


@given(st.text(max_size=40))
def test_any_label_stays_one_harmless_cell(label):
    account = dataclasses.replace(ACCOUNTS[0], general_label=label)
    balance = trial_balance(entries=[entry(1, EntryKind.CHARGE, [(account, 1), (ACCOUNTS[1], -1)])])
    rows = read(write_trial_balance(balance=balance))
    assert [len(row) for row in rows] == [6] * 4
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_unsound_books_have_no_trial_balance():
    with pytest.raises(errors.EntryUnbalanced):
        trial_balance(entries=[dataclasses.replace(month()[0], lines=month()[0].lines[:1])])


@given(books())
def test_totals_agree_with_each_other_and_with_the_accounts(entries):
    *rows, total = read(write_trial_balance(balance=trial_balance(entries=entries)))[1:]
    for column in range(2, 6):
        assert sum(cents(row[column]) for row in rows) == cents(total[column])
    assert total[2] == total[3]
    assert total[4] == total[5]
    for row in rows:
        held = sum(each.balance_cents for each in balances_of(entries=entries) if each.account.general_code == row[0])
        assert cents(row[4]) - cents(row[5]) == held
