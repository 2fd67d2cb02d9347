"""What a till's page asks beside a payment: what is left on a card, and its key and charges for when it was offline."""

import base64

from sqlalchemy import Connection

from merchants import errors
from merchants.api.schema import (
    CardBody,
    KeyBody,
    OfflineChargeBody,
    OfflinePayload,
    OfflineReply,
    RemainingReply,
    TillKeyBody,
    TillKeyReply,
    receipt_reply,
)
from merchants.charging.charge import open_shop
from merchants.offline import charges as offline
from merchants.offline.signing import SignedCharge, register_till_key
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import IdempotencyKeyReused
from monnaie_locale.programmes.model import Category
from wallets import errors as wallet_errors
from wallets.paying.authorisation import look_up

blueprint = api_blueprint("merchants_counter_api", __name__)


@endpoint(
    blueprint,
    "POST",
    "/cards/remaining",
    summary="What is left on a card for this shop",
    permission=Permission.CHARGE,
    body=CardBody,
    answers=RemainingReply,
    refusals=(
        errors.MerchantSuspended,
        wallet_errors.CardMalformed,
        wallet_errors.CardOfAnotherTown,
        wallet_errors.PinMalformed,
        wallet_errors.CardRefused,
        wallet_errors.PinRequired,
        wallet_errors.PinLocked,
        wallet_errors.PurseExpired,
        wallet_errors.MerchantNotEligible,
    ),
    idempotent="journal",
)
def remaining(*, body: CardBody, call: Call) -> RemainingReply:
    """Return what the card could pay here; nothing is posted. A POST: a card's code stands in no address, a PIN counts.

    Each request is evaluated anew: a balance moves, and an answer kept under a key would be yesterday's.
    """
    rt = runtime.current()
    with reading(rt.engine) as db:
        shop = open_shop(db, territory_id=rt.territory_id, till=parts.own_till())
    found = look_up(
        rt.engine,
        rt.keyring,
        territory_id=rt.territory_id,
        host=parts.host(),
        card_code=body.card,
        category=Category(shop.category),
        pin=body.pin,
        now=call.now,
    )
    return RemainingReply(available_cents=found.available_cents)


@endpoint(
    blueprint,
    "POST",
    "/tills/own-key",
    summary="Give the key with which this till signs offline",
    permission=Permission.CHARGE,
    body=TillKeyBody,
    answers=TillKeyReply,
    refusals=(errors.TillKeyInvalid, errors.TillKeyTaken),
    idempotent="stored",
)
def own_key(db: Connection, *, body: TillKeyBody, call: Call) -> TillKeyReply:
    """Keep the public key of the calling till's device, until it is paired anew; the same key again is fine."""
    till = parts.own_till()
    try:
        public_key = _decoded(body.public_key)
    except ValueError as error:
        raise errors.TillKeyInvalid from error
    register_till_key(db, territory_id=runtime.current().territory_id, till=till, public_key=public_key, now=call.now)
    return TillKeyReply(till_id=till.id)


@endpoint(
    blueprint,
    "POST",
    "/offline-charges",
    summary="Send what was taken while the network was away",
    permission=Permission.CHARGE,
    body=OfflineChargeBody,
    answers=OfflineReply,
    refusals=(
        errors.TillKeyMissing,
        errors.OfflineSignatureInvalid,
        errors.OfflineOrderBroken,
        IdempotencyKeyReused,
    ),
    idempotent="journal",
)
def take_offline(*, body: OfflineChargeBody, call: Call) -> OfflineReply:
    """Post a signed charge at the time it happened, at most 72 hours ago; its key is inside what is signed.

    A payment that is refused is answered "refused", for good, and kept in the shop's list.
    """
    answer = offline.take_offline(**parts.charging(), till=parts.own_till(), signed=_signed(body), now=call.now)
    if answer.receipt is not None:
        return OfflineReply(state="paid", receipt=receipt_reply(answer.receipt))
    return OfflineReply(state="refused", code=answer.refusal_code, sentence=answer.refusal_sentence)


@endpoint(
    blueprint,
    "POST",
    "/offline-charges/acknowledge",
    summary="Note that a refusal was read",
    permission=Permission.CHARGE,
    body=KeyBody,
    answers=TillKeyReply,
    refusals=(errors.ChargeUnknown,),
    idempotent="stored",
)
def acknowledge(db: Connection, *, body: KeyBody, call: Call) -> TillKeyReply:
    """Note that the shop read why an offline charge was refused; the list keeps it."""
    till = parts.own_till()
    offline.acknowledge(
        db, territory_id=runtime.current().territory_id, till=till, idempotency_key=body.key, now=call.now
    )
    return TillKeyReply(till_id=till.id)


def _signed(body: OfflineChargeBody) -> SignedCharge:
    """Return what the device signed; what cannot be read is not what it signed."""
    try:
        says = OfflinePayload.model_validate_json(body.signed)
        signature = _decoded(body.signature)
    except ValueError as error:
        raise errors.OfflineSignatureInvalid from error
    return SignedCharge(
        text=body.signed.encode(),
        signature=signature,
        till_id=says.till,
        sequence=says.sequence,
        idempotency_key=says.key,
        card_code=says.card,
        amount_cents=says.amount_cents,
        happened_at_ms=says.happened_at_ms,
        cashier_id=says.cashier,
    )


def _decoded(text: str) -> bytes:
    """Return the bytes of a base64url text without padding; ValueError when it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
