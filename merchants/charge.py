"""The way of a charge: amount, replay, till, authorisation of the card, posting, receipt."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from merchants.counter import Asked, at_the_counter
from merchants.errors import ChargeInFuture, ChargeTooLate, MerchantSuspended, TillUnpaired
from merchants.model import Merchant, Receipt, Till
from merchants.open_till import OpenTill
from merchants.queries import find_merchant, find_till
from merchants.receipts import receipt_of
from monnaie_locale.database.together import read_together
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import find_posted, net_credits_at
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import AmountMalformed, IdempotencyKeyReused, InsufficientFunds
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, key_digest, request_digest
from monnaie_locale.programmes.model import Category
from wallets.authorisation import Authorisation, ReadCard, authorise_read
from wallets.card_token import parse_card_code

# An offline till comes back within three days, or its day is sorted out at the desk.
LATE_MAX = datetime.timedelta(hours=72)
# A tablet's clock may be a little fast.
CLOCK_SKEW_MAX = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """A payment as it was asked for.

    `caller` and `idempotency_key` make it unique; `companions` are what else must hold or change with it.
    """

    till: Till
    card_code: str
    amount_cents: int
    pin: str | None
    partial: bool
    happened_at: datetime.datetime
    caller: str
    idempotency_key: str
    companions: tuple[object, ...] = ()


def charge(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    till: Till,
    card_code: str,
    amount_cents: int,
    idempotency_key: str,
    now: datetime.datetime,
    pin: str | None = None,
    partial: bool = False,
    happened_at: datetime.datetime | None = None,
) -> Receipt:
    """Take a payment at a till and return its receipt.

    Args:
        engine: the database.
        keyring: checks the PIN.
        writer: of the runtime.
        territory_id: whose books.
        host: the public name of the service, as in the cards' addresses.
        till: where.
        card_code: what was scanned or typed.
        amount_cents: strictly an integer, 1 to 2^53 - 1.
        idempotency_key: the till's own; the same key gives the same receipt and evaluates no PIN.
        now: aware UTC.
        pin: four digits, if given.
        partial: take what the card has when it has less.
        happened_at: when an offline till took it, aware; at most 72 hours ago.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, charge_in_future,
    charge_too_late, card_malformed, card_of_another_town, idempotency_key_reused, till_unknown, till_unpaired,
    merchant_suspended, then as `wallets.authorisation.authorise` and the posting, charge_abandoned among it.

    """
    check_cents(amount_cents)
    order = ChargeOrder(
        till=till,
        card_code=card_code,
        amount_cents=amount_cents,
        pin=pin,
        partial=partial,
        happened_at=_happened(happened_at, now=now),
        caller=till.caller,
        idempotency_key=idempotency_key,
    )
    return take(engine=engine, keyring=keyring, writer=writer, territory_id=territory_id, host=host, order=order)


def take(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    order: ChargeOrder,
) -> Receipt:
    """Post an order, from a till or from a holder's phone; arguments and refusals as in `charge`."""
    code = parse_card_code(order.card_code, host=host)
    digest = request_digest(operation="charge", card=code.key, amount_cents=order.amount_cents, partial=order.partial)
    once = key_digest(caller=order.caller, idempotency_key=order.idempotency_key)
    # Before any PIN is evaluated: a retry must not cost the holder a try.
    seen = read_together(
        engine,
        at_the_counter,
        Asked(
            territory_id=territory_id,
            key_digest=once,
            till_id=order.till.id,
            card_code=code,
        ),
    )
    if seen.posted is not None:
        return _replayed(engine, territory_id=territory_id, till=order.till, posted=seen.posted, digest=digest)
    merchant, account_id = seen.open_shop()
    allowed = _authorised(engine, keyring, territory_id=territory_id, order=order, read=seen.card, merchant=merchant)
    posted = writer.submit(
        Posting(
            territory_id=territory_id,
            caller=order.caller,
            idempotency_key=order.idempotency_key,
            request_digest=digest,
            kind=EntryKind.CHARGE,
            draws=(Draw(allowed.purse_account_ids, account_id, order.amount_cents, at_most=order.partial),),
            happened_at_ms=instant_ms(order.happened_at),
            reference=f"CARD:{allowed.card_id}",
            companions=(OpenTill(order.till.id, once), allowed.companion, *order.companions),
        )
    )
    left_cents = posted.left_cents
    if left_cents is None:
        # Another request with this key was posted between our look and our turn: the books tell.
        with reading(engine) as db:
            left_cents = _left(db, territory_id, allowed.purse_account_ids, posted)
    return receipt_of(posted, merchant=merchant, remaining_cents=left_cents, replayed=posted.replayed)


def find_charge(engine: Engine, *, territory_id: int, till: Till, idempotency_key: str) -> Receipt | None:
    """Return the receipt of what a till's key posted, or None: how a till learns what became of a lost answer."""
    with reading(engine) as db:
        posted = find_posted(db, territory_id=territory_id, caller=till.caller, idempotency_key=idempotency_key)
        return None if posted is None else replayed_receipt(db, territory_id=territory_id, till=till, posted=posted)


def replayed_receipt(db: Connection, *, territory_id: int, till: Till, posted: Posted) -> Receipt:
    """Return the receipt of an entry posted before; what remained is counted in the purses it drew on."""
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=till.merchant_id)
    purses = {line.debit_account_id for line in posted.entry.transfers}
    left_cents = _left(db, territory_id, purses, posted) if posted.entry.kind is EntryKind.CHARGE else 0
    return receipt_of(posted, merchant=merchant, remaining_cents=left_cents, replayed=True)


def check_cents(amount_cents: object) -> int:
    """Return an amount that is strictly an integer of cents; 12.0 and true are not.

    Refuses amount_malformed, amount_not_positive, amount_too_large.
    """
    if type(amount_cents) is not int:
        raise AmountMalformed(given=str(amount_cents)[:40])
    return check_amount(amount_cents)


def open_shop(db: Connection, *, territory_id: int, till: Till) -> Merchant:
    """Return the till's shop when both may work; refuses till_unknown, till_unpaired, merchant_suspended."""
    if not find_till(db, territory_id=territory_id, till_id=till.id).is_paired:
        raise TillUnpaired
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=till.merchant_id)
    if not merchant.is_active:
        raise MerchantSuspended
    return merchant


def _replayed(engine: Engine, *, territory_id: int, till: Till, posted: Posted, digest: bytes) -> Receipt:
    if posted.entry.request_digest != digest:
        raise IdempotencyKeyReused
    with reading(engine) as db:
        return replayed_receipt(db, territory_id=territory_id, till=till, posted=posted)


def _authorised(
    engine: Engine, keyring: Keyring, *, territory_id: int, order: ChargeOrder, read: ReadCard, merchant: Merchant
) -> Authorisation:
    def allow(amount_cents: int) -> Authorisation:
        return authorise_read(
            engine,
            keyring,
            territory_id=territory_id,
            read=read,
            amount_cents=amount_cents,
            category=Category(merchant.category),
            pin=order.pin,
            now=order.happened_at,
        )

    try:
        return allow(order.amount_cents)
    except InsufficientFunds as short:
        available_cents = short.details.get("available_cents")
        if not order.partial or not isinstance(available_cents, int) or available_cents <= 0:
            raise
        return allow(available_cents)


def _happened(happened_at: datetime.datetime | None, *, now: datetime.datetime) -> datetime.datetime:
    if happened_at is None:
        return now
    if happened_at > now + CLOCK_SKEW_MAX:
        raise ChargeInFuture
    if happened_at < now - LATE_MAX:
        raise ChargeTooLate(hours=LATE_MAX // datetime.timedelta(hours=1))
    return min(happened_at, now)


def _left(db: Connection, territory_id: int, account_ids: Collection[int], posted: Posted) -> int:
    """Return what was left right after the charge: asking again tells a shop nothing of what happened since."""
    moved = net_credits_at(db, territory_id=territory_id, account_ids=account_ids, entry_id=posted.entry.entry_id)
    return sum(moved.values())
