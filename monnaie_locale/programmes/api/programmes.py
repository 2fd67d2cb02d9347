"""Programmes and their funding over JSON.

The reception of a funding is not here: only a bank statement makes euros appear.
"""

from sqlalchemy import Connection

from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes import errors, queries
from monnaie_locale.programmes.api.replies import (
    AMOUNT_REFUSALS,
    AmountBody,
    ExpiryReply,
    FundingReply,
    FundingsReply,
    PinRuleBody,
    ProgrammeBody,
    ProgrammeReply,
    ProgrammesReply,
    funding_reply,
    programme_reply,
    town,
)
from monnaie_locale.programmes.model import ProgrammeTerms
from monnaie_locale.programmes.operations import expiring, funding, opening, pin_rule

blueprint = api_blueprint("programmes_api", __name__)


@endpoint(
    blueprint,
    "POST",
    "/programmes",
    summary="Open a programme",
    permission=Permission.MANAGE_PROGRAMMES,
    body=ProgrammeBody,
    answers=ProgrammeReply,
    status=201,
    refusals=(*AMOUNT_REFUSALS, errors.ProgrammeInvalid, errors.ProgrammeNameTaken),
    idempotent="stored",
)
def open_programme(db: Connection, *, body: ProgrammeBody, call: Call) -> ProgrammeReply:
    """Open a programme under a decision and a budget."""
    terms = ProgrammeTerms(**{**body.model_dump(), "categories": frozenset(body.categories)})
    opened = opening.open_programme(db, territory_id=town(), terms=terms, actor=call.caller, now=call.now)
    return programme_reply(db, opened)


@endpoint(
    blueprint,
    "GET",
    "/programmes",
    summary="List programmes",
    permission=Permission.VIEW_PROGRAMMES,
    answers=ProgrammesReply,
)
def list_programmes(db: Connection, *, call: Call) -> ProgrammesReply:
    """List every programme, open or closed, with its funds."""
    del call
    found = queries.programmes_by_id(db, territory_id=town()).values()
    return ProgrammesReply(programmes=[programme_reply(db, programme) for programme in found])


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/close",
    summary="Close a programme",
    permission=Permission.MANAGE_PROGRAMMES,
    answers=ProgrammeReply,
    refusals=(errors.ProgrammeUnknown, errors.ProgrammeClosed),
    idempotent="stored",
)
def close_programme(db: Connection, *, call: Call, programme_id: int) -> ProgrammeReply:
    """Close a programme to funding and distributions; its purses stay good until they expire."""
    closed = opening.close_programme(
        db, territory_id=town(), programme_id=programme_id, actor=call.caller, now=call.now
    )
    return programme_reply(db, closed)


@endpoint(
    blueprint,
    "PUT",
    "/programmes/<int:programme_id>/pin-rule",
    summary="Change when a programme asks for the PIN",
    permission=Permission.MANAGE_PROGRAMMES,
    body=PinRuleBody,
    answers=ProgrammeReply,
    refusals=(errors.ProgrammeUnknown, errors.ProgrammeInvalid),
    idempotent="stored",
)
def change_pin_rule(db: Connection, *, body: PinRuleBody, call: Call, programme_id: int) -> ProgrammeReply:
    """Change when payments from a programme ask for the PIN: never, above an amount, or always.

    Whatever the programme says, the PIN is asked for above 50 €, and after five payments or 150 € without it.
    """
    changed = pin_rule.change_pin_rule(
        db,
        territory_id=town(),
        programme_id=programme_id,
        pin_rule=body.pin_rule,
        pin_above_cents=body.pin_above_cents,
        actor=call.caller,
        now=call.now,
    )
    return programme_reply(db, changed)


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/funding-orders",
    summary="Announce a funding",
    permission=Permission.REGISTER_FUNDING,
    body=AmountBody,
    answers=FundingReply,
    status=201,
    refusals=(*AMOUNT_REFUSALS, errors.ProgrammeUnknown, errors.ProgrammeClosed, errors.BudgetExceeded),
    idempotent="stored",
)
def register_funding(db: Connection, *, body: AmountBody, call: Call, programme_id: int) -> FundingReply:
    """Announce a transfer of the CCAS; the answer holds the reference to put on it."""
    order = funding.register_funding_order(
        db,
        territory_id=town(),
        programme_id=programme_id,
        amount_cents=body.amount_cents,
        actor=call.caller,
        now=call.now,
    )
    return funding_reply(order)


@endpoint(
    blueprint,
    "GET",
    "/programmes/<int:programme_id>/funding-orders",
    summary="List funding orders",
    permission=Permission.VIEW_PROGRAMMES,
    answers=FundingsReply,
    refusals=(errors.ProgrammeUnknown,),
)
def list_fundings(db: Connection, *, call: Call, programme_id: int) -> FundingsReply:
    """List the funding orders of a programme, oldest first."""
    del call
    queries.programme_of(db, territory_id=town(), programme_id=programme_id)
    found = queries.funding_orders_of(db, territory_id=town(), programme_id=programme_id)
    return FundingsReply(funding_orders=[funding_reply(order) for order in found])


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/expire",
    summary="Take back expired units",
    permission=Permission.MANAGE_PROGRAMMES,
    answers=ExpiryReply,
    refusals=(errors.ProgrammeUnknown,),
    idempotent="stored",
)
def expire_purses(db: Connection, *, call: Call, programme_id: int) -> ExpiryReply:
    """Empty the purses whose expiry and grace are over."""
    posted = expiring.expire_purses(db, territory_id=town(), programme_id=programme_id, actor=call.caller, now=call.now)
    return ExpiryReply(purses=len(posted), amount_cents=sum(each.entry.amount_cents for each in posted))
