"""What was taken offline and refused: listed, presented again when the card is back, or given up."""

from pydantic import Field
from sqlalchemy import Connection

from merchants import errors
from merchants.api.charges import CARD_REFUSALS
from merchants.api.schema import CardBody, ReceiptReply, receipt_reply
from merchants.cashier_errors import CashierRequired
from merchants.model import OfflineRefusal
from merchants.offline import ends as offline_ends
from merchants.offline.charges import refused_offline
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Answer, Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Cents, Reply
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import IdempotencyKeyReused

blueprint = api_blueprint("merchants_offline_ends_api", __name__)


class RefusedReply(Reply):
    """An offline charge that was refused."""

    mark: str = Field(description="Names it in the two writes below")
    till_label: str
    amount_cents: Cents
    happened_at_ms: int
    sentence: str = Field(description="Why nobody paid it, as the shop reads it")
    state: str = Field(description="open, paid or dismissed")
    paid_number: int | None = Field(description="Of the charge that paid it since")


class RefusedListReply(Reply):
    """The refused charges of a shop, newest first."""

    refused: list[RefusedReply]


@endpoint(
    blueprint,
    "GET",
    "/offline-charges/refused",
    summary="What was taken offline and refused",
    permission=Permission.VIEW_TILL,
    answers=RefusedListReply,
)
def refused(db: Connection, *, call: Call) -> RefusedListReply:  # noqa: ARG001 - the kit passes it
    """Return what the tills of the calling till's shop were refused, with what became of it."""
    shop_id = access.subject().merchant_id or 0
    found = refused_offline(db, territory_id=runtime.current().territory_id, merchant_id=shop_id)
    return RefusedListReply(refused=[_reply(each) for each in found])


@endpoint(
    blueprint,
    "POST",
    "/offline-charges/refused/<mark>/charges",
    summary="Charge again what was refused offline",
    permission=Permission.CHARGE,
    body=CardBody,
    answers=ReceiptReply,
    status=201,
    refusals=(
        IdempotencyKeyReused,
        errors.MerchantSuspended,
        errors.ChargeUnknown,
        errors.OfflineChargeEnded,
        *CARD_REFUSALS,
        errors.ChargeAbandoned,
        CashierRequired,
    ),
    idempotent="journal",
)
def present_again(*, body: CardBody, call: Call, mark: str) -> Answer:
    """Charge the refused amount to the card shown now; whatever the key, a refused charge is paid once."""
    receipt = offline_ends.present_again(
        **parts.charging(),
        till=parts.own_till(),
        mark=mark,
        card_code=body.card,
        pin=body.pin,
        idempotency_key=call.idempotency_key,
        now=call.now,
    )
    return Answer(receipt_reply(receipt), replayed=receipt.replayed)


@endpoint(
    blueprint,
    "POST",
    "/offline-charges/refused/<mark>/dismissal",
    summary="Give up what was refused offline",
    permission=Permission.CHARGE,
    answers=RefusedReply,
    refusals=(errors.ChargeUnknown, errors.OfflineChargeEnded),
    idempotent="stored",
)
def dismiss(db: Connection, *, call: Call, mark: str) -> RefusedReply:
    """Note that nobody will pay it: it leaves the open list, and cannot be presented again."""
    town, till = runtime.current().territory_id, parts.own_till()
    offline_ends.dismiss(db, territory_id=town, till=till, mark=mark, now=call.now)
    return _reply(offline_ends.refusal_of(db, territory_id=town, merchant_id=till.merchant_id, mark=mark))


def _reply(found: OfflineRefusal) -> RefusedReply:
    ended = "paid" if found.paid_entry_id is not None else "dismissed"
    return RefusedReply(
        mark=found.mark,
        till_label=found.till_label,
        amount_cents=found.amount_cents,
        happened_at_ms=found.happened_at_ms,
        sentence=found.sentence,
        state="open" if found.is_open else ended,
        paid_number=found.paid_entry_id,
    )
