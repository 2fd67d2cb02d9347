"""Set and confirm the codes of the chart: every version stays, a year that has a closed month keeps its codes."""

import datetime

from sqlalchemy import Connection, insert

from monnaie_locale.chart.errors import AccountCodeChanged, ChartLineUnknown
from monnaie_locale.chart.model import ChartLine, LineRule
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.chart.rules import check_account, rule_of
from monnaie_locale.chart.tables import chart_accounts, chart_confirmations
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.periods import first_month
from monnaie_locale.journal.queries import closed_through
from monnaie_locale.ledger.accounts import GeneralAccount
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes.queries import programme_of


def applies_from(db: Connection, *, territory_id: int, today: datetime.date) -> datetime.date:
    """Return from which day a code set today applies: the first year of which no month is closed.

    A year has one code per account (its FEC and its balance would split in two), and a closed document never changes.
    """
    closed = closed_through(db, territory_id=territory_id)
    if closed is not None:
        return datetime.date(closed.year + 1, 1, 1)
    first = first_month(db, territory_id=territory_id)
    return datetime.date(today.year if first is None else min(first.year, today.year), 1, 1)


def set_account(
    db: Connection,
    *,
    territory_id: int,
    book: str,
    role: str,
    programme_id: int = 0,
    account: GeneralAccount,
    actor: str,
    now: datetime.datetime,
) -> ChartLine:
    """Give a line another code or label, from the first year of which no month is closed; return the line.

    Args:
        db: the transaction.
        territory_id: whose chart.
        book: "issuer" or "ccas".
        role: of the line.
        programme_id: the programme of an aid account of its own, else 0.
        account: the code and the label, trimmed here.
        actor: who decides, "staff:3".
        now: aware UTC.

    Refuses: chart_line_unknown, programme_unknown, then what `rules.check_account` refuses, then chart_year_closed
    (the database).

    """
    lock_territory(db, territory_id=territory_id)
    rule = rule_of(book=book, role=role, programme_id=programme_id)
    if programme_id:
        programme_of(db, territory_id=territory_id, programme_id=programme_id)
    code, label = account.code.strip(), " ".join(account.french.split())
    effective_on = applies_from(db, territory_id=territory_id, today=paris_date(instant_ms(now)))
    lines = chart_of(db, territory_id=territory_id, day=effective_on).lines
    check_account(rule=rule, programme_id=programme_id, code=code, label=label, lines=lines)
    db.execute(
        insert(chart_accounts),
        {
            "id": next_id(db, chart_accounts, territory_id=territory_id),
            **_key(territory_id, rule, programme_id),
            "effective_on": effective_on,
            "code": code,
            "label": label,
            "set_by": actor,
            "set_at_ms": instant_ms(now),
        },
    )
    _record(db, territory_id=territory_id, action="chart.set", rule=rule, programme_id=programme_id, code=code,
            actor=actor, now=now)  # fmt: skip
    return _line(db, territory_id, effective_on, (rule.book, rule.role, programme_id))


def confirm_account(
    db: Connection,
    *,
    territory_id: int,
    book: str,
    role: str,
    programme_id: int = 0,
    code: str,
    actor: str,
    now: datetime.datetime,
) -> ChartLine:
    """Write that the comptable confirms the code that a line has; confirming it again changes nothing.

    `code` is the one that was read: confirming another one is refused. Arguments as `set_account`.

    Refuses: chart_line_unknown, account_code_changed.
    """
    lock_territory(db, territory_id=territory_id)
    rule = rule_of(book=book, role=role, programme_id=programme_id)
    day = applies_from(db, territory_id=territory_id, today=paris_date(instant_ms(now)))
    line = _line(db, territory_id, day, (rule.book, rule.role, programme_id))
    if line.account.code != code:
        raise AccountCodeChanged(current=line.account.code)
    if line.confirmed_at_ms is not None:
        return line
    db.execute(
        insert(chart_confirmations),
        {
            "id": next_id(db, chart_confirmations, territory_id=territory_id),
            **_key(territory_id, rule, programme_id),
            "code": code,
            "confirmed_by": actor,
            "confirmed_at_ms": instant_ms(now),
        },
    )
    _record(db, territory_id=territory_id, action="chart.confirm", rule=rule, programme_id=programme_id, code=code,
            actor=actor, now=now)  # fmt: skip
    return _line(db, territory_id, day, (rule.book, rule.role, programme_id))


def _key(territory_id: int, rule: LineRule, programme_id: int) -> dict[str, object]:
    return {"territory_id": territory_id, "book": rule.book.value, "role": rule.role, "programme_id": programme_id}


def _record(
    db: Connection, *, territory_id: int, action: str, rule: LineRule, programme_id: int, code: str, actor: str,
    now: datetime.datetime,
) -> None:  # fmt: skip
    target = f"chart:{rule.book.value}-{rule.role.replace('_', '-')}-{programme_id}"
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action=action, target=target, detail={"code": code}
    )


def _line(db: Connection, territory_id: int, day: datetime.date, key: tuple[str, str, int]) -> ChartLine:
    """Return the line of a key; refuses chart_line_unknown for a programme that has no aid account of its own."""
    for line in chart_of(db, territory_id=territory_id, day=day).lines:
        if (line.rule.book.value, line.rule.role, line.programme_id) == key:
            return line
    raise ChartLineUnknown(given=" ".join(map(str, key)))
