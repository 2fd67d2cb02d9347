"""The journal of a year, judged by hledger itself, balances to the cent."""

import dataclasses
import datetime

import pytest
from hypothesis import given, settings

from monnaie_locale.exports import errors
from monnaie_locale.exports.hledger import hledger_parts
from monnaie_locale.exports.model import balances_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from tests.factories.books import CLOSED_ON, books, entry, month, named


def brought_forward(moves):
    made = entry(1, EntryKind.FUNDING, moves, on=datetime.date(2026, 1, 1), label="À nouveau")
    return dataclasses.replace(made, number=0, kind=None, journal_code="AN", journal_label="À nouveaux")


def write(entries, balances=None, *, opened=None):
    held = balances_of(entries=[*([opened] if opened else []), *entries]) if balances is None else balances
    return b"".join(
        hledger_parts(title="Ville-Exemple", entries=entries, opening=opened, balances=held, closed_on=CLOSED_ON)
    )


def test_hledger_has_nothing_to_say_about_the_month_and_finds_its_balances(hledger):
    journal = write(month())
    assert hledger(journal, "check") is not None
    found = hledger(journal, "balance", "-O", "csv", "--no-total")
    assert '"Assets:512100","984.50 EUR"' in found
    assert '"Liabilities:467100:P1-W17-20261231","-38.01 EUR"' in found


def test_one_cent_too_much_in_a_balance_is_caught(hledger):
    first, *rest = balances_of(entries=month())
    off = [dataclasses.replace(first, balance_cents=first.balance_cents + 1), *rest]
    assert hledger(write(month(), off), "check") is None


def test_one_cent_too_much_in_a_line_is_caught(hledger):
    journal = write(month())
    faulty = journal.replace(b"Liabilities:467200:M1  -12.51", b"Liabilities:467200:M1  -12.52")
    assert faulty != journal
    assert hledger(faulty, "check") is None


def test_balances_brought_forward_come_first(hledger):
    opened = brought_forward([(named(AccountKind.RESERVE), 5_000), (named(AccountKind.PROGRAMME_FUNDS, "P1"), -5_000)])
    journal = write(month(), opened=opened)
    assert hledger(journal, "check") is not None
    assert '"Assets:512100","1034.50 EUR"' in hledger(journal, "balance", "-O", "csv", "--no-total")
    assert hledger(write(month(), balances_of(entries=month()), opened=opened), "check") is None


def test_what_people_wrote_cannot_end_a_line_or_begin_a_comment(hledger):
    (first, *rest) = month()
    dirty = dataclasses.replace(first, label="a ; b | (c)\n2026-11-04 x\n  d  1 EUR", piece_reference="p, q: r; s")
    assert hledger(write([dirty, *rest]), "check") is not None


def test_an_entry_after_the_end_is_refused():
    (first, *rest) = month()
    late = dataclasses.replace(first, accounted_on=CLOSED_ON + datetime.timedelta(days=1))
    with pytest.raises(errors.EntryOutsidePeriod):
        write([late, *rest])


def test_entries_out_of_order_are_refused():
    with pytest.raises(errors.EntryNumberRepeated):
        write(list(reversed(month())), balances_of(entries=month()))


@settings(max_examples=8)
@given(entries=books())
def test_hledger_recomputes_any_sound_books(hledger, entries):
    assert hledger(write(entries), "check") is not None
