"""The other way round: the till asks for an amount, the holder's phone opens the request and confirms with the PIN."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, insert, select, update

from merchants.charging.charge import check_cents, open_shop, take
from merchants.charging.plan import ChargeOrder
from merchants.errors import (
    PaymentRequestCancelled,
    PaymentRequestExpired,
    PaymentRequestUnknown,
    PaymentRequestUsed,
)
from merchants.model import PaymentRequest, Receipt, Till
from merchants.queries import find_request, find_till, request_by_code
from merchants.shops.operations import RandomBytes, code_digest, draw_code
from merchants.tables import payment_requests
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import find_posted
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.errors import IdempotencyKeyReused
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posted

REQUEST_LIFE = datetime.timedelta(minutes=5)
REQUEST_PATH = "/P/"
IDEMPOTENCY_KEY = "pay"


def request_payment(
    db: Connection,
    *,
    territory_id: int,
    till: Till,
    amount_cents: int,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> tuple[PaymentRequest, str]:
    """Ask for an amount and return the request with its code, good for five minutes and for one payment.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, till_unknown, till_unpaired,
    merchant_suspended.
    """
    check_cents(amount_cents)
    merchant = open_shop(db, territory_id=territory_id, till=till)
    code = draw_code(random_bytes)
    request_id = next_id(db, payment_requests, territory_id=territory_id)
    db.execute(
        insert(payment_requests),
        {
            "territory_id": territory_id,
            "id": request_id,
            "code_digest": code_digest(code),
            "merchant_id": merchant.id,
            "till_id": till.id,
            "amount_cents": amount_cents,
            "created_at_ms": instant_ms(now),
            "expires_at_ms": instant_ms(now + REQUEST_LIFE),
        },
    )
    return find_request(db, territory_id=territory_id, request_id=request_id), code


def cancel_request(
    db: Connection, *, territory_id: int, till: Till, request_id: int, now: datetime.datetime
) -> PaymentRequest:
    """Withdraw a request that nobody paid. Refuses: payment_request_unknown, payment_request_used."""
    request = own_request(db, territory_id=territory_id, till=till, request_id=request_id)
    if request.entry_id is not None:
        raise PaymentRequestUsed
    db.execute(
        update(payment_requests)
        .where(payment_requests.c.territory_id == territory_id, payment_requests.c.id == request_id)
        .values(cancelled_at_ms=instant_ms(now))
    )
    return find_request(db, territory_id=territory_id, request_id=request_id)


def own_request(db: Connection, *, territory_id: int, till: Till, request_id: int) -> PaymentRequest:
    """Return a request of this till's shop; another shop's is unknown. Refuses: payment_request_unknown."""
    request = find_request(db, territory_id=territory_id, request_id=request_id)
    if request.merchant_id != till.merchant_id:
        raise PaymentRequestUnknown
    return request


def confirm_payment(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    code: str,
    card_code: str,
    pin: str | None,
    now: datetime.datetime,
) -> Receipt:
    """Pay a request from the holder's phone; the same card confirming again gets the same receipt.

    Arguments as `merchants.charging.charge.charge`; `code` is that of the request, as scanned. A card that is typed,
    or open in a browser, always needs the PIN; a phone of its own, by whose key the code is signed, needs it as the
    card would.

    Refuses, in this order: payment_request_unknown, payment_request_cancelled, payment_request_expired,
    payment_request_used, then as `charge`.

    """
    with reading(engine) as db:
        request = _payable(db, territory_id=territory_id, code=code, now=now)
        till = find_till(db, territory_id=territory_id, till_id=request.till_id)
    order = ChargeOrder(
        till=till,
        card_code=card_code,
        amount_cents=request.amount_cents,
        pin=pin,
        partial=False,
        happened_at=now,
        received_at=now,
        # A caller of its own: no key that a till chooses can meet this one.
        caller=f"request:{request.id}",
        idempotency_key=IDEMPOTENCY_KEY,
        companions=(UsedOnce(request.id),),
    )
    try:
        return take(engine=engine, keyring=keyring, writer=writer, territory_id=territory_id, host=host, order=order)
    except IdempotencyKeyReused as error:
        raise PaymentRequestUsed from error


def _payable(db: Connection, *, territory_id: int, code: str, now: datetime.datetime) -> PaymentRequest:
    """Return the request of a code; one already paid goes on, because the same card may ask again."""
    request = request_by_code(db, territory_id=territory_id, code_digest=code_digest(code))
    state = request.state(now_ms=instant_ms(now))
    if state == "cancelled":
        raise PaymentRequestCancelled
    if state == "expired":
        raise PaymentRequestExpired
    if request.entry_id is not None and instant_ms(now) > request.expires_at_ms:
        # A lost answer is asked for again within minutes, not weeks later by whoever kept the address.
        raise PaymentRequestUsed
    return request


def entry_of_request(db: Connection, *, territory_id: int, request: PaymentRequest) -> Posted | None:
    """Return the charge that paid a request, or None."""
    return find_posted(db, territory_id=territory_id, caller=f"request:{request.id}", idempotency_key=IDEMPOTENCY_KEY)


def request_url(*, host: str, code: str) -> str:
    """Return the text of the QR that the till shows."""
    return f"HTTPS://{host.upper()}{REQUEST_PATH}{code}"


@dataclass(frozen=True, slots=True)
class UsedOnce:
    """Companion: the request is still open, and this payment uses it."""

    request_id: int

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["UsedOnce"]) -> "_UsedRequests":
        """Lock the requests of the batch."""
        asked = sorted({companion.request_id for companion in companions})
        rows = db.execute(
            select(payment_requests.c.id, payment_requests.c.entry_id, payment_requests.c.cancelled_at_ms)
            .where(payment_requests.c.territory_id == territory_id, payment_requests.c.id.in_(asked))
            .order_by(payment_requests.c.id)
            .with_for_update()
        )
        return _UsedRequests(territory_id, {row[0]: (row[1] is not None, row[2] is not None) for row in rows})


@dataclass(slots=True)
class _UsedRequests:
    """Which requests of a batch are used or cancelled."""

    territory_id: int
    states: dict[int, tuple[bool, bool]]
    used: dict[int, int] = field(default_factory=dict)

    def check(self, companion: UsedOnce, _transfers: Sequence[Transfer]) -> None:
        """Refuse a request that is used or cancelled."""
        if companion.request_id not in self.states:
            raise PaymentRequestUnknown
        is_used, is_cancelled = self.states[companion.request_id]
        if is_used or companion.request_id in self.used:
            raise PaymentRequestUsed
        if is_cancelled:
            raise PaymentRequestCancelled

    def accept(self, companion: UsedOnce, posted: Posted) -> None:
        """Use the request."""
        self.used[companion.request_id] = posted.entry.entry_id

    def save(self, db: Connection) -> None:
        """Write by which entry each request was paid."""
        for request_id, entry_id in self.used.items():
            db.execute(
                update(payment_requests)
                .where(payment_requests.c.territory_id == self.territory_id, payment_requests.c.id == request_id)
                .values(entry_id=entry_id)
            )
