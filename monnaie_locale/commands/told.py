"""What the journal tells, gathered in one pass, for the other packages' rows to be held against."""

from collections import defaultdict
from dataclasses import dataclass, field

from monnaie_locale.ledger.entries import EntryKind, JournalEntry


@dataclass(frozen=True, slots=True)
class Share:
    """One wallet's part of a distribution: who approved it, the purse credited, cents."""

    caller: str
    account_id: int
    amount_cents: int


@dataclass(slots=True)
class Told:
    """What each entry is, and what is asked of some kinds."""

    amounts: dict[int, tuple[EntryKind, int]] = field(default_factory=dict)
    charges: list[int] = field(default_factory=list)
    refunded: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    distributed: dict[str, list[Share]] = field(default_factory=lambda: defaultdict(list))
    orders: dict[int, bytes] = field(default_factory=dict)
    reversed: dict[int, int | None] = field(default_factory=dict)

    def take(self, entry: JournalEntry) -> None:
        """Count one entry."""
        self.amounts[entry.entry_id] = (entry.kind, entry.amount_cents)
        if entry.kind is EntryKind.CHARGE:
            self.charges.append(entry.entry_id)
        elif entry.kind is EntryKind.REFUND:
            number = entry.reference.rpartition(":")[2]
            self.refunded[int(number) if number.isdecimal() else 0] += entry.amount_cents
        elif entry.kind is EntryKind.DISTRIBUTION:
            # One draw on the funds: one transfer, to the purse.
            purse_id = entry.transfers[0].credit_account_id if entry.transfers else 0
            self.distributed[entry.reference].append(Share(entry.caller, purse_id, entry.amount_cents))
        elif entry.kind is EntryKind.PAYOUT_ORDER:
            self.orders[entry.entry_id] = entry.request_digest
        elif entry.kind is EntryKind.REVERSAL:
            self.reversed[entry.entry_id] = entry.reverses_entry_id

    def is_told(self, entry_id: int | None, kind: EntryKind, amount_cents: int) -> bool:
        """Return whether an entry is of that kind and that amount."""
        return entry_id is not None and self.amounts.get(entry_id) == (kind, amount_cents)
