"""The differences of a month with their state, and what is proposed: what the close and the pages ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from monnaie_locale.journal.periods import closed_at_ms
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.decision_queries import decisions_of
from monnaie_locale.reconciliation.differences.facts import facts_of
from monnaie_locale.reconciliation.differences.four_matches import TwoSides, four_matches
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceState, Facts, Part, Tills
from monnaie_locale.reconciliation.differences.proposals import Proposal, propose
from monnaie_locale.reconciliation.differences.rules import Rule, find
from monnaie_locale.reconciliation.model import Decision, DecisionKind, PaidRejection, PaidRejectionState
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthView:
    """What a person sees of a month: its four matches, its differences, what is proposed, what was decided.

    `parts` are the waiting bank lines by the subject of their difference; nothing is proposed once it is closed.
    `paid_rejections` are the decisions of two people that wait for the second one.
    """

    month: Month
    is_closed: bool
    matches: tuple[TwoSides, ...]
    differences: tuple[Difference, ...]
    proposals: tuple[Proposal, ...]
    decisions: tuple[Decision, ...]
    parts: Mapping[str, Part]
    paid_rejections: tuple[PaidRejection, ...] = ()

    def prepared_for(self, subject: str) -> PaidRejection | None:
        """Return what somebody prepared about a difference's bank line, if anything waits."""
        return next((each for each in self.paid_rejections if each.subject == subject), None)

    def proposal_for(self, subject: str) -> Proposal | None:
        """Return what is proposed about a difference's bank line, if anything."""
        return next((each for each in self.proposals if subject in each.subjects), None)


def differences(
    db: Connection,
    territory_id: int,
    month: Month,
    *,
    as_of_ms: int | None = None,
    rules: Sequence[Rule] | None = None,
    tills: Tills | None = None,
) -> list[Difference]:
    """Return what does not agree at the end of a month, the oldest first, each with its state.

    A closed month is seen as at its close: what was decided, imported or refused since does not change it.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month at whose end one looks.
        as_of_ms: as at an earlier instant, milliseconds UTC; by default the close, or now.
        rules: what is looked for; everything by default.
        tills: the month's charges and refunds, when they were read before a lock; None reads them here.

    """
    facts = _facts(db, territory_id, month, as_of_ms, tills)
    return _with_reasons(_decisions(db, territory_id, month), find(facts, rules))


def month_view(db: Connection, territory_id: int, month: Month) -> MonthView:
    """Return all that a person needs to settle a month's differences, on one reading of the facts."""
    facts = _facts(db, territory_id, month, None)
    decisions = _decisions(db, territory_id, month)
    is_closed = closed_at_ms(db, territory_id=territory_id, month=month) is not None
    return MonthView(
        month=month,
        is_closed=is_closed,
        matches=four_matches(db, territory_id, month),
        differences=tuple(_with_reasons(decisions, find(facts))),
        proposals=() if is_closed else propose(facts),
        decisions=tuple(decisions),
        parts={part.subject: part for part in facts.parts},
        paid_rejections=()
        if is_closed
        else tuple(paid_rejections_of(db, territory_id=territory_id, state=PaidRejectionState.PREPARED)),
    )


def _facts(db: Connection, territory_id: int, month: Month, as_of_ms: int | None, tills: Tills | None = None) -> Facts:
    as_of_ms = closed_at_ms(db, territory_id=territory_id, month=month) if as_of_ms is None else as_of_ms
    return facts_of(db, territory_id=territory_id, month=month, as_of_ms=as_of_ms, tills=tills)


def _decisions(db: Connection, territory_id: int, month: Month) -> list[Decision]:
    return decisions_of(db, territory_id=territory_id, period_ends_on=month.last_day)


def _with_reasons(decisions: Sequence[Decision], found: list[Difference]) -> list[Difference]:
    """Return the differences, those that a person carries over the month's end with their reason."""
    carried = {
        each.subject: each for each in decisions if each.kind is DecisionKind.CARRY and each.undone_by_id is None
    }
    return [
        replace(
            each,
            state=DifferenceState.CARRIED,
            decision_id=carried[each.key].decision_id,
            reason=carried[each.key].note,
        )
        if each.state is DifferenceState.OPEN and each.key in carried
        else each
        for each in found
    ]
