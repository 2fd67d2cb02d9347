"""Say whether a statement may be taken at all: its dates, and whether it was told before. Pure.

What is imported stays for ever, so a date that nothing can undo is refused at the door: a statement that ends in 2099
would be followed by none, and a line booked in 1990 would make 1990 the next month to close.
"""

import datetime
from collections import Counter
from collections.abc import Iterable

from monnaie_locale.reconciliation.errors import (
    StatementInFuture,
    StatementLineOutsidePeriod,
    StatementRepeated,
    StatementTooEarly,
)
from monnaie_locale.reconciliation.model import Line, LineMark, Statement, StoredStatement

# A bank may print what it booked on the days when it was closed; Easter closes TARGET for four days in a row.
SLACK = datetime.timedelta(days=5)
# The first statement may begin before the installation, by so much: an account is opened before its software.
BEFORE_INSTALLATION = datetime.timedelta(days=366)


def mark_of(line: Line) -> LineMark:
    """Return what a line is recognised by when the bank tells it again under another identifier."""
    return LineMark(line.bank_reference, line.booked_on, line.amount_cents, line.end_to_end_id)


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
