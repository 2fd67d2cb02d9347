"""The FEC, judged by an independent reader; and that reader, judged by one fault at a time."""

import dataclasses
import datetime
import pathlib

import pytest
from hypothesis import given

from monnaie_locale.exports import errors, fec
from monnaie_locale.exports.fec import fec_file_name, fec_parts, write_fec
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from tests.factories.books import FIRST_DAY, LAST_DAY, books, entry, month, named
from tests.judges.fec import check_fec

DATA = pathlib.Path(__file__).parents[3] / "data" / "fec"
NAME = "732829320FEC20261231.txt"


def write(entries):
    return write_fec(entries=entries, first_day=FIRST_DAY, last_day=LAST_DAY)


def judge(content, name=NAME):
    return check_fec(content, name=name, first_day=FIRST_DAY, last_day=LAST_DAY)


def changed(old, new, count=1):
    """Return the month's file with one fault put in, sure that it was."""
    content = write(month())
    faulty = content.replace(old.encode(), new.encode(), count)
    assert faulty != content
    return faulty


def test_the_month_is_a_legal_file():
    assert judge(write(month())) == []
    assert fec_file_name(siren="732 829 320", closes_on=LAST_DAY) == NAME


def test_the_apostrophe_of_our_labels_is_the_one_that_iso_8859_15_has():
    spoken = entry(1, EntryKind.RECOVERY, [(named(AccountKind.RESERVE), 5), (named(AccountKind.EXPIRED, "P1"), -5)],
                   label="Récupération d’un indu")  # fmt: skip
    content = write([spoken]).decode()
    assert "\tRécupération d'un indu [1]\t" in content
    assert "’" not in content


def test_a_file_written_by_hand_to_the_law_passes_the_judge():
    assert judge((DATA / "good_tab_utf8" / NAME).read_bytes()) == []


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (changed("JournalCode\tJournalLib", "JournalLib\tJournalCode"), "columns"),
        (changed("Idevise", "IDevise"), "columns"),
        (changed("EM\tÉmissions", "EM\tÉmis\tsions"), "fields"),
        (changed("EM\tÉmissions", "EM\tÉmis\nsions"), "fields"),
        (changed("EM\tÉmissions", "EM\tÉmissions\x0b"), "charset"),
        (write(month()).decode().encode("latin-1", "replace"), "charset"),
        (changed("1000,00", "1000.00"), "amount"),
        (changed("1000,00", "1 000,00"), "amount"),
        (changed("1000,00", "1000,0"), "amount"),
        (changed("1000,00", "1000,01"), "balance"),
        (changed("0,00\t1000,00", "1000,00\t1000,00"), "sides"),
        (changed("BQ\tBanque\t1\t", "BQ\tBanque\t2\t", 2), "sequence"),
        (changed("BQ\tBanque\t7\t", "BQ\tBanque\t8\t", 2), "sequence"),
        (changed("BQ\tBanque\t7\t", "BQ\tBanque\tsept\t", 2), "number"),
        (changed("20261103", "20251231"), "period"),
        (changed("20261103", "20261131"), "date"),
        (changed("\tPIECE-1\t", "\t\t"), "blank"),
        (changed("\tCommerçant 1\t", "\t\t"), "auxiliary"),
        (changed("\t512100\t", "\tBQ1\t"), "account"),
        (changed("BQ\tBanque\t7\t", "OD\tBanque\t7\t"), "entry"),
        (changed("\t20261103\t\t\r\nBQ\tBanque\t7", "\t20261104\t\t\r\nBQ\tBanque\t7"), "order"),
        (write(month()).replace(b"\t", b";"), "columns"),
        (write(month()).replace(b"\t", b","), "columns"),
        (write(month()).partition(b"\r\n")[2], "columns"),
        (changed("JournalCode", "JournalCode\tExtra"), "columns"),
        (changed("1000,00", "1\u202f000,00"), "charset"),
        (changed("1000,00", "1000,00 €"), "amount"),
        (changed("1000,00", ""), "amount"),
        (changed("20261103", "03/11/2026"), "date"),
        (changed("Dotation CCAS", "Dotation CCAS "), None),
        (changed("\tDotation", "\t Dotation"), "spaces"),
    ],
)
def test_the_judge_sees_each_fault(content, finding):
    assert judge(content) == [] if finding is None else finding in judge(content)


@pytest.mark.parametrize("name", ["732829321FEC20261231.txt", "732829320FEC20261331.txt", "fec.txt", NAME + ".zip"])
def test_the_judge_sees_a_wrong_name(name):
    assert judge(write(month()), name) == ["name"]


def test_what_a_line_says():
    lines = write(month()).decode().split("\r\n")
    assert lines[1].split("\t") == [
        "BQ",
        "Banque",
        "1",
        "20261103",
        "512100",
        "Banque – compte de réserve cantonné",
        "",
        "",
        "RF52MLC1",
        "20261103",
        "Dotation CCAS [1]",
        "1000,00",
        "0,00",
        "",
        "",
        "20261103",
        "",
        "",
    ]
    assert lines[4].split("\t")[6:8] == ["P1-W17-20261231", "Porte-monnaie 17"]


def test_entries_come_in_the_order_of_validation_whatever_the_order_given():
    assert write(reversed(month())) == write(month())


def test_numbers_stay_continuous_when_two_years_interleave_in_the_ledger():
    kept = [each for each in month() if each.number != 3]
    content = write(kept)
    assert judge(content) == []
    assert "Remboursement [4]" in content.decode()


def test_a_byte_order_mark_is_tolerated_as_the_tax_office_does():
    assert judge("\ufeff".encode() + write(month())) == []


def test_the_balances_brought_forward_take_the_first_number():
    reserve, funds = named(AccountKind.RESERVE), named(AccountKind.PROGRAMME_FUNDS, "P1")
    made = entry(1, EntryKind.FUNDING, [(reserve, 500), (funds, -500)], on=FIRST_DAY, label="À nouveau")
    opening = dataclasses.replace(made, number=0, kind=None, journal_code="AN", journal_label="À nouveaux")
    content = write_fec(entries=month(), first_day=FIRST_DAY, last_day=LAST_DAY, opening=opening)
    assert judge(content) == []
    rows = [line.split("\t") for line in content.decode().split("\r\n")]
    assert rows[1][:4] + rows[1][10:12] == ["AN", "À nouveaux", "1", "20260101", "À nouveau", "5,00"]
    assert rows[3][2] == "2"


def test_a_long_year_is_given_in_parts_that_are_the_whole(monkeypatch):
    whole = write(month())
    monkeypatch.setattr(fec, "ENTRIES_PER_PART", 2)
    parts = list(fec_parts(entries=month(), first_day=FIRST_DAY, last_day=LAST_DAY))
    assert len(parts) == 4
    assert b"".join(parts) == whole
    with pytest.raises(errors.EntryNumberRepeated):
        list(fec_parts(entries=reversed(month()), first_day=FIRST_DAY, last_day=LAST_DAY))


def test_tabs_line_breaks_and_invisible_characters_cannot_break_a_line():
    (first, *rest) = month()
    dirty = dataclasses.replace(first, label="Dota\ttion\r\nCC\u2028AS | \u200bmars\x00\ufeff")
    content = write([dirty, *rest])
    assert judge(content) == []
    assert "Dota tion CC AS mars [1]" in content.decode()


def test_an_empty_year_is_a_heading():
    assert judge(write([])) == []


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ({"lines": ()}, errors.EntryWithoutLines),
        ({"accounted_on": datetime.date(2027, 1, 1)}, errors.EntryOutsidePeriod),
        ({"accounted_on": datetime.date(2025, 12, 31)}, errors.EntryOutsidePeriod),
        ({"number": 2}, errors.EntryNumberRepeated),
        ({"piece_reference": " \t"}, errors.EntryFieldEmpty),
        ({"label": " "}, errors.EntryFieldEmpty),
        ({"journal_code": ""}, errors.EntryFieldEmpty),
    ],
)
def test_what_the_law_would_reject_is_refused(fault, refusal):
    (first, *rest) = month()
    with pytest.raises(refusal) as caught:
        write([dataclasses.replace(first, **fault), *rest])
    assert "{" not in caught.value.sentence()


@pytest.mark.parametrize(
    ("debit", "credit", "refusal"),
    [
        (100_001, 0, errors.EntryUnbalanced),
        (0, 0, errors.EntryLineMalformed),
        (-100_000, 0, errors.EntryLineMalformed),
        (200_000, 100_000, errors.EntryLineMalformed),
    ],
)
def test_an_unsound_entry_is_refused(debit, credit, refusal):
    (first, *rest) = month()
    line = dataclasses.replace(first.lines[0], debit_cents=debit, credit_cents=credit)
    with pytest.raises(refusal):
        write([dataclasses.replace(first, lines=(line, first.lines[1])), *rest])


def test_a_wrong_siren_has_no_legal_name():
    with pytest.raises(errors.SirenMalformed):
        fec_file_name(siren="732829321", closes_on=LAST_DAY)


def test_every_kind_of_entry_has_a_journal():
    sides = month()[0].lines
    for number, kind in enumerate(EntryKind, start=1):
        moves = [(sides[0].account, 1), (sides[1].account, -1)]
        assert judge(write([entry(number, kind, moves)])) == []


@given(books())
def test_any_sound_books_make_a_legal_file(entries):
    assert judge(write(entries)) == []
