"""Importing a statement on real databases: what is entered, what waits, what is refused without a trace."""

import datetime
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.queries import balance_of, head_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.programmes.queries import funds_of
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.model import MatchKind, Resolution
from monnaie_locale.reconciliation.operations import rehearse_import, resolve_line
from monnaie_locale.reconciliation.queries import bank_position, statements_of, unresolved
from tests.factories.cfonb import closing, entry, opening, statement_file
from tests.factories.ledger import territory
from tests.factories.month import (
    CHECKER,
    FUNDED_CENTS,
    MAKER,
    BankLine,
    Month2026,
    moment,
    open_month,
    statement_xml,
)
from tests.factories.vandal import run

SCHEMA = Path(__file__).resolve().parents[3] / "data" / "xsd" / "camt.053.001.08.xsd"
OCTOBER_5 = datetime.date(2026, 10, 5)
UNKNOWN_CREDIT = BankLine(cents=4_242, on=datetime.date(2026, 10, 6), text="VIREMENT SANS REFERENCE")
TABLES = (
    "bank_statements",
    "bank_lines",
    "bank_matches",
    "bank_decisions",
    "bank_decision_parts",
    "bank_decision_entries",
    "journal_entries",
    "transfers",
)


def held(month: Month2026, kind: AccountKind) -> int:
    with reading(month.engine) as db:
        account_id = single_account(db, territory_id=month.territory_id, kind=kind)
        return balance_of(db, territory_id=month.territory_id, account_id=account_id)


def rows(engine: Engine) -> dict[str, int]:
    with reading(engine) as db:
        return {table: int(db.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in TABLES}


def resolve(month: Month2026, **more: object):
    values: dict[str, object] = {
        "territory_id": month.territory_id,
        "bank_statement_id": 1,
        "line_no": 2,
        "actor": MAKER,
        "now": moment(2, 11),
    }
    return transact(month.engine, resolve_line, **(values | more))


def test_the_statements_of_these_tests_are_valid_to_the_schema_of_the_banks(db_engine: Engine) -> None:
    month = open_month(db_engine)
    payout = month.live()
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    returned = BankLine(cents=100, on=OCTOBER_5, end_to_end_id="X", return_reason="AC04", code=("PMNT", "ICDT", "RRTN"))
    for content in (month.first_statement(UNKNOWN_CREDIT), month.second_statement(payout, returned)):
        schema.assertValid(etree.fromstring(content))


def test_a_funding_recognised_by_its_reference_is_the_programmes(db_engine: Engine) -> None:
    month = open_month(db_engine)

    report = month.import_(month.first_statement())

    assert [match.kind for match in report.matches] == [MatchKind.FUNDING]
    assert report.matches[0].entry_id == 1
    assert report.in_suspense == ()
    assert report.warnings == ()
    assert held(month, AccountKind.RESERVE) == -FUNDED_CENTS
    with reading(db_engine) as db:
        assert funds_of(db, territory_id=1, programme_id=1) == FUNDED_CENTS


def test_the_transfers_debited_leave_nothing_in_transit_and_the_fee_is_a_charge(db_engine: Engine) -> None:
    month = open_month(db_engine)

    month.live()

    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert held(month, AccountKind.BANK_CHARGES) == -300
    assert held(month, AccountKind.RESERVE) == -(FUNDED_CENTS - 5_250 - 300)
    with reading(db_engine) as db:
        position = bank_position(db, territory_id=1, day=datetime.date(2026, 10, 31))
        early = bank_position(db, territory_id=1, day=datetime.date(2026, 10, 26))
    assert position is not None
    assert position.balance_cents == -held(month, AccountKind.RESERVE)
    assert early is not None
    assert early.balance_cents == FUNDED_CENTS


def test_a_transfer_that_comes_back_is_owed_to_the_shop_again(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement())
    month.spend()
    payout = month.pay()
    line = payout.lines[0]
    returned = BankLine(
        cents=line.amount_cents,
        on=datetime.date(2026, 10, 29),
        end_to_end_id=line.end_to_end_id,
        return_reason="AC04",
        code=("PMNT", "ICDT", "RRTN"),
    )

    report = month.import_(month.second_statement(payout, returned))

    assert [match.kind for match in report.matches] == [
        MatchKind.PAYOUT_SETTLED,
        MatchKind.PAYOUT_SETTLED,
        MatchKind.BANK_CHARGE,
        MatchKind.PAYOUT_RETURNED,
    ]
    with reading(db_engine) as db:
        assert balance_of(db, territory_id=1, account_id=month.world.shop(line.merchant_id)) == line.amount_cents


def test_what_nothing_explains_waits_in_suspense_with_the_reason(db_engine: Engine) -> None:
    month = open_month(db_engine)

    report = month.import_(month.first_statement(UNKNOWN_CREDIT))

    assert [each.reason_fr for each in report.in_suspense] == ["Crédit inconnu : aucune référence attendue."]
    assert held(month, AccountKind.SUSPENSE_IN) == 4_242


def test_a_person_says_what_it_is_and_the_suspense_is_empty(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(BankLine(cents=-1_700, on=OCTOBER_5, text="PRLV INCONNU")))
    assert held(month, AccountKind.SUSPENSE_OUT) == -1_700

    resolved = resolve(month, kind=Resolution.BANK_CHARGE, note="Abonnement de la banque en ligne")

    assert held(month, AccountKind.SUSPENSE_OUT) == 0
    assert held(month, AccountKind.BANK_CHARGES) == -1_700
    assert resolved.resolved is not None
    assert resolved.resolved.entry_id == 3
    with reading(db_engine) as db:
        assert unresolved(db, territory_id=1) == []


def test_a_funding_without_its_reference_is_given_to_the_programme_by_a_person(db_engine: Engine) -> None:
    month = open_month(db_engine)
    nameless = month.funding_line(text="CCAS")
    month.import_(
        statement_xml(nameless, identifier="A", opening=0, from_on=OCTOBER_5, to_on=datetime.date(2026, 10, 10))
    )

    resolve(month, line_no=1, kind=Resolution.FUNDING, reference=month.order.reference.lower())

    assert held(month, AccountKind.SUSPENSE_IN) == 0
    with reading(db_engine) as db:
        assert funds_of(db, territory_id=1, programme_id=1) == FUNDED_CENTS


@pytest.mark.parametrize(
    ("kind", "more", "refusal"),
    [
        (Resolution.BANK_CHARGE, {}, errors.ResolutionImpossible),
        (Resolution.FUNDING, {"reference": "RF00NOTHING"}, errors.ResolutionImpossible),
        (Resolution.RESERVE_TOP_UP, {"line_no": 9}, errors.LineUnknown),
        (Resolution.RESERVE_TOP_UP, {"line_no": 1}, errors.LineNotInSuspense),
    ],
)
def test_a_line_cannot_be_said_to_be_what_it_cannot_be(db_engine: Engine, kind, more, refusal) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(UNKNOWN_CREDIT))
    before = rows(db_engine)

    with pytest.raises(refusal):
        resolve(month, kind=kind, **more)

    assert rows(db_engine) == before


def test_a_line_is_resolved_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(UNKNOWN_CREDIT))
    resolve(month, kind=Resolution.RESERVE_TOP_UP)
    before = rows(db_engine)

    with pytest.raises(errors.LineAlreadyResolved):
        resolve(month, kind=Resolution.RESERVE_TOP_UP, actor=CHECKER)

    assert rows(db_engine) == before


def test_a_rehearsal_tells_everything_and_leaves_nothing(db_engine: Engine) -> None:
    month = open_month(db_engine)
    content = month.first_statement(UNKNOWN_CREDIT)
    before = rows(db_engine)

    report = rehearse_import(db_engine, territory_id=1, content=content, actor=MAKER, now=moment(2, 11))

    assert report.is_rehearsal
    assert len(report.matches) == 2
    assert len(report.in_suspense) == 1
    assert rows(db_engine) == before
    assert month.import_(content).matches == report.matches


def test_the_same_file_and_the_same_statement_are_imported_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    content = month.first_statement()
    month.import_(content)
    before = rows(db_engine)

    for again in (content, content.replace(b"</Document>", b"\n</Document>")):
        with pytest.raises(errors.StatementAlreadyImported):
            month.import_(again)

    assert rows(db_engine) == before


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"%PDF-1.7", errors.StatementNotXml),
        (b"<html/>", errors.StatementNotCamt053),
        (
            statement_xml(
                identifier="A", opening=0, closing=5, from_on=OCTOBER_5, to_on=OCTOBER_5, iban=territory().reserve_iban
            ),
            errors.StatementDoesNotAddUp,
        ),
        (
            statement_xml(
                identifier="A", opening=0, from_on=OCTOBER_5, to_on=OCTOBER_5, iban="FR1420041010050500013M02606"
            ),
            errors.StatementNotOurs,
        ),
    ],
)
def test_a_file_that_proves_nothing_leaves_nothing(db_engine: Engine, content, refusal) -> None:
    month = open_month(db_engine)
    before = rows(db_engine)

    with pytest.raises(refusal):
        month.import_(content)

    assert rows(db_engine) == before


def test_a_statement_that_does_not_open_where_the_last_one_closed_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement())
    later = statement_xml(
        identifier="C",
        opening=FUNDED_CENTS + 1,
        from_on=datetime.date(2026, 10, 20),
        to_on=datetime.date(2026, 10, 21),
    )

    with pytest.raises(errors.StatementDoesNotFollow):
        month.import_(later)


def test_a_first_statement_that_opens_with_money_is_taken_with_a_warning(db_engine: Engine) -> None:
    month = open_month(db_engine)

    report = month.import_(statement_xml(identifier="A", opening=700, from_on=OCTOBER_5, to_on=OCTOBER_5))

    assert "7,00" in report.warnings[0]


def test_when_the_last_line_cannot_be_entered_the_whole_statement_leaves_nothing(db_engine: Engine) -> None:
    month = open_month(db_engine)
    before = rows(db_engine)
    # The journal holds no reference of that form: the database refuses the second line's entry.
    refuse = {
        "sqlite": "CREATE TRIGGER obstacle BEFORE INSERT ON journal_entries WHEN NEW.kind = 13 "
        "BEGIN SELECT RAISE(ABORT, 'obstacle'); END",
        "postgresql": "ALTER TABLE journal_entries ADD CONSTRAINT obstacle CHECK (kind <> 13)",
    }
    run(db_engine, refuse[db_engine.dialect.name])

    with pytest.raises(Exception, match="obstacle"):
        month.import_(month.first_statement(UNKNOWN_CREDIT))

    assert rows(db_engine) == before
    with reading(db_engine) as db:
        assert head_of(db, territory_id=1).last_entry_id == 0


@pytest.mark.parametrize("table", [name for name in TABLES if name.startswith("bank_")])
def test_what_the_bank_said_cannot_be_changed_by_hand(db_engine: Engine, table: str) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(UNKNOWN_CREDIT))
    resolve(month, kind=Resolution.RESERVE_TOP_UP)
    before = rows(db_engine)
    attacks = [f"DELETE FROM {table}", f"UPDATE {table} SET territory_id = territory_id"]
    if db_engine.dialect.name == "postgresql":
        attacks.append(f"TRUNCATE {table} CASCADE")
    else:
        attacks.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")

    for attack in attacks:
        with pytest.raises(Exception, match="append-only"):
            run(db_engine, attack)

    assert rows(db_engine) == before


def test_a_statement_may_be_read_back(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    with reading(db_engine) as db:
        stored = statements_of(db, territory_id=1)

    assert [each.statement_id for each in stored] == ["REL-2026-10-B", "REL-2026-10-A"]
    assert stored[0].closing_cents == FUNDED_CENTS - 5_250 - 300


def test_a_cfonb_statement_is_entered_as_a_camt_would_be(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    payout = month.pay()
    first, second = payout.lines
    content = statement_file(
        opening(FUNDED_CENTS, on="101026"),
        entry(-first.amount_cents, on="271026", code="06", rcn=first.end_to_end_id),
        entry(-second.amount_cents, on="271026", code="06", rcn=second.end_to_end_id),
        entry(first.amount_cents, on="291026", code="21", label="VIR REJETE AC04", rcn=first.end_to_end_id),
        entry(-490, on="301026", code="62", label="FRAIS TENUE DE COMPTE"),
        closing(FUNDED_CENTS - second.amount_cents - 490, on="311026"),
    )

    report = month.import_(content)

    assert [match.kind for match in report.matches] == [
        MatchKind.PAYOUT_SETTLED,
        MatchKind.PAYOUT_SETTLED,
        MatchKind.PAYOUT_RETURNED,
        MatchKind.BANK_CHARGE,
    ]
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    with pytest.raises(errors.StatementAlreadyImported):
        month.import_(content)


def test_a_cfonb_order_booked_as_one_line_is_known_by_its_reference(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    payout = month.pay()
    content = statement_file(
        opening(FUNDED_CENTS, on="101026"),
        entry(-payout.total_cents, on="271026", code="06", label="REMISE VIR SEPA", reference=payout.message_id),
        closing(FUNDED_CENTS - payout.total_cents, on="311026"),
    )

    report = month.import_(content)

    assert {match.kind for match in report.matches} == {MatchKind.PAYOUT_SETTLED}
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
