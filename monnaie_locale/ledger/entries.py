"""Transfers and journal entries: frozen values, and the bytes that the log hashes.

A transfer is (account debited, account credited, amount): nothing can express an unbalanced one.
A journal entry groups 1..n transfers of one event.
"""

import datetime
from enum import IntEnum
from typing import NamedTuple

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import entry_bytes
from monnaie_locale.ledger.merkle import hash_leaf


class EntryKind(IntEnum):
    """The event a journal entry records. The number is stored and hashed: never renumber."""

    FUNDING = 1
    DISTRIBUTION = 2
    CHARGE = 3
    REFUND = 4
    MERCHANT_PAYMENT = 5
    PAYOUT_ORDER = 6
    PAYOUT_SETTLED = 7
    PAYOUT_RETURNED = 8
    EXPIRY = 9
    EXPIRED_REPAID = 10
    WALLET_MOVE = 11
    BANK_CHARGE = 12
    SUSPENSE = 13
    RECOVERY = 14
    REVERSAL = 15
    RESERVE_TOP_UP = 16
    GUARANTEE_FUNDED = 17
    GUARANTEE_RETURNED = 18


# Named tuples, here and in `posting`: as immutable as frozen dataclasses, and a posting makes a dozen of them; a third
# of the time.
class Transfer(NamedTuple):
    """One amount from the account debited to the account credited."""

    debit_account_id: int
    debit_kind: AccountKind
    credit_account_id: int
    credit_kind: AccountKind
    amount_cents: int


class JournalEntry(NamedTuple):
    """One event of the books, as stored: its gapless number, its dates, its origin and its transfers."""

    territory_id: int
    entry_id: int
    kind: EntryKind
    happened_at_ms: int
    recorded_at_ms: int
    accounted_on: datetime.date
    caller: str
    key_digest: bytes
    request_digest: bytes
    reverses_entry_id: int | None
    reference: str
    transfers: tuple[Transfer, ...]

    @property
    def amount_cents(self) -> int:
        """Return the sum of the transfers."""
        return sum(transfer.amount_cents for transfer in self.transfers)

    def canonical_bytes(self) -> bytes:
        """Return the one byte string that stands for this entry, whatever the database or the program.

        A JSON array (RFC 8259) without spaces, ASCII only, fields in this order: adding a field makes a new version.
        """
        (
            territory_id, entry_id, kind, happened_at_ms, recorded_at_ms, accounted_on, caller, key_digest,
            request_digest, reverses_entry_id, reference, transfers,
        ) = self  # fmt: skip
        return entry_bytes(
            territory_id, entry_id, kind, happened_at_ms, recorded_at_ms, accounted_on.isoformat(), caller, key_digest,
            request_digest, reverses_entry_id, reference, [(line[0], line[2], line[4]) for line in transfers],
        )  # fmt: skip

    def leaf_hash(self) -> bytes:
        """Return the entry's leaf in the log (RFC 9162 §2.1.1), the hash that its receipt carries."""
        return hash_leaf(self.canonical_bytes())
