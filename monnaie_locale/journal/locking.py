"""Take the posting lock of a territory, and read under it what a batch of postings decides on: few statements."""

import datetime
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from monnaie_locale.database.bulk import array_of, json_of
from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.prepared import Look, look_ahead
from monnaie_locale.journal.errors import TerritoryUnknown
from monnaie_locale.journal.queries import KINDS, entries_by_number
from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.posting import Posted

# On SQLite the transaction itself is the lock (BEGIN IMMEDIATE). One row, so that the driver lets go of Python's lock
# once and not for each account. JSON knows no bytes: keys travel in hexadecimal. CROSS JOIN reads what is wanted first
# and finds each by its index; with IN, SQLite would read every entry of the books.
OPEN_ON_SQLITE = """
SELECT h.last_entry_id,
  (SELECT MAX(p.ends_on) FROM closed_periods p WHERE p.territory_id = h.territory_id),
  (SELECT json_group_array(e.id) FROM json_each(?) AS wanted
   CROSS JOIN journal_entries e ON e.territory_id = h.territory_id AND e.key_digest = unhex(wanted.value)),
  (SELECT json_group_array(json_array(b.account_id, b.kind, b.debits_cents, b.credits_cents, b.last_entry_id))
   FROM json_each(?) AS wanted CROSS JOIN balances b ON b.territory_id = h.territory_id AND b.account_id = wanted.value)
FROM ledger_heads h WHERE h.territory_id = ?
"""
# One call, whose statements each see what the lock let through (migration 0008).
OPEN_ON_POSTGRESQL = (
    "SELECT last_id, closed_on::text, entry_ids, held FROM ledger_open_batch(%s, %s::bytea[], %s::bigint[])"
)


@dataclass(frozen=True, slots=True)
class LockedBooks:
    """The books as a batch finds them: nobody else posts before its transaction ends.

    `last_moves` is the number of the entry that last moved each account, 0 when none has.
    """

    last_entry_id: int
    closed_through: datetime.date | None
    posted: dict[bytes, Posted]
    balances: dict[int, Balance]
    last_moves: dict[int, int]


def lock_books(
    db: Connection,
    *,
    territory_id: int,
    key_digests: Sequence[bytes],
    account_ids: Collection[int],
    looks: Sequence[Look[Any]] = (),
) -> tuple[LockedBooks, list[Any]]:
    """Wait for the posting lock, then read; the looks see what the lock let through, in the same round trip.

    Args:
        db: a connection in a transaction, which holds the lock until it ends.
        territory_id: whose books.
        key_digests: what of these was already posted is returned.
        account_ids: whose balances are returned, of those that exist.
        looks: what else is read under the lock.

    Refuses territory_unknown.

    """
    accounts = sorted(account_ids)
    with sent_ahead(db):
        if db.dialect.name == "postgresql":
            books = execute(db, OPEN_ON_POSTGRESQL, (territory_id, array_of(key_digests), array_of(accounts)))
        else:
            books = execute(db, OPEN_ON_SQLITE, (json_of(key_digests), json_of(accounts), territory_id))
        seen = look_ahead(db, looks)
    rows = books.fetchall()
    if not rows:
        raise TerritoryUnknown(territory_id=territory_id)
    last_entry_id, closed_on, found, written = rows[0]
    numbers = json.loads(found or "[]")
    entries = entries_by_number(db, territory_id=territory_id, entry_ids=numbers) if numbers else []
    held = json.loads(written or "[]")
    locked = LockedBooks(
        last_entry_id,
        datetime.date.fromisoformat(closed_on) if closed_on else None,
        {each.entry.key_digest: each for each in entries},
        {
            account_id: Balance(KINDS[kind], debits_cents, credits_cents)
            for account_id, kind, debits_cents, credits_cents, _ in held
        },
        {account_id: last_id for account_id, _, _, _, last_id in held},
    )
    return locked, seen()
