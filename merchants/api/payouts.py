"""The back office's endpoints on payouts."""

from collections.abc import Callable

from sqlalchemy import Connection

from merchants import payout_errors
from merchants.api.schema import PayoutBody, PayoutReply, PayoutsReply, payout_reply
from merchants.model import Payout
from merchants.payouts import operations as payouts
from merchants.queries import find_payout, list_payouts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.identity.roles import Permission

blueprint = api_blueprint("merchants_payouts_api", __name__)


@endpoint(
    blueprint,
    "GET",
    "/payouts",
    summary="The payouts, newest first",
    permission=Permission.VIEW_PAYOUTS,
    answers=PayoutsReply,
)
def all_payouts(db: Connection, *, call: Call) -> PayoutsReply:  # noqa: ARG001 - the kit passes it
    """Return the payouts without their lines."""
    found = list_payouts(db, territory_id=runtime.current().territory_id)
    return PayoutsReply(payouts=[payout_reply(each) for each in found])


@endpoint(
    blueprint,
    "GET",
    "/payouts/<int:payout_id>",
    summary="One payout",
    permission=Permission.VIEW_PAYOUTS,
    answers=PayoutReply,
    refusals=(payout_errors.PayoutUnknown,),
)
def one_payout(db: Connection, *, call: Call, payout_id: int) -> PayoutReply:  # noqa: ARG001 - the kit passes it
    """Return a payout with its lines."""
    return payout_reply(find_payout(db, territory_id=runtime.current().territory_id, payout_id=payout_id))


@endpoint(
    blueprint,
    "POST",
    "/payouts",
    summary="Prepare a payout",
    permission=Permission.PREPARE_PAYOUT,
    body=PayoutBody,
    answers=PayoutReply,
    status=201,
    refusals=(payout_errors.PayoutPending, payout_errors.PayoutDateInPast, payout_errors.PayoutEmpty),
    idempotent="stored",
)
def prepare(db: Connection, *, body: PayoutBody, call: Call) -> PayoutReply:
    """Collect the shops whose balance reaches the minimum; nothing is posted yet."""
    payout = payouts.prepare_payout(
        db,
        territory_id=runtime.current().territory_id,
        label=body.label,
        cutoff_on=body.cutoff_on,
        execution_on=body.execution_on,
        minimum_cents=body.minimum_cents,
        actor=call.caller,
        now=call.now,
    )
    return payout_reply(payout)


@endpoint(
    blueprint,
    "POST",
    "/payouts/<int:payout_id>/approve",
    summary="Approve a payout",
    permission=Permission.APPROVE_PAYOUT,
    answers=PayoutReply,
    refusals=(
        payout_errors.PayoutUnknown,
        payout_errors.PayoutStateWrong,
        payout_errors.PayoutSamePerson,
        payout_errors.PayoutBalanceChanged,
    ),
    idempotent="stored",
)
def approve(db: Connection, *, call: Call, payout_id: int) -> PayoutReply:
    """Order the transfers; somebody else than who prepared it."""
    return _step(db, payouts.approve_payout, call, payout_id)


@endpoint(
    blueprint,
    "POST",
    "/payouts/<int:payout_id>/cancel",
    summary="Give up a payout that nobody approved",
    permission=Permission.PREPARE_PAYOUT,
    answers=PayoutReply,
    refusals=(payout_errors.PayoutUnknown, payout_errors.PayoutStateWrong),
    idempotent="stored",
)
def cancel(db: Connection, *, call: Call, payout_id: int) -> PayoutReply:
    """Give up a prepared payout."""
    return _step(db, payouts.cancel_payout, call, payout_id)


@endpoint(
    blueprint,
    "POST",
    "/payouts/<int:payout_id>/sent",
    summary="Note that the order went to the bank",
    permission=Permission.PREPARE_PAYOUT,
    answers=PayoutReply,
    refusals=(payout_errors.PayoutUnknown, payout_errors.PayoutStateWrong),
    idempotent="stored",
)
def sent(db: Connection, *, call: Call, payout_id: int) -> PayoutReply:
    """Note that the order went to the bank."""
    return _step(db, payouts.mark_sent, call, payout_id)


def _step(db: Connection, step: Callable[..., Payout], call: Call, payout_id: int) -> PayoutReply:
    payout = step(
        db,
        territory_id=runtime.current().territory_id,
        payout_id=payout_id,
        actor=call.caller,
        now=call.now,
    )
    return payout_reply(payout)
