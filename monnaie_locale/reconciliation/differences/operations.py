"""Accept what is proposed, carry a difference over a month's end with a reason, note a statement that was refused."""

import datetime
import hashlib

from sqlalchemy import Connection, Engine, insert

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.reconciliation.decision_queries import decision_of, refusal_digests, refused_statements_of
from monnaie_locale.reconciliation.decisions import By, decide, record
from monnaie_locale.reconciliation.differences.facts import facts_of
from monnaie_locale.reconciliation.differences.model import DifferenceState
from monnaie_locale.reconciliation.differences.proposals import propose
from monnaie_locale.reconciliation.differences.queries import differences
from monnaie_locale.reconciliation.errors import (
    DifferenceUnknown,
    ProposalGone,
    StatementAlreadyImported,
    StatementDoesNotAddUp,
    StatementDoesNotFollow,
    StatementRepeated,
)
from monnaie_locale.reconciliation.model import Decision, DecisionKind, ImportReport
from monnaie_locale.reconciliation.operations import import_statement
from monnaie_locale.reconciliation.tables import refused_statements

# What a refused statement says about the bank's account itself; the other refusals are about the file.
NOTED = (StatementAlreadyImported, StatementRepeated, StatementDoesNotAddUp, StatementDoesNotFollow)


def accept_proposal(db: Connection, *, by: By, month: Month, key: str) -> Decision:
    """Decide what was proposed, if it still is; the reason of the proposal is noted when no other is given.

    Refuses, in this order: proposal_gone, then as `decisions.decide`.
    """
    lock_territory(db, territory_id=by.territory_id)
    facts = facts_of(db, territory_id=by.territory_id, month=month)
    for proposal in propose(facts):
        if proposal.key == key:
            noted = By(territory_id=by.territory_id, actor=by.actor, note=by.note or proposal.why_fr, now=by.now)
            return decide(db, by=noted, shares=proposal.shares, items=proposal.items)
    raise ProposalGone


def carry(db: Connection, *, by: By, month: Month, key: str) -> Decision:
    """Carry an open difference over the end of its month, with a reason; the month after, it is open again.

    Refuses, in this order: difference_unknown (there is none, or it is not open), decision_period_closed.
    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    open_keys = {each.key for each in differences(db, territory_id, month) if each.state is DifferenceState.OPEN}
    if key not in open_keys or not by.note.strip():
        raise DifferenceUnknown
    number = record(db, by=by, kind=DecisionKind.CARRY, period=month, subject=key)
    return decision_of(db, territory_id=territory_id, decision_id=number)


def import_noting_refusals(
    engine: Engine,
    *,
    territory_id: int,
    content: bytes,
    actor: str,
    now: datetime.datetime,
    accepts_gap: bool = False,
) -> ImportReport:
    """Import a statement; when it repeats another or lacks something, note that, then refuse as `import_statement`."""
    try:
        return transact(
            engine,
            import_statement,
            territory_id=territory_id,
            content=content,
            actor=actor,
            now=now,
            accepts_gap=accepts_gap,
        )
    except NOTED as refusal:
        transact(
            engine,
            note_refusal,
            territory_id=territory_id,
            content=content,
            refusal=refusal,
            actor=actor,
            now=now,
        )
        raise


def note_refusal(
    db: Connection, *, territory_id: int, content: bytes, refusal: Refusal, actor: str, now: datetime.datetime
) -> None:
    """Note that a file was refused and by how much it does not add up; the same file and reason once."""
    lock_territory(db, territory_id=territory_id)
    digest = hashlib.sha256(content).digest()
    known = refused_statements_of(db, territory_id=territory_id)
    if any(each.file_digest == digest and each.code == refusal.code for each in known):
        return
    number = next_id(db, refused_statements, territory_id=territory_id)
    values = {
        "territory_id": territory_id,
        "id": number,
        "file_digest": digest,
        "code": refusal.code,
        "sentence_fr": refusal.sentence(),
        "gap_cents": _gap_cents(refusal),
        "refused_by": actor,
        "refused_at_ms": instant_ms(now),
    }
    db.execute(insert(refused_statements), values)
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="statement.refuse",
        target=f"refusal:{number}",
        detail={"code": refusal.code, "sha256": refusal_digests(db, territory_id=territory_id)[number]},
    )


def _gap_cents(refusal: Refusal) -> int:
    """Return what the balances have more than the lines, or the opening more than the closing before."""
    known = {name: value for name, value in refusal.details.items() if isinstance(value, int)}
    if "difference_cents" in known:
        return known["difference_cents"]
    return known.get("opening_cents", 0) - known.get("previous_closing_cents", known.get("opening_cents", 0))
