"""Live a world from a seed, look for its differences, and grade what was found: exact kind, subject, amount, state."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.differences.facts import facts_of
from monnaie_locale.reconciliation.differences.model import Difference, Facts
from monnaie_locale.reconciliation.differences.operations import accept_proposal
from monnaie_locale.reconciliation.differences.proposals import Proposal, ProposalRule, propose
from monnaie_locale.reconciliation.differences.rules import Rule, find
from tests.factories.ledger import TERRITORY_ID
from tests.factories.month import MAKER
from tests.worlds.faults import FAULTS, Fault
from tests.worlds.living import Expected, ExpectedProposal, Life, live
from tests.worlds.lookalikes import EXCLUSIVE, LOOKALIKES
from tests.worlds.town import SHOPS, Town

OCTOBER = Month(2026, 10)
# How many shops of its own each event takes, when not one; the others take none.
SHOPS_TAKEN = {
    "return_of_nothing": 0, "bank_fee": 0, "unusual_fee": 0, "funding_late": 0, "funding_of_another_amount": 0,
    "funding_repeated": 0, "line_dropped": 0, "statement_twice": 0, "statement_renamed": 0,
    "strangers_that_cancel": 0, "unknown_credit": 0, "unknown_debit": 0, "fee_made_good": 0, "funding_in_two": 0,
    "funding_without_reference": 0, "amounts_that_cancel": 2, "next_door": 2, "two_shops_of_one_amount": 2,
    "one_line_for_all": 2, "one_line_for_two": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Grade:
    """What was missed and what was found that is not there; both empty when it is perfect."""

    missed: tuple[object, ...]
    false_alarms: tuple[object, ...]

    @property
    def is_perfect(self) -> bool:
        return not self.missed and not self.false_alarms


@dataclass(frozen=True)
class Lived:
    """A world whose month is over: its facts, and the truth apart from them."""

    seed: int
    names: tuple[str, ...]
    facts: Facts
    truth: tuple[Expected, ...]
    # Before the accountant accepted anything, and what was to be proposed then.
    waiting: Facts
    expected: tuple[ExpectedProposal, ...]

    def grade_proposals(self, rules: Sequence[ProposalRule] | None = None) -> Grade:
        """Grade what is proposed: the lines and what they are, to the cent."""
        return compared(
            [(each.subjects, each.items) for each in self.expected],
            [(each.subjects, each.items) for each in propose(self.waiting, rules)],
        )

    def grade(self, rules: Sequence[Rule] | None = None) -> Grade:
        """Grade what the rules find."""
        return compared(self.truth, [as_expected(each) for each in find(self.facts, rules)])


def as_expected(difference: Difference) -> Expected:
    """Return what is graded of a difference."""
    return Expected(
        difference.kind, difference.subject, difference.amount_cents, difference.state, difference.cancels_with
    )


def compared(truth: Sequence[object], found: Sequence[object]) -> Grade:
    """Grade a list against the truth, whatever their order; one found twice is a false alarm."""
    there, seen = Counter(truth), Counter(found)
    return Grade(tuple((there - seen).elements()), tuple((seen - there).elements()))


def drawn(rng: random.Random, first: Sequence[Fault], others: Sequence[Fault], count: int) -> list[Fault]:
    """Return the events of a world: those that must be there, then others that go with them, up to so many."""
    chosen: list[Fault] = []
    for each in (*first, *rng.sample(list(others), len(others))):
        names = {one.__name__ for one in chosen}
        is_alone = not any(each.__name__ in group and names & group for group in EXCLUSIVE)
        taken = sum(SHOPS_TAKEN.get(one.__name__, 1) for one in (*chosen, each))
        if is_alone and taken < SHOPS - 1 and (each in first or len(chosen) < count) and each not in chosen:
            chosen.append(each)
    return chosen


def lived(engine: Engine, town: Town, seed: int, *, is_clean: bool = False, must: Sequence[Fault] = ()) -> Lived:
    """Live the world of a seed: a few faults among look-alikes, or look-alikes alone; those of `must` are there."""
    rng = random.Random(seed)
    first = list(must) if is_clean else drawn(rng, must, FAULTS, rng.randint(4, 7))
    events = drawn(rng, first, LOOKALIKES, len(first) + rng.randint(3, 6))
    with writing(engine) as (writer, clock):
        life = Life(engine, town, rng, writer)
        clock.append(life)
        for event in events:
            life.names.append(event.__name__)
            event(life)
        live(life)
    waiting, expected = _accept(life)
    with reading(engine) as db:
        facts = facts_of(db, territory_id=TERRITORY_ID, month=OCTOBER)
    truth = tuple(each() for each in life.truth)
    return Lived(seed, tuple(life.names), facts, truth, waiting, expected)


@contextmanager
def writing(engine: Engine) -> Iterator[tuple[Writer, list[Life]]]:
    """Give the writer of a world, whose clock is the world's."""
    clock: list[Life] = []
    writer = Writer(engine, clock_ms=lambda: instant_ms(clock[0].now))
    try:
        yield writer, clock
    finally:
        writer.stop()


def _accept(life: Life) -> tuple[Facts, tuple[ExpectedProposal, ...]]:
    """Let the accountant accept what is right; return the facts as they were before, and what was to be proposed."""
    with reading(life.engine) as db:
        waiting = facts_of(db, territory_id=TERRITORY_ID, month=OCTOBER)
    expected = tuple(each() for each in life.proposals)
    by = By(territory_id=TERRITORY_ID, actor=MAKER, note="", now=life.now)
    for proposal in propose(waiting):
        if _is_right(proposal, expected):
            transact(life.engine, accept_proposal, by=by, month=OCTOBER, key=proposal.key)
    return waiting, expected


def _is_right(proposal: Proposal, expected: Sequence[ExpectedProposal]) -> bool:
    return any(each.is_right and each.subjects == proposal.subjects for each in expected)
