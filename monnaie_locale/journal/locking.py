"""Take the posting lock of a territory, and read under it what a batch of postings decides on: few statements."""

import datetime
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.database.bulk import array_of
from monnaie_locale.database.driver import execute
from monnaie_locale.journal.errors import TerritoryUnknown
from monnaie_locale.journal.queries import KINDS, balances_of, entries_by_number, posted_by_keys
from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.posting import Posted

# On SQLite the transaction itself is the lock (BEGIN IMMEDIATE).
HEAD_ON_SQLITE = """
SELECT last_entry_id, (SELECT MAX(ends_on) FROM closed_periods p WHERE p.territory_id = h.territory_id)
FROM ledger_heads h WHERE territory_id = ?
"""
# One call, whose statements each see what the lock let through (migration 0008).
OPEN_ON_POSTGRESQL = "SELECT last_id, closed_on, entry_ids, held FROM ledger_open_batch(%s, %s::bytea[], %s::bigint[])"


@dataclass(frozen=True, slots=True)
class LockedBooks:
    """The books as a batch finds them: nobody else posts before its transaction ends."""

    last_entry_id: int
    closed_through: datetime.date | None
    posted: dict[bytes, Posted]
    balances: dict[int, Balance]


def lock_books(
    db: Connection, *, territory_id: int, key_digests: Sequence[bytes], account_ids: Collection[int]
) -> LockedBooks:
    """Wait for the posting lock, then read.

    Args:
        db: a connection in a transaction, which holds the lock until it ends.
        territory_id: whose books.
        key_digests: what of these was already posted is returned.
        account_ids: whose balances are returned, of those that exist.

    Refuses territory_unknown.

    """
    if db.dialect.name == "postgresql":
        return _lock_on_postgresql(db, territory_id, key_digests, account_ids)
    rows = execute(db, HEAD_ON_SQLITE, (territory_id,)).fetchall()
    if not rows:
        raise TerritoryUnknown(territory_id=territory_id)
    last_entry_id, closed_on = rows[0]
    return LockedBooks(
        last_entry_id,
        None if closed_on is None else datetime.date.fromisoformat(closed_on),
        posted_by_keys(db, territory_id=territory_id, key_digests=key_digests),
        balances_of(db, territory_id=territory_id, account_ids=account_ids),
    )


def _lock_on_postgresql(
    db: Connection, territory_id: int, key_digests: Sequence[bytes], account_ids: Collection[int]
) -> LockedBooks:
    values = (territory_id, array_of(key_digests), array_of(sorted(account_ids)))
    rows = execute(db, OPEN_ON_POSTGRESQL, values).fetchall()
    if not rows:
        raise TerritoryUnknown(territory_id=territory_id)
    last_entry_id, closed_through, numbers, held = rows[0]
    balances = {
        account_id: Balance(KINDS[kind], debits_cents, credits_cents)
        for account_id, kind, debits_cents, credits_cents in json.loads(held or "[]")
    }
    found = entries_by_number(db, territory_id=territory_id, entry_ids=numbers) if numbers else []
    posted = {each.entry.key_digest: each for each in found}
    return LockedBooks(last_entry_id, closed_through, posted, balances)
