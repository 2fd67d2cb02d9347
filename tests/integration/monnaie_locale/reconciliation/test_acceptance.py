"""Statements refused at the door on real databases: what is imported stays for ever, so it must be possible first."""

import datetime

import pytest
from sqlalchemy import Engine

from monnaie_locale.closing.operations import next_month_to_close
from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.acceptance import BEFORE_INSTALLATION, SLACK
from monnaie_locale.reconciliation.model import MatchKind
from monnaie_locale.reconciliation.queries import statements_of
from tests.factories.month import FUNDED_CENTS, BankLine, Month2026, moment, open_month, statement_xml

DAY = datetime.timedelta(days=1)
OCTOBER_1 = datetime.date(2026, 10, 1)
OCTOBER_10 = datetime.date(2026, 10, 10)
OCTOBER_12 = datetime.date(2026, 10, 12)
FEE = BankLine(cents=-500, on=OCTOBER_12, text="FRAIS", code=("ACMT", "MDOP", "CHRG"))
GIFT = BankLine(cents=500, on=OCTOBER_12, text="DON INCONNU")


def first(month: Month2026, *, on=datetime.date(2026, 10, 5), from_on=OCTOBER_1, to_on=OCTOBER_10) -> bytes:
    return statement_xml(month.funding_line(on=on), identifier="REL-A", opening=0, from_on=from_on, to_on=to_on)


def zero(identifier: str, *lines: BankLine, opening=FUNDED_CENTS, day=OCTOBER_12) -> bytes:
    return statement_xml(*(lines or (FEE, GIFT)), identifier=identifier, opening=opening, from_on=day, to_on=day)


def unreferenced(content: bytes) -> bytes:
    """Return the statement as a bank writes it that gives its lines no reference."""
    for number in (1, 2):
        content = content.replace(f"<AcctSvcrRef>B{number}</AcctSvcrRef>".encode(), b"")
    assert b"AcctSvcrRef" not in content
    return content


def imported(month: Month2026) -> int:
    with reading(month.engine) as db:
        return len(statements_of(db, territory_id=month.territory_id))


def test_a_statement_that_ends_tomorrow_is_refused_and_blocks_nothing(db_engine: Engine) -> None:
    month = open_month(db_engine)

    for to_on in (datetime.date(2099, 12, 31), OCTOBER_12):
        with pytest.raises(errors.StatementInFuture) as refused:
            month.import_(first(month, to_on=to_on), now=moment(11))
        assert f"{to_on:%d/%m/%Y}" in refused.value.sentence()
    assert imported(month) == 0

    month.import_(first(month, to_on=datetime.date(2026, 10, 11)), now=moment(11))
    month.import_(zero("REL-B"), now=moment(13))
    assert imported(month) == 2


def test_today_is_the_day_in_paris(db_engine: Engine) -> None:
    month = open_month(db_engine)
    # 22:30 in Paris on the 9th is still the 9th; two hours later it is the 10th there, and still the 9th in UTC.
    evening = datetime.datetime(2026, 10, 9, 20, 30, tzinfo=datetime.UTC)

    with pytest.raises(errors.StatementInFuture):
        month.import_(first(month), now=evening)
    month.import_(first(month), now=evening + datetime.timedelta(hours=2))


@pytest.mark.parametrize("on", [datetime.date(1990, 1, 5), OCTOBER_1 - SLACK - DAY, OCTOBER_10 + SLACK + DAY])
def test_a_line_far_from_its_statement_is_refused(db_engine: Engine, on) -> None:
    month = open_month(db_engine)

    with pytest.raises(errors.StatementLineOutsidePeriod) as refused:
        month.import_(first(month, on=on))

    assert refused.value.details["line_no"] == 1
    assert imported(month) == 0


def test_a_line_booked_in_2099_is_not_in_the_reserve_today(db_engine: Engine) -> None:
    month = open_month(db_engine)

    with pytest.raises(errors.StatementInFuture):
        month.import_(first(month, on=datetime.date(2099, 1, 5)))


@pytest.mark.parametrize("on", [OCTOBER_1 - SLACK, OCTOBER_10 + SLACK])
def test_a_line_of_the_long_weekend_around_a_statement_is_taken(db_engine: Engine, on) -> None:
    month = open_month(db_engine)

    month.import_(first(month, on=on))

    with reading(db_engine) as db:
        assert next_month_to_close(db, territory_id=1) == Month.of(on)


def test_a_first_statement_of_another_age_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    old = datetime.date(1990, 1, 1)

    with pytest.raises(errors.StatementTooEarly):
        month.import_(first(month, from_on=old, on=old))

    # The account may be older than the installation, by a year.
    month.import_(first(month, from_on=OCTOBER_1 - BEFORE_INSTALLATION + 10 * DAY))


def test_a_statement_that_begins_before_the_one_it_follows_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(first(month))
    early = OCTOBER_1 - DAY

    with pytest.raises(errors.StatementTooEarly):
        month.import_(
            statement_xml(FEE, identifier="R2", opening=FUNDED_CENTS, from_on=early, to_on=OCTOBER_12), now=moment(13)
        )

    month.import_(
        statement_xml(FEE, identifier="R2", opening=FUNDED_CENTS, from_on=OCTOBER_1, to_on=OCTOBER_12), now=moment(13)
    )


@pytest.mark.parametrize("written", [bytes, unreferenced], ids=["with references", "without references"])
def test_the_same_lines_under_another_identifier_are_refused(db_engine: Engine, written) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.import_(written(zero("REL-B")), now=moment(13))

    with pytest.raises(errors.StatementRepeated) as refused:
        month.import_(written(zero("REL-B-DUPLICATA")), now=moment(13))

    assert refused.value.details == {"statement_id": "REL-B", "line_no": 1}
    assert imported(month) == 2


def test_a_statement_that_holds_one_line_told_before_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.import_(zero("REL-B"), now=moment(13))

    with pytest.raises(errors.StatementRepeated):
        month.import_(zero("REL-C", FEE), now=moment(13))


def test_a_bank_that_counts_its_lines_from_one_every_day_is_not_taken_for_a_repeat(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.import_(zero("REL-B"), now=moment(13))
    next_day = OCTOBER_12 + DAY
    tomorrow = [BankLine(cents=line.cents, on=next_day, text=line.text, code=line.code) for line in (FEE, GIFT)]

    month.import_(zero("REL-C", *tomorrow, day=next_day), now=moment(14))
    # The same day again, other amounts, in a second statement: the bank's right.
    month.import_(zero("REL-D", BankLine(cents=-1, on=next_day, text="?"), day=next_day), now=moment(14))

    assert imported(month) == 4


def test_the_same_amounts_on_the_same_day_without_references_are_another_statement_when_the_balance_moved(
    db_engine: Engine,
) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    month.import_(unreferenced(zero("REL-B", GIFT)), now=moment(13))

    month.import_(unreferenced(zero("REL-C", GIFT, opening=FUNDED_CENTS + GIFT.cents)), now=moment(13))

    assert imported(month) == 3


def test_a_charge_and_what_makes_it_good_on_one_statement_are_both_recognised(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    made_good = BankLine(cents=500, on=OCTOBER_12, text="COMPLEMENT RESERVE")

    report = month.import_(zero("REL-B", FEE, made_good), now=moment(13))

    assert [match.kind for match in report.matches] == [MatchKind.BANK_CHARGE, MatchKind.RESERVE_TOP_UP]
    assert report.in_suspense == ()
