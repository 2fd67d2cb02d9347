"""Move what a wallet holds to another one, or merge two households: one person prepares, another approves.

Money that leaves a household without a purchase is what a dishonest agent would want: so nobody does it alone. Purses
keep their programme and their last day; the journal has one entry of all that moved.
"""

import datetime
from collections.abc import Sequence

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory, open_purses
from monnaie_locale.journal.post import post
from monnaie_locale.journal.queries import PurseBalance, purses_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.programmes.errors import MakerIsChecker
from wallets import move_queries, queries
from wallets.errors import (
    HouseholdErased,
    WalletClosed,
    WalletEmpty,
    WalletMoveEnded,
    WalletMoveToItself,
    WalletMoveWaiting,
)
from wallets.model import MoveKind, MoveState, WalletMove
from wallets.operations.cards import block_card
from wallets.tables import wallet_moves, wallets


def prepare_move(
    db: Connection,
    *,
    territory_id: int,
    kind: MoveKind,
    from_wallet_id: int,
    to_wallet_id: int,
    actor: str,
    now: datetime.datetime,
) -> WalletMove:
    """Write down that a wallet's balance is to go to another; nothing moves before somebody else approves.

    Args:
        db: the transaction.
        territory_id: whose wallets.
        kind: MERGE also ends the first wallet's cards and closes it.
        from_wallet_id: open; or closed and not empty, for what was distributed to it since.
        to_wallet_id: an open wallet.
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses: wallet_move_to_itself, wallet_unknown, household_erased, wallet_closed, wallet_empty, wallet_move_waiting.

    """
    if from_wallet_id == to_wallet_id:
        raise WalletMoveToItself
    # One move at a time is decided on what the others left.
    lock_territory(db, territory_id=territory_id)
    _check_wallets(db, territory_id=territory_id, kind=kind, from_wallet_id=from_wallet_id, to_wallet_id=to_wallet_id)
    if kind is MoveKind.MOVE and not _held(db, territory_id=territory_id, wallet_id=from_wallet_id):
        raise WalletEmpty
    around = move_queries.moves_of_wallets(db, territory_id=territory_id, wallet_ids=[from_wallet_id, to_wallet_id])
    if any(move.is_waiting for move in around):
        raise WalletMoveWaiting
    move_id = next_id(db, wallet_moves, territory_id=territory_id)
    db.execute(
        insert(wallet_moves),
        {
            "territory_id": territory_id,
            "id": move_id,
            "kind": kind,
            "from_wallet_id": from_wallet_id,
            "to_wallet_id": to_wallet_id,
            "state": MoveState.PREPARED,
            "prepared_by": actor,
            "prepared_at_ms": instant_ms(now),
        },
    )
    _record(db, "prepare", territory_id=territory_id, move_id=move_id, actor=actor, now=now)
    return move_queries.move_of(db, territory_id=territory_id, move_id=move_id)


def approve_move(db: Connection, *, territory_id: int, move_id: int, actor: str, now: datetime.datetime) -> WalletMove:
    """Move what the wallet holds at this instant, and for a merge end its cards and close it.

    The database too refuses that it be who prepared it.

    Refuses: wallet_move_unknown, wallet_move_ended, maker_is_checker, household_erased, wallet_closed, wallet_empty,
    and what the journal refuses.
    """
    # The posting lock first, as every posting does: what the purses hold cannot change any more.
    lock_territory(db, territory_id=territory_id)
    move = _waiting(db, territory_id=territory_id, move_id=move_id)
    if move.prepared_by == actor:
        raise MakerIsChecker
    _check_wallets(
        db,
        territory_id=territory_id,
        kind=move.kind,
        from_wallet_id=move.from_wallet_id,
        to_wallet_id=move.to_wallet_id,
    )
    held = _held(db, territory_id=territory_id, wallet_id=move.from_wallet_id)
    if move.kind is MoveKind.MOVE and not held:
        raise WalletEmpty
    posted = _post(db, move, held, territory_id=territory_id, actor=actor, now=now) if held else None
    if move.kind is MoveKind.MERGE:
        _close(db, territory_id=territory_id, wallet_id=move.from_wallet_id, actor=actor, now=now)
    _end(
        db,
        territory_id=territory_id,
        move_id=move_id,
        state=MoveState.POSTED,
        approved_by=actor,
        ended_at_ms=instant_ms(now),
        entry_id=None if posted is None else posted.entry.entry_id,
    )
    amount_cents = 0 if posted is None else posted.entry.amount_cents
    _record(db, "approve", territory_id=territory_id, move_id=move_id, actor=actor, now=now, amount_cents=amount_cents)
    return move_queries.move_of(db, territory_id=territory_id, move_id=move_id)


def cancel_move(db: Connection, *, territory_id: int, move_id: int, actor: str, now: datetime.datetime) -> WalletMove:
    """Give up a move that waits; anybody who may prepare one may. Refuses wallet_move_unknown, wallet_move_ended."""
    _waiting(db, territory_id=territory_id, move_id=move_id)
    _end(db, territory_id=territory_id, move_id=move_id, state=MoveState.CANCELLED, ended_at_ms=instant_ms(now))
    _record(db, "cancel", territory_id=territory_id, move_id=move_id, actor=actor, now=now)
    return move_queries.move_of(db, territory_id=territory_id, move_id=move_id)


def _post(
    db: Connection,
    move: WalletMove,
    held: Sequence[PurseBalance],
    *,
    territory_id: int,
    actor: str,
    now: datetime.datetime,
) -> Posted:
    """Post one entry: each purse that holds something, to the purse of the same programme and last day."""
    draws = []
    for purse in held:
        targets = open_purses(
            db,
            territory_id=territory_id,
            programme_id=purse.programme_id,
            expires_on=purse.expires_on,
            wallet_ids=[move.to_wallet_id],
            now_ms=instant_ms(now),
        )
        draws.append(Draw((purse.account_id,), targets[move.to_wallet_id], purse.balance_cents))
    posting = Posting(
        territory_id=territory_id,
        caller=actor,
        idempotency_key=f"wallet-move:{move.move_id}",
        request_digest=request_digest(move_id=move.move_id),
        kind=EntryKind.WALLET_MOVE,
        draws=tuple(draws),
        happened_at_ms=instant_ms(now),
        reference=f"M{move.move_id}",
    )
    return post(db, posting, recorded_at_ms=instant_ms(now))


def _held(db: Connection, *, territory_id: int, wallet_id: int) -> list[PurseBalance]:
    purses = purses_of(db, territory_id=territory_id, wallet_id=wallet_id)
    return [purse for purse in purses if purse.balance_cents > 0]


def _check_wallets(
    db: Connection, *, territory_id: int, kind: MoveKind, from_wallet_id: int, to_wallet_id: int
) -> None:
    source = queries.wallet_of(db, territory_id=territory_id, wallet_id=from_wallet_id)
    target = queries.wallet_of(db, territory_id=territory_id, wallet_id=to_wallet_id)
    for wallet in (source, target):
        if queries.erasure_of(db, territory_id=territory_id, household_id=wallet.household_id) is not None:
            raise HouseholdErased
    if target.closed_at_ms is not None:
        raise WalletClosed(wallet_id=to_wallet_id)
    if kind is MoveKind.MERGE and source.closed_at_ms is not None:
        raise WalletClosed(wallet_id=from_wallet_id)


def _close(db: Connection, *, territory_id: int, wallet_id: int, actor: str, now: datetime.datetime) -> None:
    """End the cards of a wallet and close it: a card's secret belongs to one wallet, so it cannot follow the money."""
    active = queries.active_cards(db, territory_id=territory_id, wallet_ids=[wallet_id])
    for card in active.values():
        block_card(db, territory_id=territory_id, card_id=card.card_id, actor=actor, now=now, reason="merged")
    db.execute(
        update(wallets)
        .where(wallets.c.territory_id == territory_id, wallets.c.id == wallet_id)
        .values(closed_at_ms=instant_ms(now))
    )
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="wallet.close", target=f"wallet:{wallet_id}"
    )


def _waiting(db: Connection, *, territory_id: int, move_id: int) -> WalletMove:
    move = move_queries.move_of(db, territory_id=territory_id, move_id=move_id, lock=True)
    if move.state is not MoveState.PREPARED:
        raise WalletMoveEnded(move_id=move_id)
    return move


def _end(db: Connection, *, territory_id: int, move_id: int, **values: object) -> None:
    db.execute(
        update(wallet_moves)
        .where(wallet_moves.c.territory_id == territory_id, wallet_moves.c.id == move_id)
        .values(**values)
    )


def _record(
    db: Connection,
    step: str,
    *,
    territory_id: int,
    move_id: int,
    actor: str,
    now: datetime.datetime,
    **detail: int,
) -> None:
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"wallet-move.{step}",
        target=f"wallet-move:{move_id}",
        detail=detail,
    )
