"""How a refused offline charge ends: the card comes back and pays, or the shop gives it up. Once, and for good.

Paying is a new charge, with network, under its own key and every rule of a charge: the PIN, what the card holds, who
holds the till. Any card of the holder will do, since the one that was shown may have been replaced. What ties it to the
refused one is a row written in the posting's transaction, one for each refused charge: however often, from however many
tills it is asked, it pays once.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, insert, select

from merchants.charging.charge import open_shop, take
from merchants.charging.plan import ChargeOrder
from merchants.errors import ChargeUnknown, OfflineChargeEnded
from merchants.model import OfflineRefusal, Receipt, Till
from merchants.offline.charges import refused_offline
from merchants.tables import offline_charges, offline_ends, till_shifts, tills
from monnaie_locale.database.prepared import as_bytes, select_among
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.queries import find_posted
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posted

# What the audit trail keeps of a charge given up.
DISMISSED = "offline.dismiss"
ENDED = """
SELECT wanted.value FROM {wanted} CROSS JOIN offline_ends
WHERE offline_ends.territory_id = {p} AND offline_ends.key_digest = {digest}
"""


def refusal_of(db: Connection, *, territory_id: int, merchant_id: int, mark: str) -> OfflineRefusal:
    """Return one refused charge of a shop, by its mark. Refuses: charge_unknown."""
    listed = refused_offline(db, territory_id=territory_id, merchant_id=merchant_id)
    found = next((each for each in listed if each.mark == mark), None)
    if found is None:
        raise ChargeUnknown
    return found


@dataclass(frozen=True, slots=True)
class OfflineEnd:
    """How a refused charge of a shop ended: `entry_id` is the charge that paid it, None when it was given up."""

    merchant_id: int
    amount_cents: int
    happened_at_ms: int
    ended_by: str
    ended_at_ms: int
    entry_id: int | None


def ends_of(db: Connection, *, territory_id: int) -> list[OfflineEnd]:
    """Return the end of every refused charge that has ended, in no order."""
    charge, end = offline_charges.c, offline_ends.c
    rows = db.execute(
        select(
            tills.c.merchant_id, charge.amount_cents, charge.happened_at_ms, end.ended_by, end.ended_at_ms, end.entry_id
        )
        .select_from(offline_ends)
        .join(offline_charges, (charge.territory_id == end.territory_id) & (charge.key_digest == end.key_digest))
        .join(tills, (tills.c.territory_id == charge.territory_id) & (tills.c.id == charge.till_id))
        .where(end.territory_id == territory_id)
    )
    return [OfflineEnd(*row) for row in rows]


def present_again(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    till: Till,
    mark: str,
    card_code: str,
    pin: str | None,
    idempotency_key: str,
    now: datetime.datetime,
) -> Receipt:
    """Charge what was refused, to the card that is shown now.

    Args:
        engine: the database.
        keyring: checks the PIN.
        writer: of the runtime.
        territory_id: whose books.
        host: the public name of the service, as in the cards' addresses.
        till: any till of the shop that was refused.
        mark: of the refused charge.
        card_code: what is scanned or typed now.
        pin: four digits, if given.
        idempotency_key: the till's own, for this attempt; the same key gives the same receipt.
        now: aware UTC.

    Refuses, in this order: charge_unknown, offline_charge_ended, then as `charge` (idempotency_key_reused: the key
    charged anything else), offline_charge_ended among what is looked at under the posting lock.

    """
    with reading(engine) as db:
        shop = open_shop(db, territory_id=territory_id, till=till)
        refused = refusal_of(db, territory_id=territory_id, merchant_id=shop.id, mark=mark)
        posted = find_posted(db, territory_id=territory_id, caller=till.caller, idempotency_key=idempotency_key)
    if posted is None and not refused.is_open:
        # Before any PIN is evaluated; the posting looks again.
        raise OfflineChargeEnded
    order = ChargeOrder(
        till=till, card_code=card_code, amount_cents=refused.amount_cents, pin=pin, partial=False, happened_at=now,
        received_at=now, caller=till.caller, idempotency_key=idempotency_key, asks_cashier=True,
        operation=f"charge again {mark}",
        companions=(EndsRefusal(refused.key_digest, till.caller, instant_ms(now)),),
    )  # fmt: skip
    return take(engine=engine, keyring=keyring, writer=writer, territory_id=territory_id, host=host, order=order)


def dismiss(db: Connection, *, territory_id: int, till: Till, mark: str, now: datetime.datetime) -> None:
    """Give up a refused charge: nobody will pay it. Kept with who and when.

    Refuses: charge_unknown, offline_charge_ended.
    """
    # As a posting does, so that a payment and a dismissal of the same charge come one after the other.
    lock_territory(db, territory_id=territory_id)
    refused = refusal_of(db, territory_id=territory_id, merchant_id=till.merchant_id, mark=mark)
    if not refused.is_open:
        raise OfflineChargeEnded
    held = (till_shifts.c.territory_id == territory_id, till_shifts.c.till_id == till.id)
    cashier_id = db.scalar(select(till_shifts.c.cashier_id).where(*held))
    end = {"key_digest": refused.key_digest, "ended_by": till.caller, "ended_at_ms": instant_ms(now)}
    db.execute(insert(offline_ends), {"territory_id": territory_id, "cashier_id": cashier_id, **end})
    detail = {"amount_cents": refused.amount_cents, "happened_at_ms": refused.happened_at_ms}
    audit.record(
        db, territory_id=territory_id, at=now, actor=till.caller, action=DISMISSED, target=till.caller,
        detail=detail,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndsRefusal:
    """Companion: the charge pays a refused one, which nothing has ended before."""

    refused_digest: bytes
    caller: str
    now_ms: int

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["EndsRefusal"]) -> "_EndsOfRefusals":
        """Read which of the refused charges have ended; the posting lock is held."""
        digests = sorted({each.refused_digest for each in companions})
        ended = {as_bytes(row[0]) for row in select_among(db, ENDED, digests, territory_id)}
        return _EndsOfRefusals(territory_id, ended)


@dataclass(slots=True)
class _EndsOfRefusals:
    """The refused charges that have ended, as the batch adds to them."""

    territory_id: int
    ended: set[bytes]
    rows: list[dict[str, object]] = field(default_factory=list)

    def check(self, companion: EndsRefusal, _transfers: Sequence[Transfer]) -> None:
        """Refuse offline_charge_ended."""
        if companion.refused_digest in self.ended:
            raise OfflineChargeEnded

    def accept(self, companion: EndsRefusal, posted: Posted) -> None:
        """Keep which charge paid it."""
        self.ended.add(companion.refused_digest)
        end = {"key_digest": companion.refused_digest, "ended_by": companion.caller, "ended_at_ms": companion.now_ms}
        self.rows.append({"territory_id": self.territory_id, "entry_id": posted.entry.entry_id, **end})

    def save(self, db: Connection) -> None:
        """Write what has ended; the primary key is the truth."""
        if self.rows:
            db.execute(insert(offline_ends), self.rows)
