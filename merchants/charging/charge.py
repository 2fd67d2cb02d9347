"""The way of a charge: amount, replay, till, authorisation of the card, posting, receipt."""

import datetime
from collections.abc import Collection

from sqlalchemy import Connection, Engine

from merchants.charging.counter import at_the_counter
from merchants.charging.plan import ChargeOrder, ChargePlan
from merchants.charging.receipts import receipt_of
from merchants.errors import ChargeInFuture, ChargeTooLate, MerchantSuspended, TillUnpaired
from merchants.model import Merchant, Receipt, Till
from merchants.queries import find_merchant, find_till
from monnaie_locale.database.together import read_together
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.account_history import net_credits_at
from monnaie_locale.journal.plans import Planned
from monnaie_locale.journal.queries import find_posted
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import AmountMalformed
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posted, Posting
from wallets.codes.phone_code import parse_shown_code
from wallets.errors import PinLocked

# An offline till comes back within three days, or its day is sorted out at the desk.
LATE_MAX = datetime.timedelta(hours=72)
# A tablet's clock may be a little fast.
CLOCK_SKEW_MAX = datetime.timedelta(minutes=5)


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
    api_key_digest: bytes | None = None,
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
        api_key_digest: of the till's API key, when the guard left it to be read here.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, charge_in_future, charge_too_late,
    card_malformed, card_of_another_town, api_key_unknown, idempotency_key_reused, till_unknown, till_unpaired,
    merchant_suspended, then as `authorise` and the posting, charge_abandoned and cashier_required (now) among it.

    """
    check_cents(amount_cents)
    order = ChargeOrder(
        till=till, card_code=card_code, amount_cents=amount_cents, pin=pin, partial=partial, received_at=now,
        happened_at=moment_charged(happened_at, now=now), caller=till.caller, idempotency_key=idempotency_key,
        asks_cashier=happened_at is None, is_offline=happened_at is not None, api_key_digest=api_key_digest,
    )  # fmt: skip
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
    code = parse_shown_code(order.card_code, host=host, now_ms=instant_ms(order.received_at))
    plan = ChargePlan(engine, keyring, order, code, territory_id=territory_id, host=host)
    posted = _submitted(engine, writer, plan, territory_id=territory_id, has_pin=order.pin is not None)
    left_cents = posted.left_cents
    # What a guarantee holds is no shop's business: of what is left, only the purses are counted.
    if posted.replayed or left_cents is None or order.guarantees is not None:
        with reading(engine) as db:
            return replayed_receipt(db, territory_id=territory_id, till=order.till, posted=posted)
    return receipt_of(posted, merchant=plan.merchant, remaining_cents=left_cents, replayed=False)


def _submitted(engine: Engine, writer: Writer, plan: ChargePlan, *, territory_id: int, has_pin: bool) -> Posted:
    if not has_pin:
        try:
            # Nothing takes long: the writer works it out with all those of the batch.
            return writer.submit(Planned(territory_id, plan))
        except PinLocked:
            # Others may hold all five tries for the time of an evaluation: looked at again outside the batch.
            pass
    # Before any PIN is evaluated: a retry must not cost the holder a try.
    outcome = plan.outcome(read_together(engine, at_the_counter, plan.asked))
    return writer.submit(outcome) if isinstance(outcome, Posting) else outcome


def find_charge(engine: Engine, *, territory_id: int, till: Till, idempotency_key: str) -> Receipt | None:
    """Return the receipt of what a till's key posted, or None: how a till learns what became of a lost answer."""
    with reading(engine) as db:
        posted = find_posted(db, territory_id=territory_id, caller=till.caller, idempotency_key=idempotency_key)
        return None if posted is None else replayed_receipt(db, territory_id=territory_id, till=till, posted=posted)


def replayed_receipt(db: Connection, *, territory_id: int, till: Till, posted: Posted) -> Receipt:
    """Return the receipt of an entry posted before; what remained is counted in the purses it drew on."""
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=till.merchant_id)
    purses = {line.debit_account_id for line in posted.entry.transfers if line.debit_kind is AccountKind.PURSE}
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


def moment_charged(happened_at: datetime.datetime | None, *, now: datetime.datetime) -> datetime.datetime:
    """Return when a charge happened, now unless told; refuses charge_in_future, charge_too_late."""
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
