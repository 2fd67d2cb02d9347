"""Say whether a statement may be taken at all: its sums, its dates, and whether it was told before. Pure.

What is imported stays for ever, so a date that nothing can undo is refused at the door: a statement that ends in 2099
would be followed by none, and a line booked in 1990 would make 1990 the next month to close.
"""

import datetime
from collections import Counter
from collections.abc import Iterable

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.errors import (
    StatementDoesNotAddUp,
    StatementForeignCurrency,
    StatementInFuture,
    StatementLineOutsidePeriod,
    StatementRepeated,
    StatementTooEarly,
    StatementWithoutBalances,
)
from monnaie_locale.reconciliation.formats.model import AccountReport
from monnaie_locale.reconciliation.model import Line, LineMark, Statement, StoredStatement

EURO = "EUR"
GAP_LABEL = "Écart : somme que le relevé ne détaille pas (ouverture {}, mouvements {}, clôture {})"

# A bank may print what it booked on the days when it was closed; Easter closes TARGET for four days in a row.
SLACK = datetime.timedelta(days=5)
# The first statement may begin before the installation, by so much: an account is opened before its software.
BEFORE_INSTALLATION = datetime.timedelta(days=366)


def mark_of(line: Line) -> LineMark:
    """Return what a line is recognised by when the bank tells it again under another identifier."""
    return LineMark(line.bank_reference, line.booked_on, line.amount_cents, line.end_to_end_id)


def proved(report: AccountReport, *, currency: str = EURO, accepts_gap: bool = False) -> Statement:
    """Return a statement whose sums are proved: opening + lines = closing.

    Args:
        report: as the bank wrote it.
        currency: the only currency accepted.
        accepts_gap: take a statement that does not add up with one more line, of what it lacks: a line that nothing
            explains waits in suspense, and the month does not close on it.

    Refuses, in this order: statement_foreign_currency, statement_without_balances, statement_does_not_add_up.

    """
    for written in (report.currency, *report.foreign_currencies):
        if written != currency:
            raise StatementForeignCurrency(currency=written or "?", expected=currency)
    if report.opening_cents is None or report.closing_cents is None or report.from_on is None or report.to_on is None:
        raise StatementWithoutBalances
    difference_cents = report.closing_cents - report.opening_cents - report.booked_cents
    lines = report.lines
    if difference_cents and not accepts_gap:
        raise StatementDoesNotAddUp(
            opening_cents=report.opening_cents,
            booked_cents=report.booked_cents,
            closing_cents=report.closing_cents,
            difference_cents=difference_cents,
        )
    if difference_cents:
        lines = (*lines, _gap(report, difference_cents, on=report.to_on))
    return Statement(
        statement_id=report.report_id,
        iban=report.account,
        currency=report.currency,
        opening_cents=report.opening_cents,
        closing_cents=report.closing_cents,
        from_on=report.from_on,
        to_on=report.to_on,
        lines=lines,
    )


def gap_sentence(report: AccountReport) -> str:
    """Return what a statement that does not add up lacks, for people."""
    sums = (report.opening_cents or 0, report.booked_cents, report.closing_cents or 0)
    return GAP_LABEL.format(*map(format_euros, sums))


def _gap(report: AccountReport, difference_cents: int, *, on: datetime.date) -> Line:
    return Line(
        line_no=len(report.lines) + 1,
        booked_on=on,
        value_on=on,
        amount_cents=difference_cents,
        label=gap_sentence(report),
    )


def refuse_impossible_dates(statement: Statement, *, today: datetime.date) -> None:
    """Refuse a statement dated after today, or a line far from its period.

    Refuses, in this order: statement_in_future, statement_line_outside_period.
    """
    latest_on = max((statement.to_on, *(line.booked_on for line in statement.lines)))
    if latest_on > today:
        raise StatementInFuture(latest_on=_french(latest_on))
    first_on = min(statement.from_on, statement.to_on)
    for line in statement.lines:
        if not first_on - SLACK <= line.booked_on <= statement.to_on + SLACK:
            raise StatementLineOutsidePeriod(
                line_no=line.line_no,
                booked_on=_french(line.booked_on),
                from_on=_french(first_on),
                to_on=_french(statement.to_on),
            )


def refuse_repeated(statement: Statement, *, stored: Iterable[tuple[StoredStatement, tuple[LineMark, ...]]]) -> None:
    """Refuse a statement that tells again what is stored; refuses statement_repeated.

    One line is enough when the bank gave it a reference: the bank gives one reference to one booking (ISO 20022,
    AcctSvcrRef). Some banks count again from 1 every day, so the day and the amount must be the same too. Without
    references, all the lines and the opening balance must be the same.
    """
    marks = [mark_of(line) for line in statement.lines]
    referenced = {mark: line.line_no for mark, line in zip(marks, statement.lines, strict=True) if mark.bank_reference}
    for before, known in stored:
        for mark in known:
            if mark in referenced:
                raise StatementRepeated(statement_id=before.statement_id, line_no=referenced[mark])
        if marks and before.opening_cents == statement.opening_cents and Counter(marks) == Counter(known):
            raise StatementRepeated(statement_id=before.statement_id, line_no=statement.lines[0].line_no)


def refuse_too_early(statement: Statement, *, before: StoredStatement | None, installed_on: datetime.date) -> None:
    """Refuse a statement that begins before the one it follows, or a first one too old; refuses statement_too_early."""
    earliest_on = installed_on - BEFORE_INSTALLATION if before is None else before.from_on
    from_on = min(statement.from_on, statement.to_on)
    if from_on < earliest_on:
        raise StatementTooEarly(from_on=_french(from_on), earliest_on=_french(earliest_on))


def _french(day: datetime.date) -> str:
    return f"{day:%d/%m/%Y}"
