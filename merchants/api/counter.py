"""What a till's page asks beside a payment: what is left on a card."""

from merchants import errors
from merchants.api.schema import CardBody, RemainingReply
from merchants.charge import open_shop
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes.model import Category
from wallets import errors as wallet_errors
from wallets.authorisation import look_up

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
