"""The documents of a year from real books, and the year recomputed by two programs that we did not write."""

import csv
import datetime
import io
import re

import pytest
from beancount import loader
from sqlalchemy import Engine

from merchants.payouts.cap_claims import lapse_claims
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.dossier.queries import duties_of_year, scope_of_year
from monnaie_locale.dossier.year import YEAR_SHEETS
from monnaie_locale.exports.books import closing_balances
from monnaie_locale.exports.operations import beancount_of, fec_of, hledger_of, year_beancount_of
from monnaie_locale.exports.sheets.rendering import Format, streaming
from monnaie_locale.exports.sheets.shops import open_since
from monnaie_locale.journal.ledger_lines import DayMove
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.errors import ProgrammeInvalid
from monnaie_locale.programmes.model import ExpiredGoesTo, LegalBasis
from monnaie_locale.programmes.operations.opening import open_programme
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, World, open_world
from tests.factories.merchants import admit
from tests.judges.fec import check_fec

FEC_2027 = "732829320FEC20271231.txt"


def at(year: int, month: int, day: int) -> int:
    return instant_ms(datetime.datetime(year, month, day, 10, tzinfo=datetime.UTC))


@pytest.fixture
def cap_year(db_engine: Engine) -> World:
    """Give a CAP programme of 2026: 100 € of titles, 70 € charged, 10 € given back, 20 € lapsed in January."""
    world = open_world(db_engine)
    made.programme(db_engine, "Chèques", legal_basis=LegalBasis.CAP)
    made.fund(db_engine, 1, 20_000)
    world.issue(7, 6_000)
    world.issue(8, 4_000)
    shops = [admit(world, number) for number in (1, 2)]
    world.charge(7, shops[0].id, 4_000)
    world.charge(8, shops[1].id, 3_000)
    world.do(EntryKind.REFUND, Draw((world.shop(shops[0].id),), world.purse(7), 1_000))
    world.now_ms = at(2027, 1, 15)
    world.do(
        EntryKind.EXPIRY, Draw((world.purse(7),), world.account(AccountKind.EXPIRED, programme=1), 2_000),
        happened_at_ms=world.now_ms,
    )  # fmt: skip
    return world


def document(engine: Engine, name: str, year: int = 2026) -> list[list[str]]:
    with reading(engine) as db:
        scope = scope_of_year(
            db, territory_id=TERRITORY_ID, year=year, public_key_pem="", now=datetime.datetime.now(datetime.UTC)
        )
        content = streaming(lambda _: YEAR_SHEETS[name](scope), Format.CSV).whole().content
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


def test_the_annual_account_of_the_cap_says_what_goes_back_to_the_ccas(cap_year: World) -> None:
    rows = document(cap_year.engine, "compte-annuel-cap")
    assert rows[1] == ["Chèques", "2", "100,00", "60,00", "20,00", "20,00", "40,00"]
    assert any("31/05/2027 au plus tard" in cell for row in rows for cell in row)
    assert [row[0:3] + row[4:] for row in document(cap_year.engine, "commercants-cap")[1:4]] == [
        ["C0001", "Boulangerie Exemple 1", rows_siret(cap_year, 1), "30,00"],
        ["C0002", "Boulangerie Exemple 2", rows_siret(cap_year, 2), "30,00"],
        ["Total", "", "", "60,00"],
    ]


def rows_siret(world: World, number: int) -> str:
    return document(world.engine, "commercants-cap")[number][2]


def test_every_document_of_a_year_adds_up(cap_year: World) -> None:
    for name in YEAR_SHEETS:
        assert document(cap_year.engine, name)
        assert document(cap_year.engine, name, 2027)
    figures = {row[0]: row[1:] for row in document(cap_year.engine, "chiffres-acpr") if row}
    assert figures["Émissions (distributions)"] == ["2", "100,00"]
    assert figures["Paiements chez les commerçants"] == ["2", "70,00"]
    assert figures["Monnaie en circulation au 31/12/2026"] == ["", "100,00"]
    treasury = {row[0]: row[1:] for row in document(cap_year.engine, "reddition-tresorerie", 2027) if row}
    assert treasury["Solde au début"] == ["", "200,00", ""]
    assert treasury["Solde à la fin"] == ["", "", "200,00"]


def test_the_town_reads_what_its_legal_bases_ask_for(cap_year: World) -> None:
    made.programme(cap_year.engine, "Mobilité", legal_basis=LegalBasis.CONVENTION)
    with reading(cap_year.engine) as db:
        duties = duties_of_year(db, territory_id=TERRITORY_ID, year=2026)
    assert [(duty.basis, duty.programmes) for duty in duties] == [
        (LegalBasis.CONVENTION, ("Mobilité",)),
        (LegalBasis.CAP, ("Chèques",)),
    ]


def test_cap_units_that_expire_go_back_to_the_ccas_and_nowhere_else(db_engine: Engine) -> None:
    open_world(db_engine)
    terms = made.terms(legal_basis=LegalBasis.CAP, expired_goes_to=ExpiredGoesTo.PROGRAMME)
    with pytest.raises(ProgrammeInvalid):
        transact(
            db_engine, open_programme, territory_id=TERRITORY_ID, terms=terms, actor=made.MAKER, now=made.NOW
        )  # fmt: skip


def test_two_foreign_programs_recompute_every_balance_of_two_years(cap_year: World, hledger) -> None:
    for year in (2026, 2027):
        last_day = datetime.date(year, 12, 31)
        with reading(cap_year.engine) as db:
            journal = hledger_of(db, territory_id=TERRITORY_ID, year=year).whole().content
            beancount = year_beancount_of(db, territory_id=TERRITORY_ID, year=year).whole().content.decode()
            since_the_beginning = beancount_of(db, territory_id=TERRITORY_ID, last_day=last_day).content.decode()
            held = closing_balances(db, territory_id=TERRITORY_ID, last_day=last_day)
        assert hledger(journal, "check") is not None
        assert hledger(journal.replace(b"= 200.00", b"= 200.01"), "check") is None
        found = csv.reader(io.StringIO(hledger(journal, "balance", "-O", "csv", "--no-total") or ""))
        amounts = sorted(int(row[1].removesuffix(" EUR").replace(".", "")) for row in list(found)[1:])
        assert amounts == sorted(each.balance_cents for each in held if each.balance_cents)
        assert loader.load_string(beancount)[1] == loader.load_string(since_the_beginning)[1] == []
        assert ("Liabilities" in beancount, "À nouveau" in beancount) == (True, year == 2027)
    # What was brought forward is asserted too: one cent more of it is seen.
    forged = re.sub(r"(À nouveau[^*]*? )(\d+)\.(\d\d) EUR", r"\g<1>\g<2>1.\g<3> EUR", beancount, count=1)
    assert forged != beancount
    assert loader.load_string(forged)[1]


def test_the_second_year_begins_with_the_balances_brought_forward(cap_year: World) -> None:
    with reading(cap_year.engine) as db:
        content = fec_of(db, territory_id=TERRITORY_ID, year=2027).content
    days = {"first_day": datetime.date(2027, 1, 1), "last_day": datetime.date(2027, 12, 31)}

    assert check_fec(content, name=FEC_2027, **days) == []
    rows = [line.split("\t") for line in content.decode().splitlines()[1:]]
    opening = [row for row in rows if row[0] == "AN"]
    assert {row[2] for row in opening} == {"1"}
    assert [row[2] for row in rows if row[0] != "AN"] == ["2", "2"]
    assert sum(int(row[11].replace(",", "")) for row in opening) == 20_000


@pytest.mark.parametrize(
    ("sign", "moves", "expected"),
    [
        (1, [(1, 0, 100), (2, 0, 50), (3, 120, 0)], (30, 2)),
        (1, [(1, 0, 100), (2, 40, 10)], (70, 1)),
        (-1, [(1, 30, 0), (5, 0, 30), (9, 20, 0)], (20, 9)),
        # What is held came in before the moves that were read.
        (1, [(1, 0, 100), (2, 0, 50)], (151, None)),
        (1, [], (10, None)),
    ],
)
def test_what_is_paid_takes_the_oldest_first(sign, moves, expected) -> None:
    held_cents, day = expected
    found = open_since(
        [DayMove(1, datetime.date(2026, 10, day), debit, credit) for day, debit, credit in moves],
        held_cents=held_cents,
        sign=sign,
    )
    assert found == (None if day is None else datetime.date(2026, 10, day))


def test_what_a_shop_gives_back_after_the_expiry_or_claims_too_late_goes_back_to_the_ccas(cap_year: World) -> None:
    world = cap_year
    charge = world.charge(8, 2, 500).entry.entry_id
    expired = world.account(AccountKind.EXPIRED, programme=1)
    more = {"reference": f"CHARGE:{charge}", "happened_at_ms": world.now_ms}
    world.do(EntryKind.REFUND, Draw((world.shop(2),), expired, 500), **more)
    assert document(world.engine, "compte-annuel-cap")[1][3:] == ["60,00", "25,00", "15,00", "40,00"]
    # Nobody certified: in March what the second shop took lapses, with what is said of it in the list of shops.
    march = datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC)
    lapsed = transact(
        world.engine, lapse_claims, territory_id=TERRITORY_ID, merchant_id=2, year=2026, actor=made.CHECKER, now=march
    )
    assert lapsed == 3_000
    assert document(world.engine, "compte-annuel-cap")[1][3:] == ["30,00", "55,00", "15,00", "70,00"]
    assert [row[0] for row in document(world.engine, "commercants-cap")[1:3]] == ["C0001", "Total"]
    # To the cent what the books owe to the CCAS once the purses are emptied.
    with reading(world.engine) as db:
        owed_cents = balance_of(db, territory_id=TERRITORY_ID, account_id=expired)
    assert owed_cents == 5_500
