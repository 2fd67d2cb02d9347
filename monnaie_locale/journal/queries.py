"""Read the books: balances, purses, entries. Reads never decide: the posting engine reads again under its lock."""

import datetime
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from monnaie_locale.database.prepared import Look, Rows, as_date, look, select_among
from monnaie_locale.journal.directory import LOOKUP_MAX, Account, Owner, StoredRow, as_account
from monnaie_locale.journal.tables import accounts, balances, closed_periods, journal_entries, ledger_heads, transfers
from monnaie_locale.ledger.accounts import AccountKind, Balance
from monnaie_locale.ledger.entries import EntryKind, JournalEntry, Transfer
from monnaie_locale.ledger.errors import EntryUnknown, IdempotencyKeyReused
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.posting import Posted

ENTRIES_PER_READ = 2000
# Calling an enumeration costs ten times a dictionary.
KINDS = {int(kind): kind for kind in AccountKind}
EVENTS = {int(kind): kind for kind in EntryKind}
LINE_COLUMNS = (
    transfers.c.entry_id, transfers.c.debit_account_id, transfers.c.debit_kind, transfers.c.credit_account_id,
    transfers.c.credit_kind, transfers.c.amount_cents,
)  # fmt: skip
# Built once: building a statement costs more than running it.
CLOSED_THROUGH = select(func.max(closed_periods.c.ends_on)).where(
    closed_periods.c.territory_id == bindparam("territory_id")
)
# Apart: asked for both at once, SQLite reads every day of the index.
OLDEST_DAY, NEWEST_DAY = (
    select(end(journal_entries.c.accounted_on)).where(journal_entries.c.territory_id == bindparam("territory_id"))
    for end in (func.min, func.max)
)
# The first and the last number of each day are the two ends of its part of the index.
_DAY_BOUNDS = (
    "SELECT min(lowest), max(highest) FROM (SELECT"
    " (SELECT id FROM journal_entries WHERE territory_id = {mark} AND accounted_on = {day}"
    " ORDER BY id LIMIT 1) AS lowest,"
    " (SELECT id FROM journal_entries WHERE territory_id = {mark} AND accounted_on = {day}"
    " ORDER BY id DESC LIMIT 1) AS highest FROM {days}) AS bounds"
)
DAY_BOUNDS = {
    "sqlite": _DAY_BOUNDS.format(mark="?", day="days.value", days="json_each(?) AS days"),
    "postgresql": _DAY_BOUNDS.format(mark="%s", day="days.day", days="unnest((%s::text)::date[]) AS days (day)"),
}
BALANCES = """
SELECT balances.account_id, balances.kind, balances.debits_cents, balances.credits_cents
FROM {wanted} CROSS JOIN balances
WHERE balances.territory_id = {p} AND balances.account_id = {value}
"""
NUMBERS_OF_KEYS = """
SELECT journal_entries.id FROM {wanted} CROSS JOIN journal_entries
WHERE journal_entries.territory_id = {p} AND journal_entries.key_digest = {digest}
"""
PURSES = """
SELECT accounts.id, accounts.programme_id, accounts.wallet_id, accounts.expires_on,
balances.credits_cents - balances.debits_cents
FROM {wanted} CROSS JOIN accounts CROSS JOIN balances
WHERE accounts.territory_id = {p} AND accounts.wallet_id = {value} AND accounts.merchant_id = 0 AND accounts.kind = {p}
AND balances.territory_id = accounts.territory_id AND balances.account_id = accounts.id
"""
T = TypeVar("T")


class PurseBalance(NamedTuple):
    """What a wallet holds of one programme until one date."""

    account_id: int
    programme_id: int
    wallet_id: int
    expires_on: datetime.date
    balance_cents: int


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a territory's books: last number, euros in the reserve, units owed."""

    last_entry_id: int
    reserve_cents: int
    owed_cents: int


def head_of(db: Connection, *, territory_id: int) -> Head:
    """Return the state of the territory's books."""
    row = db.execute(select(ledger_heads).where(ledger_heads.c.territory_id == territory_id)).mappings().one()
    return Head(row["last_entry_id"], row["reserve_cents"], row["owed_cents"])


def balances_of(db: Connection, *, territory_id: int, account_ids: Collection[int]) -> dict[int, Balance]:
    """Return the counters of the accounts that exist among these."""
    rows = select_among(db, BALANCES, sorted(account_ids), territory_id)
    return {row[0]: Balance(KINDS[row[1]], row[2], row[3]) for row in rows}


def balance_of(db: Connection, *, territory_id: int, account_id: int) -> int:
    """Return credits less debits of one account, in cents; 0 when it does not exist."""
    balance = balances_of(db, territory_id=territory_id, account_ids=[account_id]).get(account_id)
    return 0 if balance is None else balance.net_credit_cents


def owners_of(db: Connection, *, territory_id: int, account_ids: Collection[int]) -> dict[int, Owner]:
    """Return whose account each one is."""
    found: dict[int, Owner] = {}
    for chunk in _chunks(sorted(account_ids)):
        rows = db.execute(
            select(accounts).where(accounts.c.territory_id == territory_id, accounts.c.id.in_(chunk))
        ).mappings()
        found.update({row["id"]: as_account(row).owner for row in rows})
    return found


def accounts_of(
    db: Connection, *, territory_id: int, kinds: Collection[AccountKind] = tuple(AccountKind)
) -> Iterator[tuple[Account, Balance]]:
    """Yield every account of these kinds with its counters, in the order of their numbers."""
    rows = db.execute(
        select(accounts, balances.c.debits_cents, balances.c.credits_cents)
        .join(balances, (balances.c.territory_id == accounts.c.territory_id) & (balances.c.account_id == accounts.c.id))
        .where(accounts.c.territory_id == territory_id, accounts.c.kind.in_([int(kind) for kind in kinds]))
        .order_by(accounts.c.id)
    ).mappings()
    for row in rows:
        account = as_account(row)
        yield account, Balance(account.owner.kind, row["debits_cents"], row["credits_cents"])


def purses_of(db: Connection, *, territory_id: int, wallet_id: int) -> list[PurseBalance]:
    """Return the wallet's purses, earliest expiry first, empty and expired ones included."""
    return look(db, look_for_purses(territory_id=territory_id, wallet_ids=[wallet_id]))[wallet_id]


def look_for_purses(*, territory_id: int, wallet_ids: Collection[int]) -> Look[defaultdict[int, list[PurseBalance]]]:
    """Return what asks for the purses of these wallets, earliest expiry first, empty and expired ones included."""
    return Look(PURSES, list(wallet_ids), (territory_id, int(AccountKind.PURSE)), purses_by_wallet)


def purses_by_wallet(rows: Rows) -> defaultdict[int, list[PurseBalance]]:
    """Return the purses of the rows (account, programme, wallet, last day, cents left), earliest expiry first."""
    found: defaultdict[int, list[PurseBalance]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row[3], row[0])):
        found[row[2]].append(PurseBalance(row[0], row[1], row[2], as_date(row[3]), row[4]))
    return found


def closed_through(db: Connection, *, territory_id: int) -> datetime.date | None:
    """Return the last day of the last closed month, or None when none is closed."""
    closed: datetime.date | None = db.scalar(CLOSED_THROUGH, {"territory_id": territory_id})
    return closed


def find_posted(
    db: Connection, *, territory_id: int, caller: str, idempotency_key: str, request_digest: bytes | None = None
) -> Posted | None:
    """Return what the caller's key posted, or None; refuses idempotency_key_reused for another request."""
    digest = key_digest(caller=caller, idempotency_key=idempotency_key)
    posted = posted_by_keys(db, territory_id=territory_id, key_digests=[digest]).get(digest)
    if posted is not None and request_digest is not None and posted.entry.request_digest != request_digest:
        raise IdempotencyKeyReused
    return posted


def posted_by_keys(db: Connection, *, territory_id: int, key_digests: Sequence[bytes]) -> dict[bytes, Posted]:
    """Return what these keys already posted."""
    return posted_under(db, look(db, look_for_keys(territory_id=territory_id, key_digests=key_digests)), territory_id)


def look_for_keys(*, territory_id: int, key_digests: Sequence[bytes]) -> Look[Sequence[int]]:
    """Return what asks the database for the numbers of the entries that these keys posted."""
    return Look(NUMBERS_OF_KEYS, key_digests, (territory_id,), lambda rows: [row[0] for row in rows])


def posted_under(db: Connection, entry_ids: Sequence[int], territory_id: int) -> dict[bytes, Posted]:
    """Return these entries by the digests of their keys; a new request asks for none."""
    if not entry_ids:
        return {}
    found = entries_by_number(db, territory_id=territory_id, entry_ids=entry_ids)
    return {posted.entry.key_digest: posted for posted in found}


def entry_of(db: Connection, *, territory_id: int, entry_id: int) -> Posted:
    """Return one entry; refuses entry_unknown."""
    found = entries_by_number(db, territory_id=territory_id, entry_ids=[entry_id])
    if not found:
        raise EntryUnknown(entry_id=entry_id)
    return found[0]


def entries_by_number(db: Connection, *, territory_id: int, entry_ids: Sequence[int]) -> list[Posted]:
    """Return the entries with these numbers, in order."""
    found: list[Posted] = []
    for chunk in _chunks(sorted(entry_ids)):
        found += _posted(db, territory_id, transfers.c.entry_id.in_(chunk), journal_entries.c.id.in_(chunk))
    return found


def _posted(
    db: Connection, territory_id: int, of_lines: ColumnElement[bool], of_entries: ColumnElement[bool]
) -> Iterator[Posted]:
    """Yield the entries that a condition takes, in the order of their numbers, with the lines that another takes."""
    lines: dict[int, list[Transfer]] = defaultdict(list)
    moves = select(*LINE_COLUMNS).where(transfers.c.territory_id == territory_id, of_lines)
    for entry_id, debit, debit_kind, credit, credit_kind, cents in db.execute(
        moves.order_by(transfers.c.entry_id, transfers.c.line_no)
    ):
        lines[entry_id].append(Transfer(debit, KINDS[debit_kind], credit, KINDS[credit_kind], cents))
    rows = db.execute(
        select(journal_entries)
        .where(journal_entries.c.territory_id == territory_id, of_entries)
        .order_by(journal_entries.c.id)
    ).mappings()
    for row in rows:
        yield Posted(as_entry(row, tuple(lines[row["id"]])), row["leaf_hash"])


def entries(
    db: Connection,
    *,
    territory_id: int,
    accounted_from: datetime.date | None = None,
    accounted_to: datetime.date | None = None,
) -> Iterator[Posted]:
    """Yield the entries accounted in the span (both days included), in the order of their numbers, memory flat."""
    span = [journal_entries.c.territory_id == territory_id]
    after = 0
    if accounted_from is not None:
        bounds = numbers_accounted(db, territory_id=territory_id, first_day=accounted_from, last_day=accounted_to)
        if bounds is None:
            return
        after = bounds[0] - 1
        span += [journal_entries.c.accounted_on >= accounted_from, journal_entries.c.id <= bounds[1]]
    if accounted_to is not None:
        span.append(journal_entries.c.accounted_on <= accounted_to)
    while True:
        numbers = db.scalars(
            select(journal_entries.c.id)
            .where(*span, journal_entries.c.id > after)
            .order_by(journal_entries.c.id)
            .limit(ENTRIES_PER_READ)
        ).all()
        if not numbers:
            return
        # A span of numbers is read faster than a list of them; on a month's edges entries of other days lie between.
        read = (
            transfers.c.entry_id.between(numbers[0], numbers[-1]),
            journal_entries.c.id.between(numbers[0], numbers[-1]),
        )
        wanted = set(numbers)
        yield from (posted for posted in _posted(db, territory_id, *read) if posted.entry.entry_id in wanted)
        after = numbers[-1]


def numbers_accounted(
    db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date | None = None
) -> tuple[int, int] | None:
    """Return the lowest and the highest number accounted from a day to a day (to the last one there is), or None.

    Entries accounted on other days may lie between them. Two looks into the index a day, whatever it holds.
    """
    oldest, newest = (db.scalar(end, {"territory_id": territory_id}) for end in (OLDEST_DAY, NEWEST_DAY))
    if oldest is None or newest is None:
        return None
    first_day = max(first_day, oldest)
    last_day = newest if last_day is None else min(last_day, newest)
    days = [
        (first_day + datetime.timedelta(days=offset)).isoformat() for offset in range((last_day - first_day).days + 1)
    ]
    written = json.dumps(days) if db.dialect.name == "sqlite" else f"{{{','.join(days)}}}"
    row = db.exec_driver_sql(DAY_BOUNDS[db.dialect.name], (territory_id, territory_id, written)).one()
    return None if row[0] is None else (row[0], row[1])


def credited_after(db: Connection, *, territory_id: int, kind: AccountKind, day: datetime.date) -> dict[int, int]:
    """Return what each account of a kind was credited by entries accounted after `day`, in cents; one query for all."""
    rows = db.execute(
        select(transfers.c.credit_account_id, func.sum(transfers.c.amount_cents))
        .join(
            journal_entries,
            (journal_entries.c.territory_id == transfers.c.territory_id)
            & (journal_entries.c.id == transfers.c.entry_id),
        )
        .where(
            transfers.c.territory_id == territory_id,
            transfers.c.credit_kind == int(kind),
            journal_entries.c.accounted_on > day,
        )
        .group_by(transfers.c.credit_account_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def as_transfer(row: StoredRow) -> Transfer:
    """Return the transfer in a row."""
    return Transfer(
        debit_account_id=row["debit_account_id"],
        debit_kind=AccountKind(row["debit_kind"]),
        credit_account_id=row["credit_account_id"],
        credit_kind=AccountKind(row["credit_kind"]),
        amount_cents=row["amount_cents"],
    )


def as_entry(row: StoredRow, lines: tuple[Transfer, ...]) -> JournalEntry:
    """Return the entry in a row, with its transfers."""
    return JournalEntry(
        territory_id=row["territory_id"],
        entry_id=row["id"],
        kind=EVENTS[row["kind"]],
        happened_at_ms=row["happened_at_ms"],
        recorded_at_ms=row["recorded_at_ms"],
        accounted_on=row["accounted_on"],
        caller=row["caller"],
        key_digest=row["key_digest"],
        request_digest=row["request_digest"],
        reverses_entry_id=row["reverses_entry_id"],
        reference=row["reference"],
        transfers=lines,
    )


def _chunks(items: Sequence[T], *, size: int = LOOKUP_MAX) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
