"""Read the chart as it stands for a year, with what was confirmed of it."""

import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from monnaie_locale.chart.model import RULES, Book, Chart, ChartLine
from monnaie_locale.chart.tables import chart_accounts, chart_confirmations
from monnaie_locale.ledger.accounts import GeneralAccount

LineKey = tuple[str, str, int]


def chart_of(db: Connection, *, territory_id: int, day: datetime.date) -> Chart:
    """Return the chart in force on a day: of each line the last code set for that year or an earlier one."""
    in_force: dict[LineKey, RowMapping] = {}
    rows = db.execute(
        select(chart_accounts)
        .where(chart_accounts.c.territory_id == territory_id, chart_accounts.c.effective_on <= day)
        .order_by(chart_accounts.c.effective_on, chart_accounts.c.id)
    ).mappings()
    for row in rows:
        in_force[row["book"], row["role"], row["programme_id"]] = row
    confirmed: dict[tuple[LineKey, str], RowMapping] = {}
    rows = db.execute(
        select(chart_confirmations)
        .where(chart_confirmations.c.territory_id == territory_id)
        .order_by(chart_confirmations.c.id)
    ).mappings()
    for row in rows:
        confirmed.setdefault(((row["book"], row["role"], row["programme_id"]), row["code"]), row)
    town_wide = {(book.value, role, 0) for book, role in RULES}
    keys = sorted(town_wide | set(in_force), key=lambda key: (list(Book).index(Book(key[0])), key[1], key[2]))
    return Chart(tuple(_line(key, in_force.get(key), confirmed) for key in keys))


def _line(key: LineKey, row: RowMapping | None, confirmed: dict[tuple[LineKey, str], RowMapping]) -> ChartLine:
    book, role, programme_id = key
    rule = RULES[Book(book), role]
    account = rule.default if row is None else GeneralAccount(row["code"], row["label"])
    values: dict[str, Any] = {"rule": rule, "programme_id": programme_id, "account": account}
    if row is not None:
        values |= {name: row[name] for name in ("effective_on", "set_by", "set_at_ms")}
    said = confirmed.get((key, account.code))
    if said is not None:
        values |= {name: said[name] for name in ("confirmed_by", "confirmed_at_ms")}
    return ChartLine(**values)
