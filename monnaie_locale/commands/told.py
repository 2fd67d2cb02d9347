"""What the journal tells, gathered in one pass, for the other packages' rows to be held against.

Charges, the many, are not kept; of a distribution's lines, two numbers each.
"""

from array import array
from collections import defaultdict
from dataclasses import dataclass, field

from monnaie_locale.journal.verify_scan import Event
from monnaie_locale.ledger.entries import EntryKind

# The kinds whose entries other tables name one by one.
NAMED = frozenset(EntryKind) - {EntryKind.CHARGE, EntryKind.DISTRIBUTION, EntryKind.REFUND, EntryKind.MERCHANT_PAYMENT}

GUARANTEED = frozenset({EntryKind.GUARANTEE_FUNDED, EntryKind.GUARANTEE_RETURNED})


@dataclass(frozen=True, slots=True)
class Share:
    """One wallet's part of a distribution: the purse credited, cents."""

    account_id: int
    amount_cents: int


@dataclass(slots=True)
class Shares:
    """What was distributed under one reference, in order, and by whom it was approved."""

    callers: set[str] = field(default_factory=set)
    total_cents: int = 0
    _account_ids: "array[int]" = field(default_factory=lambda: array("q"))
    _cents: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, event: Event) -> None:
        """Count one line; it is one draw on the funds: one transfer, to the purse."""
        self.callers.add(event.caller)
        self.total_cents += event.amount_cents
        self._account_ids.append(event.first_credit_account_id)
        self._cents.append(event.amount_cents)

    def __len__(self) -> int:
        return len(self._cents)

    def some(self, start: int, end: int) -> list[Share]:
        """Return the lines from one place to another, the second one not included."""
        return [Share(*each) for each in zip(self._account_ids[start:end], self._cents[start:end], strict=True)]


@dataclass(slots=True)
class Told:
    """What each entry that is named elsewhere is, and what is asked of some kinds."""

    amounts: dict[int, tuple[EntryKind, int]] = field(default_factory=dict)
    refunded: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    distributed: dict[str, Shares] = field(default_factory=lambda: defaultdict(Shares))
    orders: dict[int, bytes] = field(default_factory=dict)
    reversed: dict[int, int | None] = field(default_factory=dict)
    # Of a move between wallets, what its entry says: which one, and who approved it.
    moved: dict[int, tuple[str, str]] = field(default_factory=dict)
    # Of a move of an offline guarantee: what its entry keeps of it, and who approved it.
    guaranteed: dict[int, tuple[bytes, str]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Count one entry."""
        if event.kind in NAMED:
            self.amounts[event.entry_id] = (event.kind, event.amount_cents)
        if event.kind is EntryKind.REFUND:
            number = event.reference.rpartition(":")[2]
            self.refunded[int(number) if number.isdecimal() else 0] += event.amount_cents
        elif event.kind is EntryKind.DISTRIBUTION:
            self.distributed[event.reference].add(event)
        elif event.kind is EntryKind.PAYOUT_ORDER:
            self.orders[event.entry_id] = event.request_digest
        elif event.kind in GUARANTEED:
            self.guaranteed[event.entry_id] = (event.request_digest, event.caller)
        elif event.kind is EntryKind.WALLET_MOVE:
            self.moved[event.entry_id] = (event.reference, event.caller)
        elif event.kind is EntryKind.REVERSAL:
            self.reversed[event.entry_id] = event.reverses_entry_id

    def shares_of(self, reference: str) -> Shares:
        """Return what was distributed under a reference; nothing is an answer."""
        return self.distributed.get(reference) or Shares()

    def is_told(self, entry_id: int | None, kind: EntryKind, amount_cents: int) -> bool:
        """Return whether an entry is of that kind and that amount."""
        return entry_id is not None and self.amounts.get(entry_id) == (kind, amount_cents)
