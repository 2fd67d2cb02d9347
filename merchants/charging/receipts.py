"""What a shop and a holder are told of an entry. Pure."""

from merchants.model import Merchant, OpenShop, Receipt
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import JournalEntry
from monnaie_locale.ledger.posting import Posted

# A charge recorded more than five minutes after it happened came in late: the till had been offline.
LATE_AFTER_MS = 5 * 60 * 1000


def receipt_of(posted: Posted, *, merchant: Merchant | OpenShop, remaining_cents: int, replayed: bool) -> Receipt:
    """Return the receipt of a posted entry."""
    entry = posted.entry
    return Receipt(
        entry_id=entry.entry_id,
        kind=entry.kind,
        amount_cents=entry.amount_cents,
        remaining_cents=remaining_cents,
        happened_at_ms=entry.happened_at_ms,
        recorded_at_ms=entry.recorded_at_ms,
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        entry_hash=posted.leaf_hash.hex(),
        is_late=entry.recorded_at_ms - entry.happened_at_ms > LATE_AFTER_MS,
        replayed=replayed,
        guaranteed_cents=guaranteed_cents(entry),
    )


def guaranteed_cents(entry: JournalEntry) -> int:
    """Return what an offline guarantee paid of a charge, or what a refund gave back to it, in cents."""
    return sum(
        line.amount_cents
        for line in entry.transfers
        if AccountKind.OFFLINE_GUARANTEE in (line.debit_kind, line.credit_kind)
    )
