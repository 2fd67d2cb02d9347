"""What a till's page must know beside its payments: who holds the till, and what it may take offline."""

from pydantic import Field

from merchants import cashier_errors
from merchants.model import Cashier
from merchants.offline.limits import offline_caps
from merchants.shops import cashiers
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Cents, Reply, RowNumber
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.roles import Permission

blueprint = api_blueprint("merchants_till_state_api", __name__)


class OfflineCapsReply(Reply):
    """What a till may take while the network is away."""

    payment_cents: Cents
    card_day_cents: Cents
    till_cents: Cents


class CashierReply(Reply):
    """A cashier of the shop."""

    id: int
    name: str


class TillStateReply(Reply):
    """Who may hold the calling till, who does, and what it may take offline."""

    asks_cashier: bool = Field(description="Somebody must hold the till before it charges")
    cashier: CashierReply | None
    cashiers: list[CashierReply]
    offline_caps: OfflineCapsReply


class TakeTillBody(Body):
    """A cashier takes the till."""

    cashier_id: RowNumber
    code: str = Field(max_length=8, description="Four digits")


@endpoint(
    blueprint,
    "GET",
    "/tills/own-state",
    summary="Who holds the till, and what it may take offline",
    permission=Permission.VIEW_TILL,
    answers=TillStateReply,
    reads=False,
)
def state(*, call: Call) -> TillStateReply:  # noqa: ARG001 - the kit passes it
    """Return the state of the calling till; a shop without cashiers has none to ask for."""
    return _state()


@endpoint(
    blueprint,
    "POST",
    "/tills/own-cashier",
    summary="Take the till",
    permission=Permission.CHARGE,
    body=TakeTillBody,
    answers=TillStateReply,
    refusals=(cashier_errors.CashierUnknown, cashier_errors.CashierLocked, cashier_errors.CashierCodeWrong),
    idempotent="journal",
)
def take(*, body: TakeTillBody, call: Call) -> TillStateReply:
    """Put a cashier at the calling till; five wrong codes in a row lock the cashier. Each request is evaluated anew."""
    rt = runtime.current()
    cashiers.take_till(
        rt.engine,
        rt.keyring,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        cashier_id=body.cashier_id,
        code=body.code,
        now=call.now,
    )
    return _state()


def _state() -> TillStateReply:
    rt = runtime.current()
    till = parts.own_till()
    shift = cashiers.shift_of(rt.engine, rt.keyring, territory_id=rt.territory_id, till=till)
    with reading(rt.engine) as db:
        caps = offline_caps(db, territory_id=rt.territory_id)
        known = cashiers.cashiers_of(db, territory_id=rt.territory_id, merchant_id=till.merchant_id, keyring=rt.keyring)
    return TillStateReply(
        asks_cashier=shift.asks_cashier,
        cashier=None if shift.cashier is None else _reply(shift.cashier),
        cashiers=[_reply(each) for each in known],
        offline_caps=OfflineCapsReply(
            payment_cents=caps.payment_cents, card_day_cents=caps.card_day_cents, till_cents=caps.till_cents
        ),
    )


def _reply(cashier: Cashier) -> CashierReply:
    return CashierReply(id=cashier.id, name=cashier.name)
