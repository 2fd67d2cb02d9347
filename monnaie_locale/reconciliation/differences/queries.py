"""The differences of a month with their state, and what is proposed: what the close and the pages ask."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.differences.facts import carried_in, facts_of
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceState, Facts
from monnaie_locale.reconciliation.differences.proposals import Proposal, propose
from monnaie_locale.reconciliation.differences.rules import Rule, find


def differences(
    db: Connection,
    territory_id: int,
    month: Month,
    *,
    as_of_ms: int | None = None,
    rules: Sequence[Rule] | None = None,
) -> list[Difference]:
    """Return what does not agree at the end of a month, the oldest first, each with its state.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month at whose end one looks.
        as_of_ms: what people had decided by then, milliseconds UTC: for a month closed earlier.
        rules: what is looked for; everything by default.

    """
    facts = facts_of(db, territory_id=territory_id, month=month, as_of_ms=as_of_ms)
    return with_reasons(db, territory_id, facts, find(facts, rules))


def with_reasons(db: Connection, territory_id: int, facts: Facts, found: list[Difference]) -> list[Difference]:
    """Return the differences, those that a person carries over the month's end with their reason."""
    carried = carried_in(db, territory_id=territory_id, month=facts.month)
    return [
        replace(each, state=DifferenceState.CARRIED, decision_id=carried[each.key][0], reason=carried[each.key][1])
        if each.state is DifferenceState.OPEN and each.key in carried
        else each
        for each in found
    ]


def differences_and_proposals(
    db: Connection, territory_id: int, month: Month
) -> tuple[list[Difference], tuple[Proposal, ...]]:
    """Return the differences of a month and what is proposed for its waiting lines, on one reading of the facts."""
    facts = facts_of(db, territory_id=territory_id, month=month)
    return with_reasons(db, territory_id, facts, find(facts)), propose(facts)
