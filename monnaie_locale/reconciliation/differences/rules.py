"""Find what does not agree: facts in, differences out, one rule for each thing looked for. Pure.

A rule finds one thing, exactly: the entry or the bank line it is about, and its amount. What is only a look-alike (two
real purchases, a fee equal to a payout, a return paid again) is told apart by what it names, never by a total.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from monnaie_locale.reconciliation.differences import reserve_rules, till_rules, transfer_rules
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceState, Facts

Rule = Callable[[Facts], Iterator[Difference]]
RULES: tuple[Rule, ...] = (
    transfer_rules.payouts_in_transit,
    transfer_rules.statement_entries_missing,
    transfer_rules.payouts_returned,
    transfer_rules.returns_unmatched,
    transfer_rules.payouts_doubled,
    transfer_rules.payouts_of_another_amount,
    transfer_rules.payouts_rejected_and_debited,
    transfer_rules.ibans_changed,
    reserve_rules.bank_charges,
    reserve_rules.fundings_late,
    reserve_rules.fundings_of_another_amount,
    reserve_rules.fundings_repeated,
    reserve_rules.credits_unknown,
    reserve_rules.debits_unknown,
    till_rules.double_scans,
    till_rules.expired_purses_charged,
    till_rules.refunds_above_charge,
    reserve_rules.statements_repeated,
    reserve_rules.reserve_short,
)


def find(facts: Facts, rules: Sequence[Rule] | None = None) -> list[Difference]:
    """Return the differences, the oldest first; errors that cancel are two differences that name one another.

    Args:
        facts: as of the last day of a month.
        rules: those to apply; all of them by default.

    """
    found = [each for rule in (RULES if rules is None else rules) for each in rule(facts)]
    found.sort(key=lambda each: (each.happened_on, each.kind, each.subject))
    return _naming_what_cancels(found)


def _naming_what_cancels(found: list[Difference]) -> list[Difference]:
    """Let open differences that make nothing together name one another: no total shows them."""
    alone: dict[int, list[int]] = defaultdict(list)
    partner: dict[int, int] = {}
    for place, each in enumerate(found):
        if each.state is not DifferenceState.OPEN or not each.gap_cents:
            continue
        waiting = alone[-each.gap_cents]
        if waiting:
            partner[place] = waiting.pop(0)
            partner[partner[place]] = place
        else:
            alone[each.gap_cents].append(place)
    return [
        replace(each, cancels_with=found[partner[place]].subject) if place in partner else each
        for place, each in enumerate(found)
    ]
