"""The files of a month made from real books, judged by programs that we did not write."""

import csv
import datetime
import io
import json
from pathlib import Path

import pytest
from beancount import loader
from beancount.core import realization
from lxml import etree
from mockbank import validate
from sqlalchemy import Engine, text

from monnaie_locale.closing.archive import write_files
from monnaie_locale.closing.package import month_package
from monnaie_locale.closing.sheets import MONTH_SHEETS
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.exports.books import book_entries, closing_balances
from monnaie_locale.exports.operations import ExportFile, StreamedFile, beancount_of, fec_of
from monnaie_locale.exports.sheets.rendering import Format
from monnaie_locale.journal.queries import accounts_of, entry_of
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.reconciliation.model import Resolution
from monnaie_locale.reconciliation.operations import resolve_line
from tests.factories.month import FUNDED_CENTS, MAKER, OCTOBER, BankLine, Month2026, moment, open_month, statement_xml
from tests.factories.vandal import run, take_the_guards_down
from tests.judges.fec import check_fec

SCHEMA = Path(__file__).resolve().parents[3] / "data" / "xsd" / "pain.001.001.09.xsd"
FEC_NAME, ENTRIES_NAME = "732829320FEC20261231.txt", "ecritures-2026-10.txt"
NAMES = {
    "statement-C0001-2026-10.pdf",
    "statement-C0002-2026-10.pdf",
    "payouts.xml",
    ENTRIES_NAME,
    "journal.beancount",
    "trial-balance.csv",
    "reconciliation.pdf",
    "close-certificate.json",
    *(f"{name}-2026-10.{wanted}" for name in MONTH_SHEETS for wanted in Format),
}


def package(month: Month2026, *, now: datetime.datetime | None = None) -> dict[str, ExportFile]:
    with reading(month.engine) as db:
        files = month_package(
            db, territory_id=1, month=OCTOBER, public_key_pem=month.keyring.public_key_pem, now=now or moment(4, 11)
        )
    return {file.name: file for file in files}


def closed_month(engine: Engine) -> Month2026:
    month = open_month(engine)
    month.live()
    month.approve(month.prepare())
    return month


def test_a_closed_month_gives_every_file_and_again_the_same_bytes(db_engine: Engine, tmp_path: Path) -> None:
    month = closed_month(db_engine)

    files = package(month)

    assert set(files) == NAMES
    assert package(month, now=moment(20, 12)) == files
    paths = write_files(tmp_path / "out", map(StreamedFile.of, files.values()))
    assert [(path.name, path.read_bytes()) for path in paths] == [(name, file.content) for name, file in files.items()]
    assert json.loads(files["close-certificate.json"].content)["certificate"]["month"] == "2026-10"
    for name in NAMES:
        if name.endswith(".pdf"):
            assert files[name].content.startswith(b"%PDF-")


def test_the_payment_order_is_valid_to_its_schema_and_a_foreign_bank_finds_nothing_to_say(db_engine: Engine) -> None:
    content = package(closed_month(db_engine))["payouts.xml"].content

    etree.XMLSchema(file=str(SCHEMA)).assertValid(etree.fromstring(content))
    assert validate.validate(content, today=moment(26).date()) == []
    assert b"<CtrlSum>52.50</CtrlSum>" in content


def test_beancount_finds_every_balance_of_the_database_to_the_cent(db_engine: Engine) -> None:
    month = closed_month(db_engine)
    content = package(month)["journal.beancount"].content.decode()

    entries, errors, _ = loader.load_string(content)

    assert errors == []
    found = sorted(
        int(account.balance.get_currency_units("EUR").number * 100)
        for account in realization.iter_children(realization.realize(entries))
        if account.txn_postings and not account.balance.is_empty()
    )
    with reading(db_engine) as db:
        held = sorted(-balance.net_credit_cents for _, balance in accounts_of(db, territory_id=1))
    assert found == [cents for cents in held if cents]


def test_beancount_sees_a_counter_that_lies_by_one_cent(db_engine: Engine) -> None:
    month = closed_month(db_engine)
    take_the_guards_down(db_engine)
    run(db_engine, "UPDATE balances SET credits_cents = credits_cents + 1 WHERE kind = 3")

    with reading(db_engine) as db:
        journal = beancount_of(db, territory_id=1, last_day=OCTOBER.last_day).content.decode()

    assert len(loader.load_string(journal)[1]) == 1
    with pytest.raises(ControlTotalsDiffer):
        package(month)


def test_the_journal_of_a_month_ignores_what_came_after_it(db_engine: Engine) -> None:
    month = closed_month(db_engine)
    before = package(month)["journal.beancount"]
    month.world.now_ms = instant_ms(moment(5, 11))
    month.world.charge(7, month.shops[0].id, 100)

    assert package(month)["journal.beancount"] == before
    with reading(db_engine) as db:
        later = beancount_of(db, territory_id=1, last_day=datetime.date(2026, 11, 30))
    assert loader.load_string(later.content.decode())[1] == []


def test_the_fec_passes_an_independent_reader(db_engine: Engine) -> None:
    month = closed_month(db_engine)
    with reading(db_engine) as db:
        content = fec_of(db, territory_id=1, year=2026).content
    year = {"first_day": datetime.date(2026, 1, 1), "last_day": datetime.date(2026, 12, 31)}

    assert check_fec(content, name=FEC_NAME, **year) == []
    assert check_fec(content.replace(b"12,50", b"12,51", 1), name=FEC_NAME, **year) != []
    # October is all there is of the year: its entries are those of the year's file, under a name that is not legal.
    october = package(month)[ENTRIES_NAME].content
    assert october == content
    assert check_fec(october, name=ENTRIES_NAME, **year) == ["name"]


def test_the_trial_balance_balances_and_agrees_with_the_certificate(db_engine: Engine) -> None:
    files = package(closed_month(db_engine))
    rows = list(csv.reader(io.StringIO(files["trial-balance.csv"].content.decode("utf-8-sig")), delimiter=";"))
    accounts = json.loads(files["close-certificate.json"].content)["certificate"]["accounts"]
    certified = {each["code"]: each["balance_cents"] for each in accounts if each["debit_cents"] + each["credit_cents"]}

    def cents(text: str) -> int:
        return int(text.replace(",", ""))

    assert {row[0]: cents(row[4]) - cents(row[5]) for row in rows[1:-1]} == certified
    assert rows[-1][2] == rows[-1][3]
    assert certified["512100"] == FUNDED_CENTS - 5_250 - 300


def test_no_export_names_a_shop_but_those_that_are_its_own(db_engine: Engine) -> None:
    files = package(closed_month(db_engine))

    theirs = {f"{name}-2026-10.csv" for name in ("bordereau", "restes-a-payer", "indus")}
    plain = {name for name in files if name.endswith((".csv", ".txt", ".beancount", ".json"))}
    for name in plain - theirs:
        assert b"Boulangerie" not in files[name].content
    assert b"Boulangerie" in files["payouts.xml"].content


def test_an_open_month_has_files_but_no_certificate(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    assert set(package(month)) == NAMES - {"close-certificate.json"}


def test_the_numbers_of_the_books_are_those_of_the_journal_without_a_gap(db_engine: Engine) -> None:
    closed_month(db_engine)

    with reading(db_engine) as db:
        books = list(book_entries(db, territory_id=1, first_day=None, last_day=OCTOBER.last_day))
        numbers = list(db.scalars(text("SELECT id FROM journal_entries ORDER BY id")))
        balances = closing_balances(db, territory_id=1, last_day=OCTOBER.last_day)

    assert [entry.number for entry in books] == numbers == list(range(1, len(numbers) + 1))
    assert sum(balance.balance_cents for balance in balances) == 0
    assert {line.account.auxiliary_code for entry in books for line in entry.lines} == {
        "",
        "P1",
        "P1-W7-20261231",
        "M1",
        "M2",
    }


def test_books_with_a_wrong_siren_have_no_fec(db_engine: Engine) -> None:
    closed_month(db_engine)
    run(db_engine, "UPDATE territories SET issuer_siret = '12345678900000'")

    with reading(db_engine) as db, pytest.raises(Exception, match="siren_malformed"):
        fec_of(db, territory_id=1, year=2026)


def test_a_closed_months_rapprochement_does_not_change_when_its_suspense_is_settled_later(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(BankLine(cents=500, on=datetime.date(2026, 10, 30), text="INCONNU"))
    month.approve(month.prepare(carried_reason="La banque cherche."))
    before = package(month)

    # In November: the line is explained, and a line booked on the last Saturday of October comes in late.
    transact(
        db_engine,
        resolve_line,
        territory_id=1,
        bank_statement_id=2,
        line_no=4,
        kind=Resolution.RESERVE_TOP_UP,
        note="Complément",
        actor=MAKER,
        now=moment(5, 11),
    )
    late = BankLine(cents=-100, on=OCTOBER.last_day, text="FRAIS", code=("ACMT", "MDOP", "CHRG"))
    opening = FUNDED_CENTS - 5_250 - 300 + 500
    november = {"from_on": datetime.date(2026, 10, 31), "to_on": datetime.date(2026, 11, 30)}
    report = month.import_(statement_xml(late, identifier="C", opening=opening, **november), now=moment(1, 12))

    assert package(month) == before
    with reading(db_engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=report.matches[0].entry_id or 0).entry
    assert entry.accounted_on == datetime.date(2026, 11, 1)
