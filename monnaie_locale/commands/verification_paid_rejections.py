"""Hold what two people said of rejected transfers that the bank paid against the audit trail, decisions and lines."""

import json
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from merchants.payouts.news import lines_named
from merchants.queries import lines_of
from monnaie_locale.identity.model import AuditEvent
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.verify import Finding
from monnaie_locale.reconciliation.decision_queries import decisions_of
from monnaie_locale.reconciliation.model import Decision, PaidRejection, PaidRejectionState, Resolution
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of
from monnaie_locale.reconciliation.paid_rejections import paid_rejection_digest

PREPARED, APPROVED, CANCELLED = (f"paid-rejection.{step}" for step in ("prepare", "approve", "cancel"))
ENDED = {APPROVED: PaidRejectionState.APPROVED, CANCELLED: PaidRejectionState.CANCELLED}


def check_paid_rejections(db: Connection, *, territory_id: int) -> Iterator[Finding]:
    """Each is what was prepared and ends as the trail says; its line is paid by its decision, until that is undone."""
    events = {
        (event.action, event.target): event
        for event in events_of_actions(db, territory_id=territory_id, actions=(PREPARED, *ENDED))
    }
    decisions = {each.decision_id: each for each in decisions_of(db, territory_id=territory_id)}
    for each in paid_rejections_of(db, territory_id=territory_id):
        if not (_is_noted(each, events) and _is_decided(db, territory_id, each, decisions)):
            yield Finding(
                "paid_rejection_differs",
                f"paid-rejection {each.paid_rejection_id}",
                f"Le virement rejeté et payé n° {each.paid_rejection_id} n’est plus celui qui a été préparé, ou son"
                " virement ne suit plus sa décision.",
            )


def _is_noted(each: PaidRejection, events: Mapping[tuple[str, str], AuditEvent]) -> bool:
    """Return whether the trail says the same; who did it is compared beside (`verification_approvals`)."""
    target = f"paid-rejection:{each.paid_rejection_id}"
    prepared = events.get((PREPARED, target))
    # The first version noted no digest.
    wanted = "" if prepared is None else json.loads(prepared.detail or "{}").get("sha256", "")
    ended = [(state, events[action, target].at_ms) for action, state in ENDED.items() if (action, target) in events]
    stored = [] if each.ended_at_ms is None else [(each.state, each.ended_at_ms)]
    return wanted in {"", paid_rejection_digest(each)} and ended == stored


def _is_decided(db: Connection, territory_id: int, each: PaidRejection, decisions: Mapping[int, Decision]) -> bool:
    """Return whether an approved one stands: its decision is about this line, which it pays as long as it stands."""
    if each.decision_id is None:
        return True
    decision = decisions.get(each.decision_id)
    if decision is None:
        return False
    said = [(entry.kind, entry.reference) for entry in decision.entries]
    parts = [(share.bank_statement_id, share.line_no, share.part_no) for share in decision.shares]
    if said != [(Resolution.REJECTION_PAID, each.end_to_end_id)] or parts != [
        (each.bank_statement_id, each.line_no, each.part_no)
    ]:
        return False
    if decision.undone_by_id is not None:
        return True
    payout_id, line_no = lines_named(db, territory_id=territory_id, end_to_end_ids=[each.end_to_end_id]).get(
        each.end_to_end_id, (0, 0)
    )
    lines = lines_of(db, territory_id=territory_id, payout_id=payout_id)
    return [line.settled_entry_id for line in lines if line.line_no == line_no] == [decision.entries[0].entry_id]
