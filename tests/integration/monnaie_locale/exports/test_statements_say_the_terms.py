"""A shop's statement and the bordereau say the issuer's fee, the terms and the CAP certification, and add up."""

import datetime
from dataclasses import dataclass

import pypdfium2
import pytest
from sqlalchemy import Engine, text

from merchants.model import PayoutTerms
from merchants.payouts.cap_claims import lapse_claims, record_certification
from merchants.payouts.terms import set_payout_terms
from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.sheets import month_books, month_sheet
from monnaie_locale.commands.verification_registers import check_registers
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents.model import MerchantStatement
from monnaie_locale.documents.sheet import Sheet
from monnaie_locale.exports.operations import shop_statements_of
from monnaie_locale.exports.shop_statements import month_statements, paid_in
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import LegalBasis
from tests.factories import programmes
from tests.factories.month import CHECKER, MAKER, OCTOBER, Month2026, moment, open_month
from tests.factories.vandal import run, take_the_guards_down
from tests.judges.pdf_ua import check_pdf_ua

# What only reads through the same code: once is enough.
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
HALF_A_PERCENT = PayoutTerms(pain_version="09", minimum_cents=500, fee_basis_points=50)
CHEQUES_CENTS = 3_000
MARCH = datetime.datetime(2027, 3, 2, 9, tzinfo=datetime.UTC)


@dataclass
class Paper:
    """What is printed of one shop: its PDF's words, and the values that they were set from."""

    pdf: bytes
    words: str
    statement: MerchantStatement


def paid_month(
    engine: Engine, *, terms: PayoutTerms = HALF_A_PERCENT, cap_cents: int = 0, minimum_cents: int | None = None
) -> Month2026:
    """Return October paid under some terms; the first shop took chèques too when asked."""
    month = open_month(engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    if cap_cents:
        programmes.programme(engine, "Chèques", legal_basis=LegalBasis.CAP)
        month.world.fund(10_000, 2)
        month.world.issue(7, 10_000, 2)
        month.world.do(EntryKind.CHARGE, Draw((month.world.purse(7, 2),), month.world.shop(1), cap_cents))
    transact(engine, set_payout_terms, territory_id=1, terms=terms, actor=CHECKER, now=moment(20))
    month.pay(minimum_cents=minimum_cents)
    return month


def paper(month: Month2026, *, of: Month = OCTOBER, at: datetime.datetime | None = None) -> dict[int, Paper]:
    """Return what is printed of each shop, by its place."""
    with reading(month.engine) as db:
        said = said_of(db, territory_id=1, month=of, close=None)
        registers = said.registers
        books = month_books(db, said=said, month=of, close=None, head=None, created_at=at or moment(4, 11))
        standing = books.scope.standing
        files = list(shop_statements_of(db, registers=registers, month=of, standing=standing))
        pdfs = [b"".join(file.parts) for file in files]
        paid = paid_in(db, registers, month=of)
        shops = list(month_statements(db, registers=registers, month=of, standing=standing, paid=paid))
    assert all(shop.control_cents == shop.statement.operations_cents for shop in shops)
    return {
        place: Paper(pdf, words_of(pdf), shop.statement)
        for place, (pdf, shop) in enumerate(zip(pdfs, shops, strict=True), 1)
    }


def words_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)).split())


def bordereau(month: Month2026) -> Sheet:
    with reading(month.engine) as db:
        said = said_of(db, territory_id=1, month=OCTOBER, close=None)
        books = month_books(db, said=said, month=OCTOBER, close=None, head=None, created_at=moment(4, 11))
        sheet = month_sheet(books, name="bordereau", lines_max=None)
        list(sheet.counted_rows())
    return sheet


def held(month: Month2026, merchant_id: int) -> int:
    with reading(month.engine) as db:
        query = text("SELECT sum(credits_cents - debits_cents) FROM balances WHERE account_id = :shop")
        return int(db.scalar(query, {"shop": month.world.shop(merchant_id)}) or 0)


def test_what_is_left_is_what_the_books_hold_once_the_fee_is_taken(db_engine: Engine) -> None:
    month = paid_month(db_engine, cap_cents=CHEQUES_CENTS)
    found = paper(month)
    # 0,5 % of 12,50 € and of 40 €, rounded down; the chèques wait at the first shop.
    said = [
        (each.statement.gross_cents, each.statement.fee_cents, each.statement.payout_cents) for each in found.values()
    ]
    assert said == [(1_250, 6, 1_244), (4_000, 20, 3_980)]
    assert [each.statement.closing_cents for each in found.values()] == [held(month, 1), held(month, 2)]
    assert [held(month, 1), held(month, 2)] == [CHEQUES_CENTS, 0]
    first = found[1]
    for expected in (
        "SIRET 732 829 320 00017 Conventionné depuis le 05/10/2026",
        "Frais de l’émetteur (0,50 %) −0,06 € Virement de ce relevé −12,44 €",
        "Solde restant dû au 31 octobre 2026 30,00 €",
        "Montant brut 12,50 € Frais de l’émetteur −0,06 €",
        "30,00 € restent dus et sont reportés au prochain virement.",
        "Un virement est fait à partir de 5,00 €. Frais de l’émetteur : 0,50 % du montant brut.",
        "2026 À certifier : 30,00 € attendent 28/02/2027",
        "pour 30,00 € à la date de ce relevé",
    ):
        assert expected in first.words
    assert check_pdf_ua(first.pdf) == []


@ON_SQLITE
def test_without_a_fee_it_is_printed_all_the_same(db_engine: Engine) -> None:
    month = paid_month(db_engine, terms=PayoutTerms(pain_version="09", minimum_cents=100, fee_basis_points=0))
    first = paper(month)[1]
    assert "Frais de l’émetteur (0,00 %) 0,00 € Virement de ce relevé −12,50 €" in first.words
    assert "Montant brut 12,50 € Frais de l’émetteur 0,00 €" in first.words
    assert "Chèques d’accompagnement" not in first.words


@ON_SQLITE
def test_terms_decided_after_the_order_are_not_those_of_its_statement(db_engine: Engine) -> None:
    month = paid_month(db_engine)
    later = PayoutTerms(pain_version="09", minimum_cents=900, fee_basis_points=100)
    transact(db_engine, set_payout_terms, territory_id=1, terms=later, actor=CHECKER, now=moment(30))
    assert paper(month)[1].statement.fee_basis_points == 50
    # A month that pays nothing says what is in force on its date.
    month.world.now_ms = instant_ms(moment(2, 11))
    month.world.charge(7, 1, 100)
    assert paper(month, of=Month(2026, 11))[1].statement.minimum_cents == 900


@ON_SQLITE
def test_a_payout_prepared_with_another_minimum_says_its_own(db_engine: Engine) -> None:
    month = paid_month(db_engine, minimum_cents=1_300)
    first, second = paper(month).values()
    # 12,50 € reach the 5,00 € of the terms: why the first shop waits is on its statement too.
    assert (first.statement.payout_cents, second.statement.payout_cents) == (0, 3_980)
    for each in (first, second):
        assert "Un virement est fait à partir de 13,00 €. Frais de l’émetteur : 0,50 % du montant brut." in each.words
    assert check_registers_of(db_engine) == []


@ON_SQLITE
def test_a_payout_of_which_nobody_noted_the_minimum_says_none(db_engine: Engine) -> None:
    month = paid_month(db_engine, minimum_cents=1_300)
    take_the_guards_down(db_engine)
    # What an older version left in the audit trail.
    run(db_engine, "UPDATE audit_events SET detail = '{}' WHERE action = 'payout.prepare'")
    for each in paper(month).values():
        assert each.statement.minimum_cents is None
        assert "à partir de" not in each.words
        assert "Frais de l’émetteur : 0,50 % du montant brut." in each.words


def check_registers_of(engine: Engine) -> list[Finding]:
    with reading(engine) as db:
        return list(check_registers(db, territory_id=1))


@ON_SQLITE
def test_the_bordereau_says_gross_fee_and_what_the_cheques_keep_back(db_engine: Engine) -> None:
    month = paid_month(db_engine, cap_cents=CHEQUES_CENTS)
    sheet = bordereau(month)
    assert [row[-4:] for row in sheet.rows()] == [(1_250, 0, 6, 1_244), (4_000, 0, 20, 3_980)]
    assert sheet.totals()[-4:] == (5_250, 0, 26, 5_224)
    assert any("de 2026 non payés" in note and "30,00" in note for note in sheet.notes)


@ON_SQLITE
def test_the_certification_is_printed_as_it_stood_on_the_day(db_engine: Engine) -> None:
    month = paid_month(db_engine, cap_cents=CHEQUES_CENTS)
    transact(
        db_engine, record_certification, territory_id=1, merchant_id=1, year=2026, document="attestation n° 7",
        actor=MAKER, now=moment(10, 11),
    )  # fmt: skip
    # A statement dated before does not know it.
    assert paper(month)[1].statement.cap[0].certified_on is None
    after = paper(month, at=moment(12, 11))[1]
    assert "Certifié le 10/11/2026 (attestation n° 7) 28/02/2027 30,00 € 0,00 € 0,00 €" in after.words
    assert "Signature et cachet" not in after.words
    assert after.statement.kept_cents == 0


@ON_SQLITE
@pytest.mark.parametrize(("of", "given_back"), [(Month(2027, 2), 0), (Month(2027, 3), CHEQUES_CENTS)])
def test_what_lapsed_is_told_in_its_month(db_engine: Engine, of: Month, given_back: int) -> None:
    month = paid_month(db_engine, cap_cents=CHEQUES_CENTS)
    month.world.now_ms = instant_ms(MARCH)
    transact(db_engine, lapse_claims, territory_id=1, merchant_id=1, year=2026, actor=CHECKER, now=MARCH)
    first = paper(month, of=of, at=MARCH)[1].statement
    assert (first.cap[0].given_back_cents, first.kept_cents) == (given_back, CHEQUES_CENTS - given_back)
    assert first.closing_cents == first.kept_cents
