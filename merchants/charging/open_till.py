"""What must still hold when a till posts: the same device, an active shop, a key not given up, somebody there.

Who held the till is written beside the journal, in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, insert

from merchants.cashier_errors import CashierRequired
from merchants.errors import ChargeAbandoned, MerchantSuspended, TillUnpaired
from merchants.tables import charge_cashiers
from monnaie_locale.database.prepared import Look, Rows, as_bytes, select_among
from monnaie_locale.ledger.entries import EntryKind, Transfer
from monnaie_locale.ledger.posting import Posted

STATES = """
SELECT tills.id, CASE WHEN tills.unpaired_at_ms IS NULL THEN tills.paired_at_ms END, merchants.is_active,
EXISTS (SELECT 1 FROM abandoned_keys a WHERE a.territory_id = tills.territory_id AND a.till_id = tills.id),
(SELECT s.cashier_id FROM till_shifts s WHERE s.territory_id = tills.territory_id AND s.till_id = tills.id),
EXISTS (SELECT 1 FROM cashiers c WHERE c.territory_id = tills.territory_id AND c.merchant_id = tills.merchant_id
AND c.removed_at_ms IS NULL), tills.merchant_id
FROM {wanted} CROSS JOIN tills CROSS JOIN merchants
WHERE tills.territory_id = {p} AND tills.id = {value}
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
"""
ABANDONED = """
SELECT wanted.value FROM {wanted} CROSS JOIN abandoned_keys
WHERE abandoned_keys.territory_id = {p} AND abandoned_keys.key_digest = {digest}
"""


CASHIERS = """
SELECT cashiers.id, cashiers.merchant_id FROM {wanted} CROSS JOIN cashiers
WHERE cashiers.territory_id = {p} AND cashiers.id = {value}
"""


class OpenTill(NamedTuple):
    """Companion: the till is paired, its shop active and the key not given up, at the very moment of the posting.

    `paired_at_ms` is of the pairing under which the request came: with it, and only with it, end the device's session,
    API keys and signing key (`shops.operations.pair_till`, `unpair_till`), also while the request waits for the lock.
    `asks_cashier` refuses a till that nobody holds when its shop has cashiers. A charge taken offline says itself who
    held the till then (`is_offline`, `cashier_id`); it is never refused for that. `gives_back`: a suspended shop's
    refund.
    """

    till_id: int
    key_digest: bytes
    paired_at_ms: int | None
    gives_back: bool = False
    asks_cashier: bool = False
    is_offline: bool = False
    cashier_id: int | None = None

    @classmethod
    def look(cls, *, territory_id: int, companions: Sequence["OpenTill"]) -> Look[Rows]:
        """Return what reads the tills of the batch with their shops and cashiers."""
        return Look(STATES, sorted({companion.till_id for companion in companions}), (territory_id,), list)

    @classmethod
    def loaded(cls, db: Connection, *, territory_id: int, companions: Sequence["OpenTill"], seen: Rows) -> "_OpenTills":
        """Return the tills seen; which of the keys were given up is read for the few tills that ever gave one up."""
        gave_up = {row[0] for row in seen if row[3]}
        keys = [companion.key_digest for companion in companions if companion.till_id in gave_up]
        abandoned = {as_bytes(row[0]) for row in select_among(db, ABANDONED, keys, territory_id)}
        said = sorted({each.cashier_id for each in companions if each.cashier_id is not None})
        shop_of = {row[0]: row[1] for row in select_among(db, CASHIERS, said, territory_id)}
        states = {row[0]: _State(row[1], bool(row[2]), row[4], bool(row[5]), row[6]) for row in seen}
        return _OpenTills(territory_id, states, abandoned, shop_of)


class _State(NamedTuple):
    """A till: since when it is paired, if it is, its shop active or not and with cashiers or not, who holds it."""

    paired_at_ms: int | None
    is_active: bool
    cashier_id: int | None
    has_cashiers: bool
    merchant_id: int


@dataclass(slots=True)
class _OpenTills:
    """The tills of a batch, which of the batch's keys are dead, and the shops of the cashiers that devices name."""

    territory_id: int
    states: dict[int, _State]
    abandoned: set[bytes]
    shop_of: dict[int, int]
    stamps: dict[int, int] = field(default_factory=dict)

    def check(self, companion: OpenTill, _transfers: Sequence[Transfer]) -> None:
        """Refuse a key given up, a till unpaired or paired anew or a shop suspended meanwhile, a till nobody holds."""
        if companion.key_digest in self.abandoned:
            raise ChargeAbandoned
        state = self.states.get(companion.till_id)
        if state is None or state.paired_at_ms is None or state.paired_at_ms != companion.paired_at_ms:
            raise TillUnpaired
        if not state.is_active and not companion.gives_back:
            raise MerchantSuspended
        if companion.asks_cashier and state.has_cashiers and state.cashier_id is None:
            raise CashierRequired

    def accept(self, companion: OpenTill, posted: Posted) -> None:
        """Keep who took a charge."""
        cashier_id = self._cashier(companion)
        if cashier_id is not None and posted.entry.kind is EntryKind.CHARGE:
            self.stamps[posted.entry.entry_id] = cashier_id

    def save(self, db: Connection) -> None:
        """Write who took the charges of the batch; nothing for shops without cashiers."""
        if self.stamps:
            rows = [{"entry_id": entry_id, "cashier_id": who} for entry_id, who in self.stamps.items()]
            db.execute(insert(charge_cashiers), [{"territory_id": self.territory_id, **row} for row in rows])

    def _cashier(self, companion: OpenTill) -> int | None:
        state = self.states[companion.till_id]
        if not companion.is_offline:
            return state.cashier_id
        # A device may name only cashiers of its shop, also one who left since.
        said = companion.cashier_id
        return said if said is not None and self.shop_of.get(said) == state.merchant_id else None
