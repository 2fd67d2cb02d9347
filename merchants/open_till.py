"""What must still hold when a till's charge is posted: paired, its shop active, its key not given up."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.errors import ChargeAbandoned, MerchantSuspended, TillUnpaired
from monnaie_locale.database.prepared import as_bytes, select_among
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.posting import Posted

STATES = """
SELECT tills.id, tills.paired_at_ms IS NOT NULL AND tills.unpaired_at_ms IS NULL, merchants.is_active,
EXISTS (SELECT 1 FROM abandoned_keys a WHERE a.territory_id = tills.territory_id AND a.till_id = tills.id)
FROM {wanted} CROSS JOIN tills CROSS JOIN merchants
WHERE tills.territory_id = {p} AND tills.id = {value}
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
"""
ABANDONED = """
SELECT wanted.value FROM {wanted} CROSS JOIN abandoned_keys
WHERE abandoned_keys.territory_id = {p} AND abandoned_keys.key_digest = {value}
"""


@dataclass(frozen=True, slots=True)
class OpenTill:
    """Companion: the till is paired, its shop active and the key not given up, at the very moment of the posting."""

    till_id: int
    key_digest: bytes

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["OpenTill"]) -> "_OpenTills":
        """Read the tills of the batch with their shops, and which of the keys were given up."""
        till_ids = sorted({companion.till_id for companion in companions})
        rows = select_among(db, STATES, till_ids, territory_id)
        gave_up = {row[0] for row in rows if row[3]}
        keys = [companion.key_digest for companion in companions if companion.till_id in gave_up]
        abandoned = {as_bytes(row[0]) for row in select_among(db, ABANDONED, keys, territory_id)}
        return _OpenTills({row[0]: (bool(row[1]), bool(row[2])) for row in rows}, abandoned)


@dataclass(slots=True)
class _OpenTills:
    """Which tills of a batch are paired, whether their shops are active, and which of the batch's keys are dead."""

    states: dict[int, tuple[bool, bool]]
    abandoned: set[bytes]

    def check(self, companion: OpenTill, _transfers: Sequence[Transfer]) -> None:
        """Refuse a key that was given up, a till that was unpaired, or a shop that was suspended, meanwhile."""
        if companion.key_digest in self.abandoned:
            raise ChargeAbandoned
        is_paired, is_active = self.states.get(companion.till_id, (False, False))
        if not is_paired:
            raise TillUnpaired
        if not is_active:
            raise MerchantSuspended

    def accept(self, companion: OpenTill, posted: Posted) -> None:
        """Change nothing: a till may work many times."""

    def save(self, db: Connection) -> None:
        """Write nothing."""
