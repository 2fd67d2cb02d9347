"""The offline guarantee of a programme: money set aside for what a shop took offline and no purse pays any more.

It comes out of the programme's own funds and goes back there; nobody moves it alone, as nobody distributes alone.
"""

import datetime

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Owner, lock_territory, open_accounts
from monnaie_locale.journal.post import post
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.programmes import guarantee_queries, queries
from monnaie_locale.programmes.errors import GuaranteeMoveEnded, GuaranteeMoveUnfunded, MakerIsChecker, ProgrammeClosed
from monnaie_locale.programmes.model import GuaranteeMove, GuaranteeMoveKind, GuaranteeMoveState
from monnaie_locale.programmes.tables import guarantee_moves

NO_DISTRIBUTION = 0


def prepare_guarantee_move(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    kind: GuaranteeMoveKind,
    amount_cents: int,
    actor: str,
    now: datetime.datetime,
) -> GuaranteeMove:
    """Write down that money is to go into the guarantee, or back; nothing moves before somebody else approves.

    Args:
        db: the transaction.
        territory_id: whose books.
        programme_id: under which programme; a closed one may still take back.
        kind: FUND or RETURN.
        amount_cents: how much.
        actor: who prepares it, "staff:3"; may not approve it.
        now: aware UTC.

    Refuses: amount_not_positive, amount_too_large, programme_unknown, programme_closed, guarantee_move_unfunded.

    """
    check_amount(amount_cents)
    _check(db, territory_id=territory_id, programme_id=programme_id, kind=kind, amount_cents=amount_cents)
    move_id = next_id(db, guarantee_moves, territory_id=territory_id)
    db.execute(
        insert(guarantee_moves),
        {
            "territory_id": territory_id,
            "id": move_id,
            "programme_id": programme_id,
            "kind": kind,
            "amount_cents": amount_cents,
            "state": GuaranteeMoveState.PREPARED,
            "prepared_by": actor,
            "prepared_at_ms": instant_ms(now),
        },
    )
    _record(db, "prepare", territory_id=territory_id, move_id=move_id, actor=actor, now=now)
    return guarantee_queries.guarantee_move_of(db, territory_id=territory_id, move_id=move_id)


def approve_guarantee_move(
    db: Connection, *, territory_id: int, move_id: int, actor: str, now: datetime.datetime
) -> GuaranteeMove:
    """Move the money; the database too refuses that it be who prepared it.

    Refuses: guarantee_move_unknown, guarantee_move_ended, maker_is_checker, programme_closed, guarantee_move_unfunded,
    and what the journal refuses (issue_exceeds_reserve: what is set aside is owed, as what is distributed).
    """
    # The posting lock first, as every posting does: what the funds and the guarantee hold cannot change any more.
    lock_territory(db, territory_id=territory_id)
    move = _waiting(db, territory_id=territory_id, move_id=move_id)
    if move.prepared_by == actor:
        raise MakerIsChecker
    _check(
        db,
        territory_id=territory_id,
        programme_id=move.programme_id,
        kind=move.kind,
        amount_cents=move.amount_cents,
    )
    posted = _post(db, move, territory_id=territory_id, actor=actor, now=now)
    _end(
        db,
        territory_id=territory_id,
        move_id=move_id,
        state=GuaranteeMoveState.POSTED,
        approved_by=actor,
        ended_at_ms=instant_ms(now),
        entry_id=posted.entry.entry_id,
    )
    _record(db, "approve", territory_id=territory_id, move_id=move_id, actor=actor, now=now)
    return guarantee_queries.guarantee_move_of(db, territory_id=territory_id, move_id=move_id)


def cancel_guarantee_move(
    db: Connection, *, territory_id: int, move_id: int, actor: str, now: datetime.datetime
) -> GuaranteeMove:
    """Give up a move that waits; refuses guarantee_move_unknown, guarantee_move_ended."""
    _waiting(db, territory_id=territory_id, move_id=move_id)
    _end(
        db, territory_id=territory_id, move_id=move_id, state=GuaranteeMoveState.CANCELLED, ended_at_ms=instant_ms(now)
    )
    _record(db, "cancel", territory_id=territory_id, move_id=move_id, actor=actor, now=now)
    return guarantee_queries.guarantee_move_of(db, territory_id=territory_id, move_id=move_id)


def move_digest(move: GuaranteeMove) -> bytes:
    """Return what the entry of a move keeps of it: which one, of which programme, which way, how much."""
    return request_digest(
        move_id=move.move_id,
        programme_id=move.programme_id,
        kind=move.kind.value,
        amount_cents=move.amount_cents,
    )


def _check(db: Connection, *, territory_id: int, programme_id: int, kind: GuaranteeMoveKind, amount_cents: int) -> None:
    """Refuse what the programme may not or cannot move now."""
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    if kind is GuaranteeMoveKind.RETURN:
        available_cents = guarantee_queries.guarantee_of(db, territory_id=territory_id, programme_id=programme_id)
    elif not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    else:
        # What a distribution stopped half way still has to take is not free.
        available_cents = queries.funds_of(
            db, territory_id=territory_id, programme_id=programme_id
        ) - queries.promised_cents(db, territory_id=territory_id, programme_id=programme_id, besides=NO_DISTRIBUTION)
    if amount_cents > available_cents:
        raise GuaranteeMoveUnfunded(available_cents=max(0, available_cents))


def _post(db: Connection, move: GuaranteeMove, *, territory_id: int, actor: str, now: datetime.datetime) -> Posted:
    """Post the entry; the guarantee's account is opened by the first one."""
    funds, guarantee = (
        Owner(kind, move.programme_id) for kind in (AccountKind.PROGRAMME_FUNDS, AccountKind.OFFLINE_GUARANTEE)
    )
    accounts = open_accounts(db, territory_id=territory_id, owners=[funds, guarantee], now_ms=instant_ms(now))
    is_funding = move.kind is GuaranteeMoveKind.FUND
    source, target = (funds, guarantee) if is_funding else (guarantee, funds)
    posting = Posting(
        territory_id=territory_id,
        caller=actor,
        idempotency_key=f"guarantee-move:{move.move_id}",
        request_digest=move_digest(move),
        kind=EntryKind.GUARANTEE_FUNDED if is_funding else EntryKind.GUARANTEE_RETURNED,
        draws=(Draw((accounts[source],), accounts[target], move.amount_cents),),
        happened_at_ms=instant_ms(now),
        reference=f"G{move.move_id}",
    )
    return post(db, posting, recorded_at_ms=instant_ms(now))


def _waiting(db: Connection, *, territory_id: int, move_id: int) -> GuaranteeMove:
    move = guarantee_queries.guarantee_move_of(db, territory_id=territory_id, move_id=move_id, lock=True)
    if not move.is_waiting:
        raise GuaranteeMoveEnded(move_id=move_id)
    return move


def _end(db: Connection, *, territory_id: int, move_id: int, **values: object) -> None:
    db.execute(
        update(guarantee_moves)
        .where(guarantee_moves.c.territory_id == territory_id, guarantee_moves.c.id == move_id)
        .values(**values)
    )


def _record(db: Connection, step: str, *, territory_id: int, move_id: int, actor: str, now: datetime.datetime) -> None:
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"guarantee-move.{step}",
        target=f"guarantee-move:{move_id}",
    )
