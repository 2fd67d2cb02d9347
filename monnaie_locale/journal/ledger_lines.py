"""Read what moved accounts in a period, summed by the database: lines by account, days, events, programmes.

Each query is one statement whatever the number of entries; the long one is read as it comes, never all in memory.
"""

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Subquery, case, func, literal, select, union_all

from monnaie_locale.journal.queries import EVENTS, KINDS
from monnaie_locale.journal.tables import accounts, journal_entries, transfers
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind

ROWS_PER_READ = 2000
SHOP_KINDS = (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT)


class AccountLine(NamedTuple):
    """What one entry moved on one account, in cents; `moves_reserve` is about the whole entry."""

    kind: AccountKind
    account_id: int
    entry_id: int
    entry_kind: EntryKind
    accounted_on: datetime.date
    reference: str
    debit_cents: int
    credit_cents: int
    moves_reserve: bool


class ShopMove(NamedTuple):
    """What one entry changed in what a shop is owed, in cents: credits of its accounts less debits."""

    merchant_id: int
    entry_id: int
    entry_kind: EntryKind
    happened_at_ms: int
    recorded_at_ms: int
    amount_cents: int


class DayTotal(NamedTuple):
    """What the entries of one kind moved on one day on accounts of one kind; `line_count` as in `period_control`.

    Those that move the reserve's account and those that do not are apart.
    """

    accounted_on: datetime.date
    entry_kind: EntryKind
    moves_reserve: bool
    kind: AccountKind
    line_count: int
    debit_cents: int
    credit_cents: int


class DayMove(NamedTuple):
    """What moved one account on one day, in cents."""

    account_id: int
    accounted_on: datetime.date
    debit_cents: int
    credit_cents: int


class EventTotal(NamedTuple):
    """How many entries of a kind there are, and what they moved, in cents; of one kind of account: its two sides."""

    entry_kind: EntryKind
    entry_count: int
    debit_cents: int
    credit_cents: int


class PurseUse(NamedTuple):
    """What the purses of one programme gave to, or got from, accounts of another kind, in cents (given less got)."""

    programme_id: int
    other_kind: AccountKind
    merchant_id: int
    net_debit_cents: int


def period_control(
    db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date
) -> tuple[int, int]:
    """Return how many lines the journal of a period has (one per entry, account and side), and what they debit."""
    sides = _sides(territory_id, first_day, last_day)
    lines = select(literal(1)).select_from(sides).group_by(sides.c.entry_id, sides.c.account_id, sides.c.is_debit)
    count = db.scalar(select(func.count()).select_from(lines.subquery()))
    # The sum is taken from the transfers themselves, not from the sides.
    total = db.scalar(
        select(func.coalesce(func.sum(transfers.c.amount_cents), 0))
        .join(journal_entries, _of_entry())
        .where(transfers.c.territory_id == territory_id, journal_entries.c.accounted_on.between(first_day, last_day))
    )
    return int(count or 0), int(total or 0)


def lines_by_account(
    db: Connection,
    *,
    territory_id: int,
    first_day: datetime.date,
    last_day: datetime.date,
    kinds: Sequence[AccountKind],
) -> Iterator[AccountLine]:
    """Yield what each entry of a period moved on each account and side, account by account, in the order of numbers.

    `kinds`: every kind of account, in the order in which their accounts come.
    """
    sides = _sides(territory_id, first_day, last_day)
    place = case({int(kind): at for at, kind in enumerate(kinds)}, value=sides.c.kind)
    keys = (sides.c.kind, sides.c.account_id, sides.c.entry_id, sides.c.is_debit)
    said = (journal_entries.c.kind, journal_entries.c.accounted_on, journal_entries.c.reference)
    moves_reserve = _moves_reserve(sides.c.entry_id, territory_id, first_day, last_day)
    query = (
        select(*keys[:3], *said, func.sum(sides.c.debit_cents), func.sum(sides.c.credit_cents), moves_reserve)
        .join(
            journal_entries,
            (journal_entries.c.territory_id == territory_id) & (journal_entries.c.id == sides.c.entry_id),
        )
        .group_by(place, *keys, *said)
        .order_by(place, *keys)
    )
    for row in db.execute(query, execution_options={"yield_per": ROWS_PER_READ}):
        yield AccountLine(
            KINDS[row[0]], row[1], row[2], EVENTS[row[3]], row[4], row[5], int(row[6]), int(row[7]), bool(row[8])
        )


def shop_moves(
    db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date
) -> Iterator[ShopMove]:
    """Yield what each entry of a period moved at each shop, shop by shop, in the order of numbers; one query for all.

    An entry that leaves what a shop is owed as it was is not told.
    """
    sides = _sides(territory_id, first_day, last_day)
    amount = func.sum(sides.c.credit_cents - sides.c.debit_cents)
    keys = (accounts.c.merchant_id, sides.c.entry_id)
    said = (journal_entries.c.kind, journal_entries.c.happened_at_ms, journal_entries.c.recorded_at_ms)
    query = (
        select(*keys, *said, amount)
        .join(accounts, (accounts.c.territory_id == territory_id) & (accounts.c.id == sides.c.account_id))
        .join(
            journal_entries,
            (journal_entries.c.territory_id == territory_id) & (journal_entries.c.id == sides.c.entry_id),
        )
        .where(sides.c.kind.in_([int(kind) for kind in SHOP_KINDS]))
        .group_by(*keys, *said)
        .having(amount != 0)
        .order_by(*keys)
    )
    for row in db.execute(query, execution_options={"yield_per": ROWS_PER_READ}):
        yield ShopMove(row[0], row[1], EVENTS[row[2]], row[3], row[4], int(row[5]))


def day_totals(
    db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date
) -> list[DayTotal]:
    """Return the centralised journal of a period: a line a day, kind of entry and kind of account."""
    sides = _sides(territory_id, first_day, last_day)
    lines = (
        select(
            sides.c.entry_id, sides.c.kind,
            func.sum(sides.c.debit_cents).label("debit_cents"), func.sum(sides.c.credit_cents).label("credit_cents"),
        )
        .group_by(sides.c.entry_id, sides.c.kind, sides.c.account_id, sides.c.is_debit)
        .subquery()
    )  # fmt: skip
    moves_reserve = _moves_reserve(lines.c.entry_id, territory_id, first_day, last_day).label("moves_reserve")
    keys = (journal_entries.c.accounted_on, journal_entries.c.kind, moves_reserve, lines.c.kind)
    rows = db.execute(
        select(*keys, func.count(), func.sum(lines.c.debit_cents), func.sum(lines.c.credit_cents))
        .select_from(lines)
        .join(
            journal_entries,
            (journal_entries.c.territory_id == territory_id) & (journal_entries.c.id == lines.c.entry_id),
        )
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        DayTotal(row[0], EntryKind(row[1]), bool(row[2]), AccountKind(row[3]), row[4], int(row[5]), int(row[6]))
        for row in rows
    ]


def daily_moves(
    db: Connection,
    *,
    territory_id: int,
    first_day: datetime.date,
    last_day: datetime.date,
    kinds: Collection[AccountKind],
) -> list[DayMove]:
    """Return what moved each account of these kinds on each day of a period, account by account, by day."""
    sides = _sides(territory_id, first_day, last_day)
    keys = (sides.c.account_id, journal_entries.c.accounted_on)
    rows = db.execute(
        select(*keys, func.sum(sides.c.debit_cents), func.sum(sides.c.credit_cents))
        .join(
            journal_entries,
            (journal_entries.c.territory_id == territory_id) & (journal_entries.c.id == sides.c.entry_id),
        )
        .where(sides.c.kind.in_([int(kind) for kind in kinds]))
        .group_by(*keys)
        .order_by(*keys)
    )
    return [DayMove(row[0], row[1], int(row[2]), int(row[3])) for row in rows]


def event_totals(
    db: Connection,
    *,
    territory_id: int,
    first_day: datetime.date,
    last_day: datetime.date,
    kind: AccountKind | None = None,
) -> list[EventTotal]:
    """Return, for each kind of entry of a period, how many there are and what they moved, on one kind of account."""
    sides = _sides(territory_id, first_day, last_day)
    query = (
        select(
            journal_entries.c.kind, func.count(sides.c.entry_id.distinct()),
            func.sum(sides.c.debit_cents), func.sum(sides.c.credit_cents),
        )
        .join(
            journal_entries,
            (journal_entries.c.territory_id == territory_id) & (journal_entries.c.id == sides.c.entry_id),
        )
        .group_by(journal_entries.c.kind)
        .order_by(journal_entries.c.kind)
    )  # fmt: skip
    if kind is not None:
        query = query.where(sides.c.kind == int(kind))
    return [EventTotal(EntryKind(row[0]), row[1], int(row[2]), int(row[3])) for row in db.execute(query)]


def purse_uses(
    db: Connection, *, territory_id: int, expires_from: datetime.date, expires_to: datetime.date,
    last_day: datetime.date,
) -> list[PurseUse]:  # fmt: skip
    """Return what the purses that expire between two days gave and got until a day, by programme, kind and shop."""
    found: dict[tuple[int, int, int], int] = {}
    for purse_id, other_id, other_kind, sign in (
        (transfers.c.debit_account_id, transfers.c.credit_account_id, transfers.c.credit_kind, 1),
        (transfers.c.credit_account_id, transfers.c.debit_account_id, transfers.c.debit_kind, -1),
    ):
        purse, other = accounts.alias("purse"), accounts.alias("other")
        keys = (purse.c.programme_id, other_kind, other.c.merchant_id)
        rows = db.execute(
            select(*keys, func.sum(transfers.c.amount_cents))
            .join(journal_entries, _of_entry())
            .join(purse, (purse.c.territory_id == transfers.c.territory_id) & (purse.c.id == purse_id))
            .join(other, (other.c.territory_id == transfers.c.territory_id) & (other.c.id == other_id))
            .where(
                transfers.c.territory_id == territory_id,
                purse.c.kind == int(AccountKind.PURSE),
                purse.c.expires_on.between(expires_from, expires_to),
                journal_entries.c.accounted_on <= last_day,
            )
            .group_by(*keys)
        )
        for row in rows:
            key = (row[0], row[1], row[2])
            found[key] = found.get(key, 0) + sign * int(row[3])
    return [PurseUse(key[0], AccountKind(key[1]), key[2], cents) for key, cents in sorted(found.items())]


def purse_counts(
    db: Connection, *, territory_id: int, expires_from: datetime.date, expires_to: datetime.date
) -> dict[int, int]:
    """Return how many purses of each programme expire between two days."""
    rows = db.execute(
        select(accounts.c.programme_id, func.count())
        .where(
            accounts.c.territory_id == territory_id,
            accounts.c.kind == int(AccountKind.PURSE),
            accounts.c.expires_on.between(expires_from, expires_to),
        )
        .group_by(accounts.c.programme_id)
    )
    return {row[0]: row[1] for row in rows}


def _of_entry() -> Any:  # noqa: ANN401 - SQLAlchemy's own type of a condition says no more
    """Return the condition that joins a transfer to its entry."""
    return (journal_entries.c.territory_id == transfers.c.territory_id) & (journal_entries.c.id == transfers.c.entry_id)


def _moves_reserve(
    entry_id: ColumnElement[int], territory_id: int, first_day: datetime.date, last_day: datetime.date
) -> ColumnElement[int]:
    """Return 1 for an entry of a period that moves the reserve's account, at the bank; else 0."""
    reserve = int(AccountKind.RESERVE)
    banked = (
        select(transfers.c.entry_id)
        .join(journal_entries, _of_entry())
        .where(
            transfers.c.territory_id == territory_id,
            journal_entries.c.accounted_on.between(first_day, last_day),
            (transfers.c.debit_kind == reserve) | (transfers.c.credit_kind == reserve),
        )
    )
    return case((entry_id.in_(banked), 1), else_=0)


def _sides(territory_id: int, first_day: datetime.date, last_day: datetime.date) -> Subquery:
    """Return both sides of every transfer of a period, each as one row of one account."""
    return union_all(
        *(
            select(
                transfers.c.entry_id,
                kind.label("kind"),
                account_id.label("account_id"),
                literal(is_debit).label("is_debit"),
                case((literal(is_debit) == 1, transfers.c.amount_cents), else_=0).label("debit_cents"),
                case((literal(is_debit) == 0, transfers.c.amount_cents), else_=0).label("credit_cents"),
            )
            .join(journal_entries, _of_entry())
            .where(
                transfers.c.territory_id == territory_id, journal_entries.c.accounted_on.between(first_day, last_day)
            )
            for kind, account_id, is_debit in (
                (transfers.c.debit_kind, transfers.c.debit_account_id, 1),
                (transfers.c.credit_kind, transfers.c.credit_account_id, 0),
            )
        )
    ).subquery("sides")
