"""What a till took while the network was away: signed by its device, bounded, answered once, and never lost.

Each offline charge carries the number and the time that the device gave it; both only go up, so that a charge cannot
be dated back before another one. Its key is the one it was first tried with: had that packet arrived after all, it is
still paid once. What the purses no longer hold is paid by the offline guarantees of their programmes
(`wallets.paying.offline_guarantee`). A refusal of the payment itself (an empty guarantee, a cap, too late) is kept,
and final.
"""

import datetime
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update

from merchants.charging.charge import LATE_MAX, check_cents, moment_charged, replayed_receipt, take
from merchants.charging.doubt import abandon_unless_posted
from merchants.charging.plan import ChargeOrder
from merchants.errors import ChargeUnknown, OfflineCapReached, OfflineGuaranteeShort, OfflineOrderBroken
from merchants.model import OfflineAnswer, OfflineCaps, OfflineRefusal, Till
from merchants.offline.limits import caps_known_to_a_till
from merchants.offline.signing import SignedCharge, check_signature
from merchants.tables import offline_charges, offline_ends, tills
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of, posted_by_keys
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds, Nature, Refusal
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.periods import instant_ms, moment_of, paris_date
from monnaie_locale.ledger.posting import Posted
from monnaie_locale.programmes.guarantee_queries import guarantee_accounts

DAY_MS = 24 * 60 * 60 * 1000
# A till that was away longer than a late charge may be has nothing more to send.
AWAY_MAX_MS = LATE_MAX // datetime.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """An offline charge that comes in: whose, signed by which key, when."""

    territory_id: int
    till: Till
    signed: SignedCharge
    signer: bytes
    now: datetime.datetime

    @property
    def key_digest(self) -> bytes:
        """Return what makes the charge unique in the journal."""
        return key_digest(caller=self.till.caller, idempotency_key=self.signed.idempotency_key)


def take_offline(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    till: Till,
    signed: SignedCharge,
    now: datetime.datetime,
) -> OfflineAnswer:
    """Take in what a till took offline; the same charge again gets the same answer.

    Args:
        engine: the database.
        keyring: of the runtime.
        writer: of the runtime.
        territory_id: whose books.
        host: the public name of the service, as in the cards' addresses.
        till: the calling till, which must be the one that signed.
        signed: what was signed.
        now: aware UTC.

    Refuses, and then keeps nothing: till_key_missing, offline_signature_invalid, offline_order_broken (its number was
    used), idempotency_key_reused, and what may be tried again. Any other refusal is the answer.

    """
    with reading(engine) as db:
        signer = check_signature(db, territory_id=territory_id, till=till, signed=signed)
        taken = _Taken(territory_id=territory_id, till=till, signed=signed, signer=signer, now=now)
        answer = _answer(db, taken)
        if answer is not None:
            return answer
        caps = caps_known_to_a_till(db, territory_id=territory_id, since_ms=signed.happened_at_ms - AWAY_MAX_MS)
        guarantees = guarantee_accounts(db, territory_id=territory_id)
        refusal = _broken_rule(_others(db, taken), taken, caps)
    if refusal is None:
        ordered = partial(_order, taken, caps, guarantees)
        refusal = _charged(taken, ordered, engine=engine, keyring=keyring, writer=writer, host=host)
    return transact(engine, _keep, taken, refusal)


def acknowledge(db: Connection, *, territory_id: int, till: Till, idempotency_key: str, now: datetime.datetime) -> None:
    """Note that the shop has read a refusal; it stays in the list. Refuses: charge_unknown."""
    mine = _same_key(territory_id, till, idempotency_key)
    if db.scalar(select(offline_charges.c.till_id).where(*mine)) is None:
        raise ChargeUnknown
    unread = offline_charges.c.acknowledged_at_ms.is_(None)
    db.execute(update(offline_charges).where(*mine, unread).values(acknowledged_at_ms=instant_ms(now)))


def acknowledge_of_shop(
    db: Connection, *, territory_id: int, merchant_id: int, digest: bytes, now: datetime.datetime
) -> None:
    """Note that a shop has read a refusal of any of its tills; it stays in the list. Refuses: charge_unknown."""
    own_tills = select(tills.c.id).where(tills.c.territory_id == territory_id, tills.c.merchant_id == merchant_id)
    its = (
        offline_charges.c.territory_id == territory_id,
        offline_charges.c.key_digest == digest,
        offline_charges.c.till_id.in_(own_tills),
        offline_charges.c.refusal_code.is_not(None),
    )
    if db.scalar(select(offline_charges.c.till_id).where(*its)) is None:
        raise ChargeUnknown
    unread = offline_charges.c.acknowledged_at_ms.is_(None)
    db.execute(update(offline_charges).where(*its, unread).values(acknowledged_at_ms=instant_ms(now)))


def refused_offline(db: Connection, *, territory_id: int, merchant_id: int) -> list[OfflineRefusal]:
    """Return what a shop took offline and was refused afterwards, newest first, with what became of it since."""
    columns = ("amount_cents", "happened_at_ms", "refusal_sentence", "acknowledged_at_ms", "key_digest")
    end = (offline_ends.c.ended_at_ms, offline_ends.c.ended_by, offline_ends.c.entry_id, offline_ends.c.cashier_id)
    same_till = (tills.c.territory_id == offline_charges.c.territory_id) & (tills.c.id == offline_charges.c.till_id)
    its_end = (offline_ends.c.territory_id == offline_charges.c.territory_id) & (
        offline_ends.c.key_digest == offline_charges.c.key_digest
    )
    rows = db.execute(
        select(tills.c.label, *(offline_charges.c[name] for name in columns), *end)
        .join(tills, same_till)
        .outerjoin(offline_ends, its_end)
        .where(
            tills.c.territory_id == territory_id,
            tills.c.merchant_id == merchant_id,
            offline_charges.c.refusal_code.is_not(None),
        )
        .order_by(offline_charges.c.happened_at_ms.desc())
    )
    return [OfflineRefusal(*tuple(row)) for row in rows]


def _order(taken: _Taken, caps: OfflineCaps, guarantees: Mapping[int, int]) -> ChargeOrder:
    """Return the payment at the time it happened; refuses what the amount and the time refuse."""
    signed, till = taken.signed, taken.till
    check_cents(signed.amount_cents)
    # A device whose clock is fast took it now at the latest; refused, the shop would never be paid.
    happened_at = min(moment_of(signed.happened_at_ms), taken.now)
    return ChargeOrder(
        till=till, card_code=signed.card_code, amount_cents=signed.amount_cents, pin=None, partial=False,
        happened_at=moment_charged(happened_at, now=taken.now), received_at=taken.now, caller=till.caller,
        idempotency_key=signed.idempotency_key, companions=(KeptOffline(taken, caps),), is_offline=True,
        cashier_id=signed.cashier_id, guarantees=guarantees,
    )  # fmt: skip


def taken_offline(db: Connection, *, territory_id: int, entry_ids: Collection[int]) -> set[int]:
    """Return those of these entries that are charges taken offline."""
    of_town = offline_charges.c.territory_id == territory_id
    rows = db.scalars(
        select(offline_charges.c.entry_id).where(of_town, offline_charges.c.entry_id.in_(list(entry_ids)))
    )
    return {number for number in rows if number is not None}


def _charged(
    taken: _Taken,
    ordered: Callable[[], ChargeOrder],
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    host: str,
) -> Refusal | None:
    """Post the charge; return the refusal that is its answer, if any."""
    try:
        take(
            engine=engine, keyring=keyring, writer=writer, territory_id=taken.territory_id, host=host, order=ordered()
        )  # fmt: skip
    except InsufficientFunds:
        # How much the card still has is not told to a shop that is not paid from it.
        return OfflineGuaranteeShort()
    except Refusal as refusal:
        if refusal.nature is Nature.UNAVAILABLE or isinstance(refusal, IdempotencyKeyReused):
            raise
        return refusal
    return None


def _keep(db: Connection, taken: _Taken, refusal: Refusal | None) -> OfflineAnswer:
    """Return the answer, written down if the posting did not: a refusal takes its key with it, if that has not paid."""
    kept = _answer(db, taken)
    if kept is not None:
        return kept
    key = taken.key_digest
    if refusal is None:
        posted = posted_by_keys(db, territory_id=taken.territory_id, key_digests=[key]).get(key)
    else:
        posted = abandon_unless_posted(
            db,
            territory_id=taken.territory_id,
            till=taken.till,
            idempotency_key=taken.signed.idempotency_key,
            now=taken.now,
        )
    if posted is not None:
        db.execute(insert(offline_charges), _row(taken) | {"entry_id": posted.entry.entry_id})
    elif refusal is not None:
        why = {"refusal_code": refusal.code, "refusal_sentence": refusal.sentence()}
        db.execute(insert(offline_charges), _row(taken) | why)
    found = _answer(db, taken)
    if found is None:
        raise ChargeUnknown
    return found


def _row(taken: _Taken) -> dict[str, object]:
    """Return what is kept of an offline charge, whatever its answer."""
    return {
        "territory_id": taken.territory_id,
        "key_digest": taken.key_digest,
        "till_id": taken.till.id,
        "signer": taken.signer,
        "sequence": taken.signed.sequence,
        "card_digest": taken.signed.card_digest,
        "amount_cents": taken.signed.amount_cents,
        "happened_at_ms": taken.signed.happened_at_ms,
        "received_at_ms": instant_ms(taken.now),
    }


def _answer(db: Connection, taken: _Taken) -> OfflineAnswer | None:
    """Return what was answered before, or None; refuses offline_order_broken when its number is another charge's."""
    same = offline_charges.c.key_digest == taken.key_digest
    row = db.execute(select(offline_charges).where(offline_charges.c.territory_id == taken.territory_id, same)).first()
    if row is None:
        number = (
            offline_charges.c.signer == taken.signer,
            offline_charges.c.sequence == taken.signed.sequence,
            # The same charge, sent twice at once, may have been answered since the look above.
            offline_charges.c.key_digest != taken.key_digest,
        )
        if db.scalar(
            select(offline_charges.c.till_id).where(offline_charges.c.territory_id == taken.territory_id, *number)
        ):
            raise OfflineOrderBroken
        return None
    if row.entry_id is None:
        return OfflineAnswer(refusal_code=row.refusal_code, refusal_sentence=row.refusal_sentence)
    posted = entry_of(db, territory_id=taken.territory_id, entry_id=row.entry_id)
    return OfflineAnswer(receipt=replayed_receipt(db, territory_id=taken.territory_id, till=taken.till, posted=posted))


@dataclass(frozen=True, slots=True)
class _Other:
    """Another offline charge of the same device; `day` is that of the caps."""

    sequence: int
    happened_at_ms: int
    day: datetime.date
    card_digest: bytes
    paid_cents: int


def _others(db: Connection, taken: _Taken) -> list[_Other]:
    """Return what the same device took in the days that matter: none is older than a late charge may be."""
    table = offline_charges.c
    recent_ms = instant_ms(taken.now - LATE_MAX) - DAY_MS
    rows = db.execute(
        select(
            table.sequence, table.happened_at_ms, table.received_at_ms, table.card_digest, table.amount_cents,
            table.entry_id,
        ).where(
            table.territory_id == taken.territory_id, table.signer == taken.signer, table.happened_at_ms >= recent_ms
        )
    )  # fmt: skip
    return [
        _Other(sequence, at_ms, _cap_day(at_ms, received_ms), bytes(card), 0 if entry_id is None else cents)
        for sequence, at_ms, received_ms, card, cents, entry_id in rows
    ]


def _broken_rule(others: Sequence[_Other], taken: _Taken, caps: OfflineCaps) -> Refusal | None:
    """Return what forbids an offline charge beside the others of its device: caps, or its place among them."""
    signed = taken.signed
    if signed.amount_cents > caps.payment_cents:
        return OfflineCapReached(limit_cents=caps.payment_cents)
    before = max((each.happened_at_ms for each in others if each.sequence < signed.sequence), default=0)
    after = [each.happened_at_ms for each in others if each.sequence > signed.sequence]
    if signed.happened_at_ms < before or (after and signed.happened_at_ms > min(after)):
        return OfflineOrderBroken()
    if any(each.sequence == signed.sequence for each in others):
        return OfflineOrderBroken()
    day = _cap_day(signed.happened_at_ms, instant_ms(taken.now))
    same_card_cents = sum(
        each.paid_cents for each in others if each.card_digest == signed.card_digest and each.day == day
    )
    if same_card_cents + signed.amount_cents > caps.card_day_cents:
        return OfflineCapReached(limit_cents=caps.card_day_cents)
    return None


def _cap_day(happened_at_ms: int, received_at_ms: int) -> datetime.date:
    """Return the day whose caps count: days that have not come are no way round them."""
    return paris_date(min(happened_at_ms, received_at_ms))


@dataclass(frozen=True, slots=True)
class KeptOffline:
    """Companion: the charge keeps the rules of its device, and is written down as paid in the posting's transaction.

    Looked at before it, two charges sent at once would each be within the caps.
    """

    taken: _Taken
    caps: OfflineCaps

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["KeptOffline"]) -> "_KeptOffline":
        """Read what the devices of the batch took before; the posting lock is held."""
        del territory_id  # each charge carries it
        return _KeptOffline({each.taken.signer: _others(db, each.taken) for each in companions})


@dataclass(slots=True)
class _KeptOffline:
    """What the devices of a batch took offline, as the batch adds to it."""

    others: dict[bytes, list[_Other]]
    paid: list[tuple[_Taken, int]] = field(default_factory=list)

    def check(self, companion: KeptOffline, _transfers: Sequence[Transfer]) -> None:
        """Refuse offline_cap_reached, offline_order_broken."""
        refusal = _broken_rule(self.others[companion.taken.signer], companion.taken, companion.caps)
        if refusal is not None:
            raise refusal

    def accept(self, companion: KeptOffline, posted: Posted) -> None:
        """Count the charge among those of its device."""
        taken, signed = companion.taken, companion.taken.signed
        day = _cap_day(signed.happened_at_ms, instant_ms(taken.now))
        counted = _Other(signed.sequence, signed.happened_at_ms, day, signed.card_digest, signed.amount_cents)
        self.others[taken.signer].append(counted)
        self.paid.append((taken, posted.entry.entry_id))

    def save(self, db: Connection) -> None:
        """Write which entry each charge is."""
        for taken, entry_id in self.paid:
            db.execute(insert(offline_charges), _row(taken) | {"entry_id": entry_id})


def _same_key(territory_id: int, till: Till, idempotency_key: str) -> tuple[ColumnElement[bool], ...]:
    once = key_digest(caller=till.caller, idempotency_key=idempotency_key)
    return (offline_charges.c.territory_id == territory_id, offline_charges.c.key_digest == once)
