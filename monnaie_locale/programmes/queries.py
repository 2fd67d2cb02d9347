"""Read programmes, funding orders and distributions."""

from collections import defaultdict
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from monnaie_locale.database.prepared import Look, as_date, look
from monnaie_locale.journal.directory import Owner, find_accounts
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.programmes.errors import DistributionUnknown, FundingUnknown, ProgrammeUnknown
from monnaie_locale.programmes.model import (
    Category,
    Distribution,
    DistributionLine,
    DistributionState,
    ExpiredGoesTo,
    FundingOrder,
    FundingState,
    LegalBasis,
    PinRule,
    Programme,
)
from monnaie_locale.programmes.tables import (
    distribution_lines,
    distributions,
    funding_orders,
    programmes,
)

TOWNS_KEPT = 64
PROGRAMME_NAMES = [column.name for column in programmes.c if column.name != "territory_id"]
PROGRAMMES = f"""
SELECT {", ".join(f"programmes.{name}" for name in PROGRAMME_NAMES)}, programme_categories.category
FROM {{wanted}} CROSS JOIN programmes LEFT JOIN programme_categories
ON programme_categories.territory_id = programmes.territory_id AND programme_categories.programme_id = programmes.id
WHERE programmes.territory_id = {{value}} ORDER BY programmes.id
"""  # noqa: S608 - names of our own columns


def programmes_by_id(db: Connection, *, territory_id: int) -> dict[int, Programme]:
    """Return every programme of the territory, open or closed; a town has a handful."""
    return look(db, look_for_programmes(territory_id=territory_id))


def look_for_programmes(*, territory_id: int) -> Look[dict[int, Programme]]:
    """Return what `programmes_by_id` asks the database."""
    return Look(PROGRAMMES, [territory_id], (), lambda rows: dict(_programmes_by_id(tuple(rows))))


@lru_cache(maxsize=TOWNS_KEPT)
def _programmes_by_id(rows: tuple[tuple[Any, ...], ...]) -> dict[int, Programme]:
    """Return what the rows say; the same rows, read again with each batch of payments, say the same."""
    categories: dict[int, set[Category]] = defaultdict(set)
    by_id: dict[int, tuple[Any, ...]] = {}
    for row in rows:
        by_id[row[0]] = row
        if row[-1] is not None:
            categories[row[0]].add(Category(row[-1]))
    return {
        programme_id: _as_programme(dict(zip(PROGRAMME_NAMES, row[:-1], strict=True)), categories[programme_id])
        for programme_id, row in by_id.items()
    }


def programme_of(db: Connection, *, territory_id: int, programme_id: int) -> Programme:
    """Return one programme; refuses programme_unknown."""
    found = programmes_by_id(db, territory_id=territory_id).get(programme_id)
    if found is None:
        raise ProgrammeUnknown(programme_id=programme_id)
    return found


def funds_of(db: Connection, *, territory_id: int, programme_id: int) -> int:
    """Return the cents received for the programme and not yet distributed."""
    owner = Owner(AccountKind.PROGRAMME_FUNDS, programme_id)
    account_id = find_accounts(db, territory_id=territory_id, owners=[owner]).get(owner)
    return 0 if account_id is None else balance_of(db, territory_id=territory_id, account_id=account_id)


def funding_orders_of(
    db: Connection, *, territory_id: int, programme_id: int | None = None, state: FundingState | None = None
) -> list[FundingOrder]:
    """Return funding orders, oldest first; those in `state` are what a bank statement is matched with."""
    query = select(funding_orders).where(funding_orders.c.territory_id == territory_id).order_by(funding_orders.c.id)
    if programme_id is not None:
        query = query.where(funding_orders.c.programme_id == programme_id)
    if state is not None:
        query = query.where(funding_orders.c.state == state)
    return [_as_funding_order(row) for row in db.execute(query).mappings()]


def funding_order_of(db: Connection, *, territory_id: int, funding_order_id: int, lock: bool = False) -> FundingOrder:
    """Return one funding order, locked when asked; refuses funding_unknown."""
    query = select(funding_orders).where(
        funding_orders.c.territory_id == territory_id, funding_orders.c.id == funding_order_id
    )
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise FundingUnknown(funding_order_id=funding_order_id)
    return _as_funding_order(row)


def ordered_cents(db: Connection, *, territory_id: int, programme_id: int) -> int:
    """Return the sum of the programme's funding orders, expected and received."""
    total = db.scalar(
        select(func.coalesce(func.sum(funding_orders.c.amount_cents), 0)).where(
            funding_orders.c.territory_id == territory_id, funding_orders.c.programme_id == programme_id
        )
    )
    return int(total or 0)


def distributions_of(
    db: Connection, *, territory_id: int, programme_id: int | None = None, state: DistributionState | None = None
) -> list[Distribution]:
    """Return distributions, newest first."""
    query = (
        select(distributions).where(distributions.c.territory_id == territory_id).order_by(distributions.c.id.desc())
    )
    if programme_id is not None:
        query = query.where(distributions.c.programme_id == programme_id)
    if state is not None:
        query = query.where(distributions.c.state == state)
    return [_as_distribution(row) for row in db.execute(query).mappings()]


def distribution_of(db: Connection, *, territory_id: int, distribution_id: int, lock: bool = False) -> Distribution:
    """Return one distribution, locked when asked; refuses distribution_unknown."""
    query = select(distributions).where(
        distributions.c.territory_id == territory_id, distributions.c.id == distribution_id
    )
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise DistributionUnknown(distribution_id=distribution_id)
    return _as_distribution(row)


def distribution_lines_of(
    db: Connection, *, territory_id: int, distribution_id: int, after_line: int = 0, limit: int
) -> list[DistributionLine]:
    """Return `limit` lines after a line number, in order."""
    columns = (distribution_lines.c.line_no, distribution_lines.c.wallet_id, distribution_lines.c.amount_cents)
    rows = db.execute(
        select(*columns)
        .where(
            distribution_lines.c.territory_id == territory_id,
            distribution_lines.c.distribution_id == distribution_id,
            distribution_lines.c.line_no > after_line,
        )
        .order_by(distribution_lines.c.line_no)
        .limit(limit)
    )
    return [DistributionLine(*row) for row in rows]


def written_through_line(db: Connection, *, territory_id: int, distribution_id: int) -> int:
    """Return the number of the last line written: less than announced while a big file is being prepared."""
    last = db.scalar(
        select(func.max(distribution_lines.c.line_no)).where(
            distribution_lines.c.territory_id == territory_id, distribution_lines.c.distribution_id == distribution_id
        )
    )
    return int(last or 0)


def promised_cents(db: Connection, *, territory_id: int, programme_id: int, besides: int) -> int:
    """Return what distributions half posted still take from the programme's funds, `besides` one of them."""
    total = db.scalar(
        select(func.coalesce(func.sum(distribution_lines.c.amount_cents), 0))
        .join(
            distributions,
            (distributions.c.territory_id == distribution_lines.c.territory_id)
            & (distributions.c.id == distribution_lines.c.distribution_id),
        )
        .where(
            distributions.c.territory_id == territory_id,
            distributions.c.programme_id == programme_id,
            distributions.c.id != besides,
            distributions.c.state == DistributionState.APPROVED,
            distributions.c.posted_through_line > 0,
            distribution_lines.c.line_no > distributions.c.posted_through_line,
        )
    )
    return int(total or 0)


def _as_programme(row: dict[str, Any], categories: set[Category]) -> Programme:
    return Programme(
        programme_id=row["id"],
        name=row["name"],
        legal_basis=LegalBasis(row["legal_basis"]),
        decision_reference=row["decision_reference"],
        decided_on=as_date(row["decided_on"]),
        budget_cents=row["budget_cents"],
        pin_rule=PinRule(row["pin_rule"]),
        pin_above_cents=row["pin_above_cents"],
        grace_days=row["grace_days"],
        expired_goes_to=ExpiredGoesTo(row["expired_goes_to"]),
        categories=frozenset(categories),
        is_open=bool(row["is_open"]),
        created_by=row["created_by"],
        created_at_ms=row["created_at_ms"],
    )


def _as_funding_order(row: RowMapping) -> FundingOrder:
    return FundingOrder(
        funding_order_id=row["id"],
        programme_id=row["programme_id"],
        amount_cents=row["amount_cents"],
        reference=row["reference"],
        state=FundingState(row["state"]),
        entry_id=row["entry_id"],
        prepared_by=row["prepared_by"],
        created_at_ms=row["created_at_ms"],
    )


def _as_distribution(row: RowMapping) -> Distribution:
    return Distribution(
        distribution_id=row["id"],
        programme_id=row["programme_id"],
        label=row["label"],
        expires_on=row["expires_on"],
        state=DistributionState(row["state"]),
        prepared_by=row["prepared_by"],
        approved_by=row["approved_by"],
        line_count=row["line_count"],
        total_cents=row["total_cents"],
        posted_through_line=row["posted_through_line"],
        prepared_at_ms=row["prepared_at_ms"],
        approved_at_ms=row["approved_at_ms"],
        ended_at_ms=row["ended_at_ms"],
    )
