"""Say that the bank paid a transfer which it had rejected: one person prepares it, another approves."""

from sqlalchemy import Connection, Update, insert, update

from merchants.payouts.rejected_payment import mark_rejected_paid, rejected_line
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import request_digest
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX, By, decide_prepared
from monnaie_locale.reconciliation.errors import (
    LineAlreadyResolved,
    LineNotInSuspense,
    PaidRejectionEnded,
    PaidRejectionPending,
    PaidRejectionSamePerson,
    ResolutionImpossible,
)
from monnaie_locale.reconciliation.model import (
    SUSPENSE,
    Item,
    PaidRejection,
    PaidRejectionState,
    Resolution,
    Share,
    StoredMatch,
)
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejection_of, paid_rejections_of
from monnaie_locale.reconciliation.queries import match_of
from monnaie_locale.reconciliation.tables import paid_rejections

# Who prepared it is in the trail beside.
PREPARED_NAMES = ("bank_statement_id", "line_no", "part_no", "end_to_end_id", "note", "prepared_at_ms")


def prepare_paid_rejection(
    db: Connection, *, by: By, bank_statement_id: int, line_no: int, part_no: int = 1, end_to_end_id: str = ""
) -> PaidRejection:
    """Prepare to say that a debit in suspense paid a rejected transfer; nothing is posted.

    Args:
        db: a connection in a transaction.
        by: who prepares, and why: what the bank or the shop said, never a person's name.
        bank_statement_id: of the debit.
        line_no: of the debit.
        part_no: of the debit.
        end_to_end_id: the rejected transfer; "" for the one that the line names in its own field.

    Refuses, in this order: bank_line_unknown, payout_line_unknown, payout_line_not_rejected,
    bank_line_not_in_suspense, bank_line_already_resolved, resolution_impossible (another amount, no reason),
    paid_rejection_pending.

    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    key = {"bank_statement_id": bank_statement_id, "line_no": line_no, "part_no": part_no}
    line = match_of(db, territory_id=territory_id, **key)
    named = (end_to_end_id or line.end_to_end_id).strip().upper()
    _refuse_unfit(line, rejected_line(db, territory_id=territory_id, end_to_end_id=named).amount_cents)
    note = " ".join(by.note.split())[:NOTE_LENGTH_MAX]
    if not note:
        raise ResolutionImpossible(why="il faut dire pourquoi")
    pending = paid_rejections_of(db, territory_id=territory_id, state=PaidRejectionState.PREPARED)
    if any(each.end_to_end_id == named for each in pending):
        raise PaidRejectionPending
    number = next_id(db, paid_rejections, territory_id=territory_id)
    values = {
        "territory_id": territory_id,
        "id": number,
        "end_to_end_id": named,
        "note": note,
        "state": PaidRejectionState.PREPARED.value,
        "prepared_by": by.actor,
        "prepared_at_ms": instant_ms(by.now),
    }
    db.execute(insert(paid_rejections), {**values, **key})
    prepared = paid_rejection_of(db, territory_id=territory_id, paid_rejection_id=number)
    _record(db, by, "prepare", number, sha256=paid_rejection_digest(prepared))
    return prepared


def approve_paid_rejection(db: Connection, *, by: By, paid_rejection_id: int) -> PaidRejection:
    """Decide what somebody else prepared: the debit leaves suspense, the transfer is paid, the shop is owed it no more.

    The decision is undone like any other, by reversals until its month is closed (`decisions.undo`).

    Refuses, in this order: paid_rejection_unknown, paid_rejection_ended, paid_rejection_same_person, then as
    `decisions.decide` and `merchants.payouts.rejected_payment` do.
    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    prepared = _prepared(db, by, paid_rejection_id)
    if prepared.prepared_by == by.actor:
        raise PaidRejectionSamePerson
    key = {
        "bank_statement_id": prepared.bank_statement_id,
        "line_no": prepared.line_no,
        "part_no": prepared.part_no,
    }
    line = match_of(db, territory_id=territory_id, **key)
    decision = decide_prepared(
        db,
        by=By(territory_id=territory_id, actor=by.actor, note=prepared.note, now=by.now),
        shares=[Share(amount_cents=line.waiting_cents, **key)],
        items=[
            Item(
                kind=Resolution.REJECTION_PAID,
                reference=prepared.end_to_end_id,
                amount_cents=abs(line.waiting_cents),
            )
        ],
    )
    ended = {"approved_by": by.actor, "ended_at_ms": instant_ms(by.now), "decision_id": decision.decision_id}
    db.execute(_row(by, paid_rejection_id).values(state=PaidRejectionState.APPROVED.value, **ended))
    (entry,) = decision.entries
    mark_rejected_paid(db, territory_id=territory_id, end_to_end_id=prepared.end_to_end_id, entry_id=entry.entry_id)
    _record(db, by, "approve", paid_rejection_id)
    return paid_rejection_of(db, territory_id=territory_id, paid_rejection_id=paid_rejection_id)


def cancel_paid_rejection(db: Connection, *, by: By, paid_rejection_id: int) -> PaidRejection:
    """Give up what nobody approved. Refuses, in this order: paid_rejection_unknown, paid_rejection_ended."""
    lock_territory(db, territory_id=by.territory_id)
    _prepared(db, by, paid_rejection_id)
    db.execute(
        _row(by, paid_rejection_id).values(state=PaidRejectionState.CANCELLED.value, ended_at_ms=instant_ms(by.now))
    )
    _record(db, by, "cancel", paid_rejection_id)
    return paid_rejection_of(db, territory_id=by.territory_id, paid_rejection_id=paid_rejection_id)


def paid_rejection_digest(prepared: PaidRejection) -> str:
    """Return the SHA-256, in hexadecimal, of what was prepared, for the audit trail."""
    said = {name: getattr(prepared, name) for name in PREPARED_NAMES}
    return request_digest(**said).hex()


def _refuse_unfit(line: StoredMatch, amount_cents: int) -> None:
    """Refuse a line that does not wait, or waits for another amount: the bank's fee is shared out of it first."""
    if line.kind not in SUSPENSE and not line.is_taken_back:
        raise LineNotInSuspense
    if not line.waiting_cents:
        raise LineAlreadyResolved
    if line.waiting_cents != -amount_cents:
        raise ResolutionImpossible(
            why=f"le virement est de {format_euros(amount_cents)}, la ligne de {format_euros(line.waiting_cents)}"
        )


def _prepared(db: Connection, by: By, paid_rejection_id: int) -> PaidRejection:
    found = paid_rejection_of(db, territory_id=by.territory_id, paid_rejection_id=paid_rejection_id)
    if found.state is not PaidRejectionState.PREPARED:
        raise PaidRejectionEnded
    return found


def _row(by: By, paid_rejection_id: int) -> Update:
    columns = paid_rejections.c
    return update(paid_rejections).where(columns.territory_id == by.territory_id, columns.id == paid_rejection_id)


def _record(db: Connection, by: By, step: str, paid_rejection_id: int, **detail: str) -> None:
    audit.record(
        db,
        territory_id=by.territory_id,
        at=by.now,
        actor=by.actor,
        action=f"paid-rejection.{step}",
        target=f"paid-rejection:{paid_rejection_id}",
        detail=detail,
    )
