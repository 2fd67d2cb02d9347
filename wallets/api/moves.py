"""Moves of balances and merges of households over JSON: prepared by one caller, approved by another."""

from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Reply, RowNumber
from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes.errors import MakerIsChecker
from wallets import errors, move_queries
from wallets.model import MoveKind, MoveState, WalletMove
from wallets.operations import moving

WALLET_REFUSALS = (errors.WalletUnknown, errors.WalletClosed, errors.WalletEmpty, errors.HouseholdErased)

blueprint = api_blueprint("moves_api", __name__)


class MoveBody(Body):
    """Where the balance of a wallet goes; "merge" also ends its cards and closes it."""

    to_wallet_id: RowNumber
    kind: MoveKind = MoveKind.MOVE


class MoveReply(Reply):
    """A move; `entry_id` is its entry in the journal, none before it is posted or when nothing was held."""

    move_id: int
    kind: MoveKind
    from_wallet_id: int
    to_wallet_id: int
    state: MoveState
    prepared_by: str
    approved_by: str | None
    entry_id: int | None


class MovesReply(Reply):
    """Every move, newest first."""

    moves: list[MoveReply]


@endpoint(
    blueprint,
    "GET",
    "/wallet-moves",
    summary="List the moves of balances",
    permission=Permission.VIEW_WALLETS,
    answers=MovesReply,
)
def list_moves(db: Connection, *, call: Call) -> MovesReply:
    """List every move from one wallet to another, newest first."""
    del call
    return MovesReply(moves=[_reply(move) for move in move_queries.moves(db, territory_id=_town())])


@endpoint(
    blueprint,
    "POST",
    "/wallets/<int:wallet_id>/moves",
    summary="Prepare the move of a wallet's balance",
    permission=Permission.MANAGE_WALLETS,
    body=MoveBody,
    answers=MoveReply,
    status=201,
    refusals=(*WALLET_REFUSALS, errors.WalletMoveToItself, errors.WalletMoveWaiting),
    idempotent="stored",
)
def prepare_move(db: Connection, *, body: MoveBody, call: Call, wallet_id: int) -> MoveReply:
    """Prepare the move of all that a wallet holds; nothing moves before another person approves."""
    prepared = moving.prepare_move(
        db,
        territory_id=_town(),
        kind=body.kind,
        from_wallet_id=wallet_id,
        to_wallet_id=body.to_wallet_id,
        actor=call.caller,
        now=call.now,
    )
    return _reply(prepared)


@endpoint(
    blueprint,
    "POST",
    "/wallet-moves/<int:move_id>/approve",
    summary="Approve and post a move",
    permission=Permission.APPROVE_WALLET_MOVE,
    answers=MoveReply,
    refusals=(*WALLET_REFUSALS, errors.WalletMoveUnknown, errors.WalletMoveEnded, MakerIsChecker),
    idempotent="stored",
)
def approve_move(db: Connection, *, call: Call, move_id: int) -> MoveReply:
    """Move what the wallet holds now, to purses of the same programmes and days; never by who prepared it."""
    return _reply(moving.approve_move(db, territory_id=_town(), move_id=move_id, actor=call.caller, now=call.now))


@endpoint(
    blueprint,
    "POST",
    "/wallet-moves/<int:move_id>/cancel",
    summary="Cancel a move that waits",
    permission=Permission.MANAGE_WALLETS,
    answers=MoveReply,
    refusals=(errors.WalletMoveUnknown, errors.WalletMoveEnded),
    idempotent="stored",
)
def cancel_move(db: Connection, *, call: Call, move_id: int) -> MoveReply:
    """Give up a move that nobody approved yet."""
    return _reply(moving.cancel_move(db, territory_id=_town(), move_id=move_id, actor=call.caller, now=call.now))


def _town() -> int:
    return runtime.current().territory_id


def _reply(move: WalletMove) -> MoveReply:
    return MoveReply(
        move_id=move.move_id,
        kind=move.kind,
        from_wallet_id=move.from_wallet_id,
        to_wallet_id=move.to_wallet_id,
        state=move.state,
        prepared_by=move.prepared_by,
        approved_by=move.approved_by,
        entry_id=move.entry_id,
    )
