"""What a till must still be when its charge is posted: paired, and its shop active."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.errors import MerchantSuspended, TillUnpaired
from monnaie_locale.database.prepared import select_among
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.posting import Posted

STATES = """
SELECT tills.id, tills.paired_at_ms IS NOT NULL AND tills.unpaired_at_ms IS NULL, merchants.is_active
FROM {wanted} CROSS JOIN tills CROSS JOIN merchants
WHERE tills.territory_id = {p} AND tills.id = {value}
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
"""


@dataclass(frozen=True, slots=True)
class OpenTill:
    """Companion: the till is paired and its shop active, at the very moment of the posting."""

    till_id: int

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["OpenTill"]) -> "_OpenTills":
        """Read the tills of the batch with their shops."""
        till_ids = sorted({companion.till_id for companion in companions})
        rows = select_among(db, STATES, till_ids, territory_id)
        return _OpenTills({row[0]: (bool(row[1]), bool(row[2])) for row in rows})


@dataclass(slots=True)
class _OpenTills:
    """Which tills of a batch are paired, and whether their shops are active."""

    states: dict[int, tuple[bool, bool]]

    def check(self, companion: OpenTill, _transfers: Sequence[Transfer]) -> None:
        """Refuse a till that was unpaired, or a shop that was suspended, meanwhile."""
        is_paired, is_active = self.states.get(companion.till_id, (False, False))
        if not is_paired:
            raise TillUnpaired
        if not is_active:
            raise MerchantSuspended

    def accept(self, companion: OpenTill, posted: Posted) -> None:
        """Change nothing: a till may work many times."""

    def save(self, db: Connection) -> None:
        """Write nothing."""
