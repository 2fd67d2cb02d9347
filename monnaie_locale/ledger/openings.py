"""The opening of an account: whose it is, and the bytes that the log hashes.

Entries name accounts by number; the log of openings is what ties a number to its owner, so that money cannot change
hands by moving an account.
"""

import datetime
from dataclasses import dataclass

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import opening_bytes
from monnaie_locale.ledger.merkle import hash_leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpening:
    """An account as it was opened; numbers have no gap in a territory, and nothing of it ever changes."""

    territory_id: int
    account_id: int
    kind: AccountKind
    programme_id: int
    wallet_id: int
    merchant_id: int
    expires_on: datetime.date
    opened_at_ms: int

    def canonical_bytes(self) -> bytes:
        """Return the one byte string that stands for this opening: a JSON array, fields in this order."""
        return opening_bytes(
            self.territory_id,
            self.account_id,
            self.kind,
            self.programme_id,
            self.wallet_id,
            self.merchant_id,
            self.expires_on.isoformat(),
            self.opened_at_ms,
        )

    def leaf_hash(self) -> bytes:
        """Return the opening's leaf in the log of accounts (RFC 9162 §2.1.1)."""
        return hash_leaf(self.canonical_bytes())
