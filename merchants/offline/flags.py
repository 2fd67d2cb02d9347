"""What a device took offline beyond what it may hold unsent: told to the town, never refused.

Only the device knows what it held when it took a charge; the service sees it afterwards, by what it had received by
then. The goods are gone and an honest device stops by itself. Refusing would punish a slow clock; a device that lies
would only date its charges otherwise. So the charge is paid, and the shop's page at the office names the device.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from merchants.offline.charges import AWAY_MAX_MS
from merchants.offline.limits import caps_known_to_a_till
from merchants.tables import offline_charges, tills


@dataclass(frozen=True, slots=True)
class OfflineRow:
    """An offline charge, paid or not, as it came in."""

    till_label: str
    signer: bytes
    sequence: int
    amount_cents: int
    happened_at_ms: int
    received_at_ms: int
    is_paid: bool


@dataclass(frozen=True, slots=True)
class BeyondCap:
    """The moment at which a device held more than it may; `held_cents` counts the charge that was too much."""

    till_label: str
    happened_at_ms: int
    held_cents: int
    limit_cents: int


def held_cents(row: OfflineRow, rows: Iterable[OfflineRow]) -> int:
    """Return what its device held unsent once it had taken this charge, as the service can tell afterwards."""
    before = (each for each in rows if each.signer == row.signer and each.sequence < row.sequence)
    return row.amount_cents + sum(each.amount_cents for each in before if each.received_at_ms > row.happened_at_ms)


def beyond_till_cap(db: Connection, *, territory_id: int, merchant_id: int, since_ms: int) -> list[BeyondCap]:
    """Return when a shop's devices held more than the town allows, newest first, of what was taken and paid since.

    A device is held to the widest caps that it may have known at the time.
    """
    same_till = (tills.c.territory_id == offline_charges.c.territory_id) & (tills.c.id == offline_charges.c.till_id)
    columns = ("signer", "sequence", "amount_cents", "happened_at_ms", "received_at_ms", "entry_id")
    found = db.execute(
        select(tills.c.label, *(offline_charges.c[name] for name in columns))
        .join(tills, same_till)
        .where(
            tills.c.territory_id == territory_id,
            tills.c.merchant_id == merchant_id,
            offline_charges.c.happened_at_ms >= since_ms - AWAY_MAX_MS,
        )
        .order_by(offline_charges.c.happened_at_ms.desc())
    )
    rows = [
        OfflineRow(label, bytes(signer), sequence, cents, happened_at_ms, received_at_ms, entry_id is not None)
        for label, signer, sequence, cents, happened_at_ms, received_at_ms, entry_id in found
    ]
    flags = []
    for row in rows:
        held = held_cents(row, rows)
        if not row.is_paid or row.happened_at_ms < since_ms or held == row.amount_cents:
            continue
        caps = caps_known_to_a_till(db, territory_id=territory_id, since_ms=row.happened_at_ms - AWAY_MAX_MS)
        if held > caps.till_cents:
            flags.append(BeyondCap(row.till_label, row.happened_at_ms, held, caps.till_cents))
    return flags
