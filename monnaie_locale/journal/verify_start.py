"""From where a close verifies the books: what the close before it verified, locked and signed is not read again.

A town with ten years of entries closes a month as fast as in its first year. What is taken as known is held by a
signature: the log by a signed head of it, the balances by the close's certificate (whoever calls has checked it).
`monnaie-locale verify` still reads every row.
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monnaie_locale.journal import verify_scan
from monnaie_locale.journal.period_balances import kept_of
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.journal.queries import numbers_accounted
from monnaie_locale.journal.sealer import as_head
from monnaie_locale.journal.tables import closed_periods, log_heads
from monnaie_locale.keyring import signature_is_valid
from monnaie_locale.ledger.merkle import Frontier

ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Start:
    """The log and the sums of each account, in cents, at the last entry that is not read again."""

    frontier: Frontier
    debits: dict[int, int]
    credits: dict[int, int]


def start_after_close(db: Connection, *, territory_id: int, public_key_pem: str) -> Start | None:
    """Return what the last close leaves as known, or None when every entry must be read.

    The entries that are left all come before the first one of a later month; a span of the verifier begins after them.
    """
    query = select(closed_periods).where(closed_periods.c.territory_id == territory_id)
    locked = db.execute(query.order_by(closed_periods.c.ends_on.desc()).limit(1)).first()
    if locked is None:
        return None
    kept = kept_of(db, territory_id=territory_id, ends_on=locked.ends_on, closed_at_ms=locked.closed_at_ms)
    later = numbers_accounted(db, territory_id=territory_id, first_day=locked.ends_on + ONE_DAY)
    through = locked.last_entry_id if later is None else min(locked.last_entry_id, later[0] - 1)
    frontier = _signed_frontier(db, territory_id=territory_id, through=through, public_key_pem=public_key_pem)
    if not kept or frontier is None or frontier.size == 0:
        return None
    moved = balances_through(
        db, territory_id=territory_id, last_day=locked.ends_on, numbers=(frontier.size + 1, locked.last_entry_id)
    )
    debits = {account_id: balance.debits_cents for account_id, balance in kept.items()}
    credits_ = {account_id: balance.credits_cents for account_id, balance in kept.items()}
    for account_id, balance in moved.items():
        debits[account_id] = debits.get(account_id, 0) - balance.debits_cents
        credits_[account_id] = credits_.get(account_id, 0) - balance.credits_cents
    return Start(frontier, debits, credits_)


def _signed_frontier(db: Connection, *, territory_id: int, through: int, public_key_pem: str) -> Frontier | None:
    """Return the log at the last end of a span that a signed head no larger than `through` covers, or None."""
    query = select(log_heads).where(log_heads.c.territory_id == territory_id, log_heads.c.size <= through)
    row = db.execute(query.order_by(log_heads.c.size.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    head, frontier = as_head(row), Frontier.from_bytes(row["size"], row["frontier"])
    is_signed = signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text())
    is_whole = len(frontier.hashes) == head.size.bit_count() and frontier.root() == head.root
    if not is_signed or not is_whole:
        return None
    size = head.size - head.size % verify_scan.SPAN_ENTRIES
    # One hash for each bit of the size, the largest subtree first: those of the whole spans come first.
    return Frontier(size, frontier.hashes[: size.bit_count()])
