"""Read the moves of balances from one wallet to another."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, or_, select

from wallets.errors import WalletMoveUnknown
from wallets.model import MoveKind, MoveState, WalletMove
from wallets.tables import wallet_moves


def move_of(db: Connection, *, territory_id: int, move_id: int, lock: bool = False) -> WalletMove:
    """Return one move, locked until the end of the transaction when asked; refuses wallet_move_unknown."""
    query = _moves(territory_id).where(wallet_moves.c.id == move_id)
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise WalletMoveUnknown(move_id=move_id)
    return _as_move(row)


def moves(db: Connection, *, territory_id: int, state: MoveState | None = None) -> list[WalletMove]:
    """Return every move, newest first; those in `state` only, when it is given."""
    query = _moves(territory_id).order_by(wallet_moves.c.id.desc())
    if state is not None:
        query = query.where(wallet_moves.c.state == state)
    return [_as_move(row) for row in db.execute(query).mappings()]


def moves_of_wallets(db: Connection, *, territory_id: int, wallet_ids: list[int]) -> list[WalletMove]:
    """Return the moves from or to one of these wallets, newest first."""
    touching = or_(wallet_moves.c.from_wallet_id.in_(wallet_ids), wallet_moves.c.to_wallet_id.in_(wallet_ids))
    query = _moves(territory_id).where(touching).order_by(wallet_moves.c.id.desc())
    return [_as_move(row) for row in db.execute(query).mappings()]


def merged_into(db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> dict[int, int]:
    """Return the wallet that each of these became, through all the merges that followed; not those never merged.

    A merge closes a wallet, and a closed one is merged no more: each leads to one other, and never back.
    """
    heirs = {wallet_id: wallet_id for wallet_id in wallet_ids}
    asked = set(heirs)
    while asked:
        rows = db.execute(
            select(wallet_moves.c.from_wallet_id, wallet_moves.c.to_wallet_id).where(
                wallet_moves.c.territory_id == territory_id,
                wallet_moves.c.kind == MoveKind.MERGE,
                wallet_moves.c.state == MoveState.POSTED,
                wallet_moves.c.from_wallet_id.in_(sorted(asked)),
            )
        )
        next_of = {row[0]: row[1] for row in rows}
        heirs = {wallet_id: next_of.get(heir, heir) for wallet_id, heir in heirs.items()}
        asked = set(next_of.values())
    return {wallet_id: heir for wallet_id, heir in heirs.items() if heir != wallet_id}


def _moves(territory_id: int) -> Select[Any]:
    return select(wallet_moves).where(wallet_moves.c.territory_id == territory_id)


def _as_move(row: RowMapping) -> WalletMove:
    return WalletMove(
        move_id=row["id"],
        kind=MoveKind(row["kind"]),
        from_wallet_id=row["from_wallet_id"],
        to_wallet_id=row["to_wallet_id"],
        state=MoveState(row["state"]),
        prepared_by=row["prepared_by"],
        prepared_at_ms=row["prepared_at_ms"],
        approved_by=row["approved_by"],
        ended_at_ms=row["ended_at_ms"],
        entry_id=row["entry_id"],
    )
