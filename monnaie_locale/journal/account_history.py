"""The history of accounts, newest first: each transfer names the entry that moved its account before it.

Following the chain costs as much as what is read lies back, whatever else is in the books.
"""

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from monnaie_locale.database.prepared import as_date, select_among
from monnaie_locale.journal.queries import balances_of, entries_by_number
from monnaie_locale.ledger.posting import Posted

# Above any entry's number, below what both databases count to.
NUMBER_MAX = 2**62
MOVES_PER_READ = 5_000
# `taken` is how many entries below the upper bound come before this one on its chain. UNION, not UNION ALL: an entry
# of several transfers between the same accounts leads back once.
NUMBERS = """
SELECT DISTINCT entry_id FROM (
  WITH RECURSIVE walk(account_id, entry_id, taken) AS (
    SELECT balances.account_id, balances.last_entry_id, 0
    FROM {wanted} CROSS JOIN balances
    WHERE balances.territory_id = {p} AND balances.account_id = {value}
    UNION
    SELECT walk.account_id,
      CASE WHEN transfers.debit_account_id = walk.account_id THEN transfers.debit_previous_id
        ELSE transfers.credit_previous_id END,
      walk.taken + CASE WHEN walk.entry_id < {p} THEN 1 ELSE 0 END
    FROM walk CROSS JOIN transfers
    WHERE transfers.territory_id = {p} AND transfers.entry_id = walk.entry_id
      AND (transfers.debit_account_id = walk.account_id OR transfers.credit_account_id = walk.account_id)
      AND walk.entry_id > {p} AND walk.taken < {p}
  )
  SELECT entry_id, taken FROM walk
) AS walked WHERE entry_id > {p} AND entry_id < {p} AND taken < {p}
"""
MOVES = """
SELECT transfers.debit_account_id, transfers.credit_account_id, transfers.amount_cents, journal_entries.accounted_on
FROM {wanted} CROSS JOIN transfers CROSS JOIN journal_entries
WHERE transfers.territory_id = {p} AND transfers.entry_id = {value}
AND journal_entries.territory_id = transfers.territory_id AND journal_entries.id = transfers.entry_id
"""


class _Move(NamedTuple):
    """A transfer and the day it is accounted on."""

    debit_account_id: int
    credit_account_id: int
    amount_cents: int
    accounted_on: datetime.date


def entries_touching(
    db: Connection, *, territory_id: int, account_ids: Collection[int], before_entry_id: int | None = None, limit: int
) -> list[Posted]:
    """Return the last `limit` entries that debit or credit one of the accounts, newest first.

    `before_entry_id` continues a page: only entries with a smaller number.
    """
    newest = numbers_touching(
        db, territory_id=territory_id, account_ids=account_ids, below=before_entry_id or NUMBER_MAX, limit=limit
    )[-limit:]
    return entries_by_number(db, territory_id=territory_id, entry_ids=newest)[::-1]


def numbers_touching(
    db: Connection, *, territory_id: int, account_ids: Collection[int], above: int = 0, below: int = NUMBER_MAX,
    limit: int = NUMBER_MAX,
) -> list[int]:  # fmt: skip
    """Return the numbers of the entries that debit or credit one of the accounts, in order.

    Args:
        db: a connection.
        territory_id: whose books.
        account_ids: the accounts.
        above: only numbers above this one; what lies further back is not read.
        below: only numbers below this one; what is newer is followed, not returned.
        limit: the last so many of each account.

    """
    bounds = (territory_id, below, territory_id, above, limit, above, below, limit)
    return sorted(row[0] for row in select_among(db, NUMBERS, sorted(account_ids), *bounds))


def net_credits_at(db: Connection, *, territory_id: int, account_ids: Collection[int], entry_id: int) -> dict[int, int]:
    """Return credits less debits of each account right after an entry, whatever came later."""
    held = balances_of(db, territory_id=territory_id, account_ids=account_ids)
    net = dict.fromkeys(account_ids, 0) | {each: balance.net_credit_cents for each, balance in held.items()}
    later = numbers_touching(db, territory_id=territory_id, account_ids=account_ids, above=entry_id)
    for move in _moves(db, territory_id, later):
        if move.credit_account_id in net:
            net[move.credit_account_id] -= move.amount_cents
        if move.debit_account_id in net:
            net[move.debit_account_id] += move.amount_cents
    return net


def _moves(db: Connection, territory_id: int, entry_ids: Sequence[int]) -> Iterator[_Move]:
    for start in range(0, len(entry_ids), MOVES_PER_READ):
        for row in select_among(db, MOVES, entry_ids[start : start + MOVES_PER_READ], territory_id):
            yield _Move(row[0], row[1], row[2], as_date(row[3]))
