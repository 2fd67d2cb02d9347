"""Reopen the last closed month: one person asks with a reason, another approves, and both closes stay for ever."""

import datetime
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, update

from monnaie_locale.closing.documents import are_kept
from monnaie_locale.closing.errors import (
    CloseNotClosed,
    DocumentsNotKept,
    NothingToClose,
    NotTheLastClose,
    ReopeningMakerIsChecker,
    ReopeningNotPrepared,
    ReopeningReasonMissing,
)
from monnaie_locale.closing.model import Close, CloseState, Reopening
from monnaie_locale.closing.queries import close_of, reopening_of
from monnaie_locale.closing.reopening_act import ReopeningFacts, act_of, sha256_of
from monnaie_locale.closing.tables import close_reopenings, closes
from monnaie_locale.identity import audit
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.directory import lock_territory, territory_of
from monnaie_locale.journal.periods import reopen_period
from monnaie_locale.journal.queries import closed_through
from monnaie_locale.journal.sealer import seal
from monnaie_locale.ledger.periods import Month, instant_ms

REASON_LENGTH_MAX = 300


def prepare_reopening(
    db: Connection, *, territory_id: int, close_id: int, reason: str, actor: str, now: datetime.datetime
) -> Reopening:
    """Ask for the last closed month to be reopened; asking again replaces what was asked.

    Args:
        db: a connection in a transaction.
        territory_id: whose books.
        close_id: the close to undo.
        reason: why, in a sentence; it stays in the act.
        actor: who asks, "staff:3".
        now: the present instant, aware.

    Refuses, in this order: close_unknown, close_not_closed, not_the_last_close, reopening_reason_missing.

    """
    lock_territory(db, territory_id=territory_id)
    _last_close(db, territory_id, close_id)
    reason = " ".join(reason.split())[:REASON_LENGTH_MAX]
    if not reason:
        raise ReopeningReasonMissing
    values = {"reason": reason, "prepared_by": actor, "prepared_at_ms": instant_ms(now)}
    if reopening_of(db, territory_id=territory_id, close_id=close_id) is None:
        db.execute(insert(close_reopenings), {"territory_id": territory_id, "close_id": close_id, "act": "", **values})
    else:
        db.execute(update(close_reopenings).where(*_one(territory_id, close_id)).values(**values))
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="reopening.prepare", target=f"reopening:{close_id}"
    )
    return _reopening(db, territory_id, close_id)


def approve_reopening(
    db: Connection,
    *,
    territory_id: int,
    close_id: int,
    actor: str,
    now: datetime.datetime,
    sign: Callable[[bytes], bytes],
    public_key_pem: str,
) -> Reopening:
    """Approve it: seal the log, sign the act, let go of the lock of the month, all or nothing.

    Args:
        db: a connection in a transaction.
        territory_id: whose books.
        close_id: the close to undo.
        actor: who approves, "staff:4"; never the one who asked.
        now: the present instant, aware.
        sign: the installation's signature (Ed25519).
        public_key_pem: the key that checks it.

    Refuses, in this order: close_unknown, close_not_closed, not_the_last_close, reopening_not_prepared,
    reopening_maker_is_checker, documents_not_kept.

    """
    lock_territory(db, territory_id=territory_id)
    close = _last_close(db, territory_id, close_id)
    asked = _asked_by_another(db, territory_id, close_id, actor)
    head = seal(db, territory_id=territory_id, sign=sign, now_ms=instant_ms(now))
    if head is None:
        raise NothingToClose
    said: dict[str, Any] = {"approved_by": actor, "reopened_at": now, "head": head, "public_key_pem": public_key_pem}
    act = act_of(ReopeningFacts(**_agreed(db, territory_id, close, asked), **said), sign=sign)
    _undo(db, territory_id, close, actor=actor, act=act, now_ms=instant_ms(now))
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="reopening.approve",
        target=f"reopening:{close_id}",
        detail={"act": sha256_of(act)},
    )
    seal_audit(db, territory_id=territory_id, sign=sign, now_ms=instant_ms(now))
    return _reopening(db, territory_id, close_id)


def _agreed(db: Connection, territory_id: int, close: Close, asked: Reopening) -> dict[str, Any]:
    """Return what the act says of the close and of what was asked."""
    return {
        "territory_id": territory_id,
        "territory_code": territory_of(db, territory_id=territory_id).code,
        "month": close.month,
        "certificate": close.certificate,
        "reason": asked.reason,
        "prepared_by": asked.prepared_by,
    }


def _asked_by_another(db: Connection, territory_id: int, close_id: int, actor: str) -> Reopening:
    asked = _reopening(db, territory_id, close_id)
    if asked.prepared_by == actor:
        raise ReopeningMakerIsChecker
    if not are_kept(db, territory_id=territory_id, close_id=close_id):
        raise DocumentsNotKept
    return asked


def _undo(db: Connection, territory_id: int, close: Close, *, actor: str, act: str, now_ms: int) -> None:
    """Sign, let go of the lock, mark the close: the database lets each stand on the one before."""
    signed = {"approved_by": actor, "approved_at_ms": now_ms, "act": act}
    db.execute(update(close_reopenings).where(*_one(territory_id, close.close_id)).values(**signed))
    reopen_period(db, territory_id=territory_id, month=close.month, now_ms=now_ms)
    db.execute(
        update(closes)
        .where(closes.c.territory_id == territory_id, closes.c.id == close.close_id)
        .values(state=CloseState.REOPENED.value)
    )


def _last_close(db: Connection, territory_id: int, close_id: int) -> Close:
    close = close_of(db, territory_id=territory_id, close_id=close_id, lock=True)
    if not close.is_closed:
        raise CloseNotClosed(month=close.month.genitive_fr)
    last_day = closed_through(db, territory_id=territory_id)
    if last_day != close.month.last_day:
        last = "aucun" if last_day is None else Month.of(last_day).label_fr
        raise NotTheLastClose(last=last)
    return close


def _reopening(db: Connection, territory_id: int, close_id: int) -> Reopening:
    found = reopening_of(db, territory_id=territory_id, close_id=close_id)
    if found is None:
        raise ReopeningNotPrepared
    return found


def _one(territory_id: int, close_id: int) -> tuple[ColumnElement[bool], ...]:
    return close_reopenings.c.territory_id == territory_id, close_reopenings.c.close_id == close_id
