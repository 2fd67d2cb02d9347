"""Close a month of the books, and read what they held at the end of a day: entries of a later day do not count."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, func, insert, select

from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.errors import PeriodNotLast
from monnaie_locale.journal.tables import accounts, closed_periods, journal_entries, reopened_periods, transfers
from monnaie_locale.ledger.accounts import AccountKind, Balance
from monnaie_locale.ledger.periods import Month


@dataclass(frozen=True, slots=True)
class Span:
    """The entries accounted in a period: their first and last numbers (0 when there is none) and how many."""

    first_entry_id: int
    last_entry_id: int
    entry_count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What went from one kind of account to another, in cents, for one programme (0 when there is none)."""

    programme_id: int
    debit_kind: AccountKind
    credit_kind: AccountKind
    amount_cents: int


def close_period(db: Connection, *, territory_id: int, month: Month, now_ms: int) -> int:
    """Lock a month: no entry is accounted in it any more. Return the last entry's number.

    Refuses, by the database: period_already_closed, period_out_of_order.
    """
    last_entry_id = lock_territory(db, territory_id=territory_id)
    db.execute(
        insert(closed_periods),
        {
            "territory_id": territory_id,
            "ends_on": month.last_day,
            "starts_on": month.first_day,
            "last_entry_id": last_entry_id,
            "closed_at_ms": now_ms,
        },
    )
    return last_entry_id


def reopen_period(db: Connection, *, territory_id: int, month: Month, now_ms: int) -> int:
    """Let go of the lock of the last closed month, beside a line that remembers it. Return the last entry's number.

    Refuses period_not_last; the database also refuses what two people have not signed.
    """
    last_entry_id = lock_territory(db, territory_id=territory_id)
    query = select(closed_periods).where(closed_periods.c.territory_id == territory_id)
    locked = db.execute(query.order_by(closed_periods.c.ends_on.desc()).limit(1)).mappings().first()
    if locked is None or locked["ends_on"] != month.last_day:
        raise PeriodNotLast
    db.execute(
        insert(reopened_periods),
        {**locked, "reopened_entry_id": last_entry_id, "reopened_at_ms": now_ms},
    )
    db.execute(
        delete(closed_periods).where(
            closed_periods.c.territory_id == territory_id, closed_periods.c.ends_on == month.last_day
        )
    )
    return last_entry_id


def reopened_instants(db: Connection, *, territory_id: int) -> dict[tuple[datetime.date, int], int]:
    """Return when each lock was let go, by the last day of its month and the instant of the lock, in milliseconds."""
    rows = db.execute(select(reopened_periods).where(reopened_periods.c.territory_id == territory_id)).mappings()
    return {(row["ends_on"], row["closed_at_ms"]): row["reopened_at_ms"] for row in rows}


def closed_days(db: Connection, *, territory_id: int) -> list[datetime.date]:
    """Return the last day of each locked month, in order."""
    query = select(closed_periods.c.ends_on).where(closed_periods.c.territory_id == territory_id)
    return list(db.scalars(query.order_by(closed_periods.c.ends_on)))


def closed_at_ms(db: Connection, *, territory_id: int, month: Month) -> int | None:
    """Return the instant at which a month was locked, milliseconds UTC, or None while it is open."""
    at_ms: int | None = db.scalar(
        select(closed_periods.c.closed_at_ms).where(
            closed_periods.c.territory_id == territory_id, closed_periods.c.ends_on == month.last_day
        )
    )
    return at_ms


def first_month(db: Connection, *, territory_id: int) -> Month | None:
    """Return the month of the earliest entry, or None while the books are empty."""
    earliest: datetime.date | None = db.scalar(
        select(func.min(journal_entries.c.accounted_on)).where(journal_entries.c.territory_id == territory_id)
    )
    return None if earliest is None else Month.of(earliest)


def span_of(db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date) -> Span:
    """Return the numbers of the entries accounted between two days, both included."""
    row = db.execute(
        select(func.min(journal_entries.c.id), func.max(journal_entries.c.id), func.count()).where(
            journal_entries.c.territory_id == territory_id,
            journal_entries.c.accounted_on.between(first_day, last_day),
        )
    ).one()
    return Span(row[0] or 0, row[1] or 0, row[2])


def balances_through(
    db: Connection,
    *,
    territory_id: int,
    last_day: datetime.date,
    first_day: datetime.date | None = None,
    kinds: frozenset[AccountKind] | None = None,
    numbers: tuple[int, int] | None = None,
) -> dict[int, Balance]:
    """Return what each account was debited and credited, in cents, by the entries accounted up to a day, included.

    Args:
        db: a connection.
        territory_id: whose books.
        last_day: the last day that counts.
        first_day: the first day that counts; None is the beginning of the books.
        kinds: only accounts of these kinds; None is all of them.
        numbers: only entries numbered from one to the other; None is all of them.

    """
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    found: dict[int, AccountKind] = {}
    days = [journal_entries.c.accounted_on <= last_day]
    if first_day is not None:
        days.append(journal_entries.c.accounted_on >= first_day)
    for side, (account_id, kind) in enumerate(
        (
            (transfers.c.debit_account_id, transfers.c.debit_kind),
            (transfers.c.credit_account_id, transfers.c.credit_kind),
        )
    ):
        query = (
            select(account_id, kind, func.sum(transfers.c.amount_cents))
            .join(
                journal_entries,
                (journal_entries.c.territory_id == transfers.c.territory_id)
                & (journal_entries.c.id == transfers.c.entry_id),
            )
            .where(transfers.c.territory_id == territory_id, *days)
            .group_by(account_id, kind)
        )
        if numbers is not None:
            query = query.where(journal_entries.c.id.between(*numbers), transfers.c.entry_id.between(*numbers))
        if kinds is not None:
            query = query.where(kind.in_([int(each) for each in kinds]))
        for row in db.execute(query):
            found[row[0]] = AccountKind(row[1])
            sums[row[0]][side] += int(row[2])
    return {account_id: Balance(found[account_id], *sums[account_id]) for account_id in sorted(found)}


def flows_through(
    db: Connection,
    *,
    territory_id: int,
    last_day: datetime.date,
    first_day: datetime.date | None = None,
    after_entry_id: int = 0,
) -> list[Flow]:
    """Return what the entries accounted up to a day moved, per programme and pair of kinds.

    Args:
        db: a connection.
        territory_id: whose books.
        last_day: the last day that counts.
        first_day: the first day that counts; None is the beginning of the books.
        after_entry_id: only entries numbered above it.

    """
    wanted = [journal_entries.c.accounted_on <= last_day]
    if first_day is not None:
        wanted.append(journal_entries.c.accounted_on >= first_day)
    if after_entry_id:
        wanted += [journal_entries.c.id > after_entry_id, transfers.c.entry_id > after_entry_id]
    debited, credited = accounts.alias("debited"), accounts.alias("credited")
    # A distribution names its programme on both sides, a charge on the purse's side only.
    programme = case(
        (debited.c.programme_id > credited.c.programme_id, debited.c.programme_id), else_=credited.c.programme_id
    )
    columns = (programme, transfers.c.debit_kind, transfers.c.credit_kind)
    rows = db.execute(
        select(*columns, func.sum(transfers.c.amount_cents))
        .join(
            journal_entries,
            (journal_entries.c.territory_id == transfers.c.territory_id)
            & (journal_entries.c.id == transfers.c.entry_id),
        )
        .join(
            debited,
            (debited.c.territory_id == transfers.c.territory_id) & (debited.c.id == transfers.c.debit_account_id),
        )
        .join(
            credited,
            (credited.c.territory_id == transfers.c.territory_id) & (credited.c.id == transfers.c.credit_account_id),
        )
        .where(transfers.c.territory_id == territory_id, *wanted)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [Flow(row[0], AccountKind(row[1]), AccountKind(row[2]), int(row[3])) for row in rows]


def first_moves(db: Connection, *, territory_id: int, last_day: datetime.date) -> dict[int, datetime.date]:
    """Return the first day on which each account that moved up to a day was moved, by the accounting dates."""
    found: dict[int, datetime.date] = {}
    for account_id in (transfers.c.debit_account_id, transfers.c.credit_account_id):
        rows = db.execute(
            select(account_id, func.min(journal_entries.c.accounted_on))
            .join(
                journal_entries,
                (journal_entries.c.territory_id == transfers.c.territory_id)
                & (journal_entries.c.id == transfers.c.entry_id),
            )
            .where(transfers.c.territory_id == territory_id, journal_entries.c.accounted_on <= last_day)
            .group_by(account_id)
        )
        for number, day in rows:
            found[number] = min(found.get(number, day), day)
    return found


def kinds_through(db: Connection, *, territory_id: int, last_day: datetime.date) -> dict[AccountKind, Balance]:
    """Return the debits and credits of each kind of account by the entries up to a day; every kind is there."""
    kinds = (transfers.c.debit_kind, transfers.c.credit_kind)
    rows = db.execute(
        select(*kinds, func.sum(transfers.c.amount_cents))
        .join(
            journal_entries,
            (journal_entries.c.territory_id == transfers.c.territory_id)
            & (journal_entries.c.id == transfers.c.entry_id),
        )
        .where(transfers.c.territory_id == territory_id, journal_entries.c.accounted_on <= last_day)
        .group_by(*kinds)
    )
    debits: dict[AccountKind, int] = defaultdict(int)
    credits_: dict[AccountKind, int] = defaultdict(int)
    for debit_kind, credit_kind, cents in rows:
        debits[AccountKind(debit_kind)] += int(cents)
        credits_[AccountKind(credit_kind)] += int(cents)
    return {kind: Balance(kind, debits[kind], credits_[kind]) for kind in AccountKind}
