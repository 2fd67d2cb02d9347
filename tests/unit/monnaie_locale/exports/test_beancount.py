"""The journal, judged by Beancount itself, balances to the cent."""

import dataclasses
import datetime
import decimal
import subprocess
import sys

import pytest
from beancount import loader
from beancount.core import realization
from hypothesis import given, settings

from monnaie_locale.exports import errors
from monnaie_locale.exports.beancount import write_beancount
from monnaie_locale.exports.model import AccountBalance, balances_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from tests.factories.books import ACCOUNTS, CLOSED_ON, account, books, entry, month, named


def write(entries, balances=None, *, title="Ville-Exemple"):
    held = balances_of(entries=entries) if balances is None else balances
    return write_beancount(title=title, entries=entries, balances=held, closed_on=CLOSED_ON)


def complaints(journal):
    _, found, _ = loader.load_string(journal)
    return [each.message for each in found]


def one_cent_off(balances):
    first, *rest = balances
    return [dataclasses.replace(first, balance_cents=first.balance_cents + 1), *rest]


def test_beancount_has_nothing_to_say_about_the_month():
    assert complaints(write(month())) == []


def test_bean_check_exits_zero_and_sees_one_cent(tmp_path):
    good, bad = tmp_path / "journal.beancount", tmp_path / "off.beancount"
    good.write_text(write(month()), encoding="utf-8")
    bad.write_text(write(month(), one_cent_off(balances_of(entries=month()))), encoding="utf-8")
    check = [sys.executable, "-m", "beancount.scripts.check"]
    assert subprocess.run([*check, good], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*check, bad], capture_output=True, check=False).returncode == 1


def test_one_cent_too_much_in_a_balance_is_caught():
    (complaint,) = complaints(write(month(), one_cent_off(balances_of(entries=month()))))
    assert "Balance failed" in complaint
    assert "0.01" in complaint


def test_one_cent_too_much_in_a_line_is_caught():
    journal = write(month()).replace("Liabilities:467200:M1 -12.51", "Liabilities:467200:M1 -12.52")
    assert any("does not balance" in each for each in complaints(journal))


def test_an_entry_left_out_is_caught():
    assert complaints(write(month()[:-1], balances_of(entries=month())))


def test_the_names_are_codes_and_opaque_numbers():
    journal = write(month())
    assert "2026-01-01 open Liabilities:467100:P1-W17-20261231 EUR" in journal
    assert "2026-12-01 balance Assets:512100 984.50 ~ 0.00 EUR" in journal
    assert '2026-11-03 * "EN" "Encaissement"\n  number: 3\n  piece: "PIECE-1"' in journal
    assert "Porte-monnaie" not in journal


def test_accounts_never_moved_are_asserted_at_zero():
    idle = [AccountBalance(account=each, balance_cents=0) for each in ACCOUNTS]
    moved = {each.account.account_id: each for each in balances_of(entries=month())}
    held = [moved.get(each.account.account_id, each) for each in idle]
    journal = write(month(), held)
    assert complaints(journal) == []
    assert journal.count(" balance ") == len(ACCOUNTS)


def test_accounts_that_would_share_a_name_are_told_apart():
    twins = [account(90, AccountKind.MERCHANT, ("M-1", "")), account(91, AccountKind.MERCHANT, ("M 1", ""))]
    parent = account(92, AccountKind.MERCHANT)
    odd = account(93, AccountKind.MERCHANT, ("é…", ""))
    moves = [(each, cents) for each, cents in zip([*twins, parent, odd], [1, 2, 3, -6], strict=True)]
    journal = write([entry(1, EntryKind.CHARGE, moves)])
    assert complaints(journal) == []
    assert "Liabilities:467200:M-1:Id90" in journal
    assert "Liabilities:467200:Id92" in journal


def test_what_lies_under_an_account_is_not_in_its_balance():
    parent, child = account(92, AccountKind.MERCHANT), account(90, AccountKind.MERCHANT, ("M1", "Commerçant 1"))
    journal = write([entry(1, EntryKind.CHARGE, [(parent, 5), (child, -5)])])
    assert complaints(journal) == []
    assert "Liabilities:467200:Id92 0.05" in journal
    assert "Liabilities:467200:M1 -0.05" in journal


def test_quotes_and_line_breaks_in_a_label_stay_text():
    nasty = 'Aide "urgente" \\ n° 1\n2026-01-01 open Assets:Pirate'
    journal = write([dataclasses.replace(month()[0], label=nasty, piece_reference='"')], title='"')
    entries, found, _ = loader.load_string(journal)
    assert found == []
    (narration,) = [each.narration for each in entries if hasattr(each, "narration")]
    assert narration == " ".join(nasty.split())


def test_an_account_used_before_its_opening_date_opens_earlier():
    late = dataclasses.replace(named(AccountKind.RESERVE), opened_on=datetime.date(2026, 11, 20))
    moves = [(late, 5), (named(AccountKind.PROGRAMME_FUNDS, "P1"), -5)]
    assert complaints(write([entry(1, EntryKind.FUNDING, moves)])) == []


def test_an_entry_after_the_close_is_refused():
    after = dataclasses.replace(month()[0], accounted_on=datetime.date(2026, 12, 1))
    with pytest.raises(errors.EntryOutsidePeriod):
        write([after])
    with pytest.raises(errors.EntryUnbalanced):
        write([dataclasses.replace(month()[0], lines=month()[0].lines[:1])])


def test_the_same_books_give_the_same_journal_in_any_order():
    held = balances_of(entries=month())
    assert write(month()[::-1], held[::-1]) == write(month(), held)


@settings(max_examples=25)
@given(books())
def test_beancount_finds_every_balance_of_any_books_to_the_cent(entries):
    directives, found, _ = loader.load_string(write(entries))
    assert found == []
    assert sum(type(each).__name__ == "Transaction" for each in directives) == len(entries)
    root = realization.realize(directives)
    found_cents = {}
    for side in ("Assets", "Liabilities", "Income", "Expenses"):
        for leaf in realization.iter_children(realization.get_or_create(root, side)):
            number = leaf.balance.get_currency_units("EUR").number or decimal.Decimal(0)
            found_cents[leaf.account.partition(":")[2]] = number * 100
    held = balances_of(entries=entries)
    for each in held:
        name = f"{each.account.general_code}:{each.account.auxiliary_code}".rstrip(":")
        assert found_cents[name] == each.balance_cents
    assert sum(found_cents.values()) == 0


@settings(max_examples=15)
@given(books().filter(bool))
def test_beancount_sees_one_cent_in_any_books(entries):
    assert complaints(write(entries, one_cent_off(balances_of(entries=entries))))
