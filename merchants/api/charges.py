"""The till's endpoints: charge, refund, look up by key, today's list, payment requests."""

from sqlalchemy import Connection

from merchants import errors
from merchants.api.schema import (
    ChargeBody,
    ConfirmBody,
    MerchantPaymentBody,
    MovementsReply,
    OutcomeReply,
    PaymentRequestBody,
    PaymentRequestReply,
    ReceiptReply,
    RefundBody,
    movement_reply,
    receipt_reply,
    request_reply,
)
from merchants.cashier_errors import CashierRequired
from merchants.charging import charge as charging
from merchants.charging import doubt
from merchants.charging import refund as refunding
from merchants.charging.merchant_payment import pay_merchant
from merchants.holders import payment_requests
from merchants.queries import find_till
from merchants.shops.cashiers import cashiers_of_charges
from merchants.statements.movements import charged_cents, day_movements
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Answer, Call, api_blueprint, endpoint
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds
from monnaie_locale.ledger.periods import instant_ms, paris_date
from wallets import errors as wallet_errors

blueprint = api_blueprint("merchants_charges_api", __name__)

CARD_REFUSALS = (
    wallet_errors.CardMalformed,
    wallet_errors.CardOfAnotherTown,
    wallet_errors.PinMalformed,
    wallet_errors.CardRefused,
    wallet_errors.PhoneRefused,
    wallet_errors.PhoneCodeExpired,
    wallet_errors.PhoneCodeUsed,
    wallet_errors.PinRequired,
    wallet_errors.PinLocked,
    wallet_errors.PurseExpired,
    wallet_errors.MerchantNotEligible,
    InsufficientFunds,
)
PAID, NOT_PAID = "paid", "not_paid"
REQUEST_REFUSALS = (
    errors.PaymentRequestUnknown,
    errors.PaymentRequestUsed,
    errors.PaymentRequestCancelled,
    errors.PaymentRequestExpired,
)


@endpoint(
    blueprint,
    "POST",
    "/charges",
    summary="Charge a card",
    permission=Permission.CHARGE,
    body=ChargeBody,
    answers=ReceiptReply,
    status=201,
    refusals=(
        IdempotencyKeyReused,
        errors.MerchantSuspended,
        *CARD_REFUSALS,
        errors.ChargeAbandoned,
        CashierRequired,
    ),
    idempotent="journal",
    reads_key=True,
)
def charge(*, body: ChargeBody, call: Call) -> Answer:
    """Take a payment at the calling till; the same key gives the same receipt and evaluates no PIN."""
    receipt = charging.charge(
        **parts.charging(),
        till=parts.own_till(),
        card_code=body.card,
        amount_cents=body.amount_cents,
        pin=body.pin,
        partial=body.partial,
        idempotency_key=call.idempotency_key,
        now=call.now,
        api_key_digest=access.key_to_read(),
    )
    return Answer(receipt_reply(receipt), replayed=receipt.replayed)


@endpoint(
    blueprint,
    "POST",
    "/charges/<int:number>/refunds",
    summary="Refund a charge, whole or in part",
    permission=Permission.REFUND,
    body=RefundBody,
    answers=ReceiptReply,
    status=201,
    refusals=(
        errors.ChargeUnknown,
        errors.RefundExceedsCharge,
        errors.DebtLimitReached,
        errors.ChargeAbandoned,
        IdempotencyKeyReused,
    ),
    idempotent="journal",
)
def refund(*, body: RefundBody, call: Call, number: int) -> Answer:
    """Give back to the purses that paid, the last drawn first; only the shop that took the charge may."""
    rt = runtime.current()
    receipt = refunding.refund(
        engine=rt.engine,
        writer=rt.writer,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        charge_entry_id=number,
        amount_cents=body.amount_cents,
        idempotency_key=call.idempotency_key,
        now=call.now,
    )
    return Answer(receipt_reply(receipt), replayed=receipt.replayed)


@endpoint(
    blueprint,
    "POST",
    "/merchant-payments",
    summary="Pay another shop",
    permission=Permission.CHARGE,
    body=MerchantPaymentBody,
    answers=ReceiptReply,
    status=201,
    refusals=(
        errors.MerchantUnknown,
        errors.MerchantSuspended,
        errors.PaymentToItself,
        errors.ChargeAbandoned,
        InsufficientFunds,
    ),
    idempotent="journal",
)
def pay_shop(*, body: MerchantPaymentBody, call: Call) -> Answer:
    """Pay from what the calling till's shop is owed."""
    rt = runtime.current()
    receipt = pay_merchant(
        engine=rt.engine,
        writer=rt.writer,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        to_code=body.to,
        amount_cents=body.amount_cents,
        idempotency_key=call.idempotency_key,
        now=call.now,
    )
    return Answer(receipt_reply(receipt), replayed=receipt.replayed)


@endpoint(
    blueprint,
    "GET",
    "/charges/by-key/<path:key>",
    summary="What became of a key",
    permission=Permission.VIEW_TILL,
    answers=ReceiptReply,
    refusals=(errors.ChargeUnknown,),
    reads=False,
)
def charge_by_key(*, call: Call, key: str) -> ReceiptReply:  # noqa: ARG001 - the kit passes it
    """Return the receipt of what the calling till's key posted; charge_unknown when it posted nothing."""
    rt = runtime.current()
    receipt = charging.find_charge(rt.engine, territory_id=rt.territory_id, till=parts.own_till(), idempotency_key=key)
    if receipt is None:
        raise errors.ChargeUnknown
    return receipt_reply(receipt)


@endpoint(
    blueprint,
    "POST",
    "/charges/resolve",
    summary="End the doubt about a key: it has paid, or it never will",
    permission=Permission.CHARGE,
    answers=OutcomeReply,
    idempotent="journal",
)
def resolve(*, call: Call) -> OutcomeReply:
    """Return the receipt of what the Idempotency-Key posted; when it posted nothing, a late request with it is refused.

    For a till that lost the answer of a charge, a refund or a payment to a shop. Asking again gives the same answer.
    """
    rt = runtime.current()
    receipt = doubt.resolve_charge(
        rt.engine,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        idempotency_key=call.idempotency_key,
        now=call.now,
    )
    return OutcomeReply(state=NOT_PAID) if receipt is None else OutcomeReply(state=PAID, receipt=receipt_reply(receipt))


@endpoint(
    blueprint,
    "GET",
    "/charges",
    summary="Today's list of the shop",
    permission=Permission.VIEW_TILL,
    answers=MovementsReply,
)
def todays_charges(db: Connection, *, call: Call) -> MovementsReply:
    """Return what was recorded today (Paris) at the calling till's shop, newest first."""
    day = paris_date(instant_ms(call.now))
    shop = {"territory_id": runtime.current().territory_id, "merchant_id": access.subject().merchant_id or 0}
    movements = day_movements(db, **shop, day=day)
    numbers = [each.entry_id for each in movements]
    who = cashiers_of_charges(db, **shop, entry_ids=numbers, keyring=runtime.current().keyring)
    return MovementsReply(
        day=day,
        total_cents=charged_cents(movements),
        movements=[movement_reply(each, cashier=who.get(each.entry_id)) for each in movements],
    )


@endpoint(
    blueprint,
    "POST",
    "/payment-requests",
    summary="Ask for an amount, to be paid from a holder's phone",
    permission=Permission.REQUEST_PAYMENT,
    body=PaymentRequestBody,
    answers=PaymentRequestReply,
    status=201,
    refusals=(errors.MerchantSuspended,),
    idempotent="stored",
)
def ask(db: Connection, *, body: PaymentRequestBody, call: Call) -> PaymentRequestReply:
    """Return the request with what its QR says; it lives five minutes and is paid once."""
    rt = runtime.current()
    request, code = payment_requests.request_payment(
        db,
        territory_id=rt.territory_id,
        till=find_till(db, territory_id=rt.territory_id, till_id=access.subject().id),
        amount_cents=body.amount_cents,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    url = payment_requests.request_url(host=parts.host(), code=code)
    return request_reply(request, now_ms=instant_ms(call.now), url=url)


@endpoint(
    blueprint,
    "GET",
    "/payment-requests/<int:request_id>",
    summary="How far a payment request is",
    permission=Permission.VIEW_TILL,
    answers=PaymentRequestReply,
    refusals=(errors.PaymentRequestUnknown,),
)
def request_state(db: Connection, *, call: Call, request_id: int) -> PaymentRequestReply:
    """Return the state of a request of the calling till's shop."""
    territory_id = runtime.current().territory_id
    till = find_till(db, territory_id=territory_id, till_id=access.subject().id)
    request = payment_requests.own_request(db, territory_id=territory_id, till=till, request_id=request_id)
    return request_reply(request, now_ms=instant_ms(call.now))


@endpoint(
    blueprint,
    "POST",
    "/payment-requests/<int:request_id>/cancel",
    summary="Withdraw a payment request",
    permission=Permission.REQUEST_PAYMENT,
    answers=PaymentRequestReply,
    refusals=(errors.PaymentRequestUnknown, errors.PaymentRequestUsed),
    idempotent="stored",
)
def cancel(db: Connection, *, call: Call, request_id: int) -> PaymentRequestReply:
    """Withdraw a request that nobody paid."""
    territory_id = runtime.current().territory_id
    till = find_till(db, territory_id=territory_id, till_id=access.subject().id)
    request = payment_requests.cancel_request(
        db, territory_id=territory_id, till=till, request_id=request_id, now=call.now
    )
    return request_reply(request, now_ms=instant_ms(call.now))


@endpoint(
    blueprint,
    "POST",
    "/payment-requests/confirm",
    summary="Pay a request with a card and its PIN",
    permission=Permission.OPEN_TO_ALL,
    body=ConfirmBody,
    answers=ReceiptReply,
    status=201,
    refusals=(*REQUEST_REFUSALS, *CARD_REFUSALS),
    idempotent="journal",
)
def confirm(*, body: ConfirmBody, call: Call) -> Answer:
    """Pay from the holder's own device: the PIN is what says who is asking. The request is its own key."""
    receipt = payment_requests.confirm_payment(
        **parts.charging(), code=body.code, card_code=body.card, pin=body.pin, now=call.now
    )
    return Answer(receipt_reply(receipt), replayed=receipt.replayed)
