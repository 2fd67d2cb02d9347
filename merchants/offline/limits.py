"""What the town lets a till take while the network is away: decided at the office, every decision kept."""

import datetime

from sqlalchemy import Connection, func, insert, select

from merchants.errors import OfflineCapsInvalid
from merchants.model import OFFLINE_CAPS, OFFLINE_PAYMENT_CENTS_MAX, OfflineCaps
from merchants.tables import offline_limits
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.ledger.periods import instant_ms

NAMES = ("payment_cents", "card_day_cents", "till_cents")


def set_offline_caps(
    db: Connection, *, territory_id: int, caps: OfflineCaps, actor: str, now: datetime.datetime
) -> None:
    """Decide what tills may take offline from now on; a payment of 0 € ends all taking offline.

    Args:
        db: the transaction.
        territory_id: whose books.
        caps: in cents, each at least the one before; a payment at most 50 €, since more asks for a PIN.
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses: offline_caps_invalid.

    """
    is_ordered = 0 <= caps.payment_cents <= caps.card_day_cents <= caps.till_cents <= CENTS_MAX
    if not is_ordered or caps.payment_cents > OFFLINE_PAYMENT_CENTS_MAX:
        raise OfflineCapsInvalid(limit_cents=OFFLINE_PAYMENT_CENTS_MAX)
    limits = {name: getattr(caps, name) for name in NAMES}
    number = next_id(db, offline_limits, territory_id=territory_id)
    decided = {"decided_by": actor, "decided_at_ms": instant_ms(now)}
    db.execute(insert(offline_limits), {"territory_id": territory_id, "id": number, **limits, **decided})
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="offline.limits",
        target=f"territory:{territory_id}", detail=limits,
    )  # fmt: skip


def limits_decided(db: Connection, *, territory_id: int) -> list[tuple[str, int, dict[str, object]]]:
    """Return every decision in its order: by whom, when, and what."""
    rows = db.execute(
        select(offline_limits).where(offline_limits.c.territory_id == territory_id).order_by(offline_limits.c.id)
    ).mappings()
    return [(row["decided_by"], row["decided_at_ms"], {name: row[name] for name in NAMES}) for row in rows]


def offline_caps(db: Connection, *, territory_id: int) -> OfflineCaps:
    """Return what is in force now; those of the program while the town has decided nothing."""
    columns = (offline_limits.c.payment_cents, offline_limits.c.card_day_cents, offline_limits.c.till_cents)
    row = db.execute(
        select(*columns).where(offline_limits.c.territory_id == territory_id).order_by(offline_limits.c.id.desc())
    ).first()
    return OFFLINE_CAPS if row is None else OfflineCaps(payment_cents=row[0], card_day_cents=row[1], till_cents=row[2])


def caps_known_to_a_till(db: Connection, *, territory_id: int, since_ms: int) -> OfflineCaps:
    """Return the widest caps that a till may have known if it was away since a moment: it could learn of no other."""
    ours = offline_limits.c.territory_id == territory_id
    first = db.scalar(select(func.max(offline_limits.c.id)).where(ours, offline_limits.c.decided_at_ms <= since_ms))
    rows = db.execute(
        select(offline_limits.c.payment_cents, offline_limits.c.card_day_cents, offline_limits.c.till_cents).where(
            ours, offline_limits.c.id >= (first or 0)
        )
    )
    known = [OfflineCaps(payment_cents=row[0], card_day_cents=row[1], till_cents=row[2]) for row in rows]
    if first is None:
        known.append(OFFLINE_CAPS)
    return OfflineCaps(
        payment_cents=max(each.payment_cents for each in known),
        card_day_cents=max(each.card_day_cents for each in known),
        till_cents=max(each.till_cents for each in known),
    )
