"""The offline guarantee of a programme over JSON: what it holds and paid, moved by two callers."""

from sqlalchemy import Connection

from merchants.offline.guarantee import guarantee_paid
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Cents, PositiveCents, Reply
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import AmountNotPositive, AmountTooLarge
from monnaie_locale.programmes import errors, guarantee_queries, queries
from monnaie_locale.programmes.model import GuaranteeMove, GuaranteeMoveKind, GuaranteeMoveState
from monnaie_locale.programmes.operations import guaranteeing

blueprint = api_blueprint("guarantee_api", __name__)


class GuaranteeMoveBody(Body):
    """Money from the programme's funds to its guarantee ("fund"), or back ("return")."""

    kind: GuaranteeMoveKind
    amount_cents: PositiveCents


class GuaranteeMoveReply(Reply):
    """A move of a guarantee; `entry_id` is its entry in the journal, none before it is posted."""

    move_id: int
    programme_id: int
    kind: GuaranteeMoveKind
    amount_cents: Cents
    state: GuaranteeMoveState
    prepared_by: str
    approved_by: str | None
    entry_id: int | None


class GuaranteePaidReply(Reply):
    """What the guarantee paid at a shop in a month, refunds deducted; over how many charges."""

    month: str
    merchant_id: int
    paid_cents: int
    charge_count: int


class GuaranteeReply(Reply):
    """The offline guarantee of a programme: its balance, its moves newest first, what it paid in the last year."""

    programme_id: int
    held_cents: Cents
    moves: list[GuaranteeMoveReply]
    paid: list[GuaranteePaidReply]


@endpoint(
    blueprint,
    "GET",
    "/programmes/<int:programme_id>/guarantee",
    summary="The offline guarantee of a programme",
    permission=Permission.VIEW_PROGRAMMES,
    answers=GuaranteeReply,
    refusals=(errors.ProgrammeUnknown,),
)
def guarantee(db: Connection, *, call: Call, programme_id: int) -> GuaranteeReply:
    """Return what the guarantee holds, what two people moved, and what it paid by month and shop."""
    queries.programme_of(db, territory_id=_town(), programme_id=programme_id)
    moves = guarantee_queries.guarantee_moves_of(db, territory_id=_town(), programme_id=programme_id)
    return GuaranteeReply(
        programme_id=programme_id,
        held_cents=guarantee_queries.guarantee_of(db, territory_id=_town(), programme_id=programme_id),
        moves=[_reply(move) for move in moves],
        paid=[
            GuaranteePaidReply(
                month=str(each.month),
                merchant_id=each.merchant_id,
                paid_cents=each.paid_cents,
                charge_count=each.charge_count,
            )
            for each in guarantee_paid(db, territory_id=_town(), programme_id=programme_id, now=call.now)
        ],
    )


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/guarantee-moves",
    summary="Prepare a move of an offline guarantee",
    permission=Permission.MOVE_GUARANTEE,
    body=GuaranteeMoveBody,
    answers=GuaranteeMoveReply,
    status=201,
    refusals=(
        AmountNotPositive,
        AmountTooLarge,
        errors.ProgrammeUnknown,
        errors.ProgrammeClosed,
        errors.GuaranteeMoveUnfunded,
    ),
    idempotent="stored",
)
def prepare_move(db: Connection, *, body: GuaranteeMoveBody, call: Call, programme_id: int) -> GuaranteeMoveReply:
    """Prepare what goes into the guarantee, or back; nothing moves before another person approves."""
    prepared = guaranteeing.prepare_guarantee_move(
        db,
        territory_id=_town(),
        programme_id=programme_id,
        kind=body.kind,
        amount_cents=body.amount_cents,
        actor=call.caller,
        now=call.now,
    )
    return _reply(prepared)


@endpoint(
    blueprint,
    "POST",
    "/guarantee-moves/<int:move_id>/approve",
    summary="Approve and post a move of an offline guarantee",
    permission=Permission.APPROVE_GUARANTEE,
    answers=GuaranteeMoveReply,
    refusals=(
        errors.GuaranteeMoveUnknown,
        errors.GuaranteeMoveEnded,
        errors.MakerIsChecker,
        errors.ProgrammeClosed,
        errors.GuaranteeMoveUnfunded,
    ),
    idempotent="stored",
)
def approve_move(db: Connection, *, call: Call, move_id: int) -> GuaranteeMoveReply:
    """Move the money; never by who prepared it."""
    return _reply(
        guaranteeing.approve_guarantee_move(db, territory_id=_town(), move_id=move_id, actor=call.caller, now=call.now)
    )


@endpoint(
    blueprint,
    "POST",
    "/guarantee-moves/<int:move_id>/cancel",
    summary="Cancel a move of an offline guarantee that waits",
    permission=Permission.MOVE_GUARANTEE,
    answers=GuaranteeMoveReply,
    refusals=(errors.GuaranteeMoveUnknown, errors.GuaranteeMoveEnded),
    idempotent="stored",
)
def cancel_move(db: Connection, *, call: Call, move_id: int) -> GuaranteeMoveReply:
    """Give up a move that nobody approved yet."""
    return _reply(
        guaranteeing.cancel_guarantee_move(db, territory_id=_town(), move_id=move_id, actor=call.caller, now=call.now)
    )


def _town() -> int:
    return runtime.current().territory_id


def _reply(move: GuaranteeMove) -> GuaranteeMoveReply:
    return GuaranteeMoveReply(
        move_id=move.move_id,
        programme_id=move.programme_id,
        kind=move.kind,
        amount_cents=move.amount_cents,
        state=move.state,
        prepared_by=move.prepared_by,
        approved_by=move.approved_by,
        entry_id=move.entry_id,
    )
