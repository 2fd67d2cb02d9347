"""Proposals are deterministic, add up, and are made only when one thing alone fits."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.reconciliation.differences.model import Facts
from monnaie_locale.reconciliation.differences.proposals import GROUP_MAX, propose
from monnaie_locale.reconciliation.model import Resolution
from tests.unit.monnaie_locale.reconciliation.differences.test_rules import NOTHING, october, part, transfer


def facts(amounts: list[int], debits: list[int]) -> Facts:
    return replace(
        NOTHING,
        transfers=tuple(
            transfer(1, end_to_end_id=f"VILLE1-P00001-{number:04d}", amount_cents=cents, ordered_entry_id=number)
            for number, cents in enumerate(amounts, start=1)
        ),
        parts=tuple(part(-cents, line=number) for number, cents in enumerate(debits, start=1)),
    )


def test_a_sum_that_two_groups_make_is_proposed_to_nobody() -> None:
    assert propose(facts([100, 200, 300, 400], [500])) == ()


def test_a_sum_that_one_group_makes_is_proposed() -> None:
    (proposal,) = propose(facts([101, 207, 311, 419], [518]))

    assert proposal.rule == "only_sum"
    assert [item.amount_cents for item in proposal.items] == [207, 311]


def test_too_many_to_try_is_proposed_to_nobody() -> None:
    amounts = [1_000 + 2**number for number in range(GROUP_MAX + 1)]

    assert propose(facts(amounts, [amounts[0] + amounts[1]])) == ()
    assert propose(facts(amounts[:-1], [amounts[0] + amounts[1]])) != ()


def test_two_lines_of_one_amount_are_not_told_apart() -> None:
    assert propose(facts([700], [700, 700])) == ()
    assert propose(facts([700, 700], [700])) == ()
    assert len(propose(facts([700], [700]))) == 1


def test_a_line_a_week_away_is_another() -> None:
    far = facts([700], [700])

    assert propose(replace(far, parts=(replace(far.parts[0], booked_on=october(18)),))) == ()


def test_a_transfer_and_a_small_fee_are_proposed_as_two() -> None:
    named = replace(facts([700], []), parts=(part(-750, text="VIR VILLE1-P00001-0001"),))

    (proposal,) = propose(named)

    assert [(item.kind, item.amount_cents) for item in proposal.items] == [
        (Resolution.PAYOUT_SETTLED, 700),
        (Resolution.BANK_CHARGE, 50),
    ]


@given(
    amounts=st.lists(st.integers(1, 40), max_size=6),
    debits=st.lists(st.integers(1, 80), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_whatever_the_amounts_a_proposal_adds_up_uses_nothing_twice_and_does_not_depend_on_the_order(
    amounts: list[int], debits: list[int], order: object
) -> None:
    given_facts = facts(amounts, debits)
    proposals = propose(given_facts)

    for proposal in proposals:
        assert sum(item.amount_cents for item in proposal.items) == -sum(s.amount_cents for s in proposal.shares)
    lines = [subject for proposal in proposals for subject in proposal.subjects]
    references = [item.reference for proposal in proposals for item in proposal.items if item.reference]
    assert len(lines) == len(set(lines))
    assert len(references) == len(set(references))
    parts, transfers = list(given_facts.parts), list(given_facts.transfers)
    order.shuffle(parts)  # type: ignore[attr-defined]
    order.shuffle(transfers)  # type: ignore[attr-defined]
    shuffled = propose(replace(given_facts, parts=tuple(parts), transfers=tuple(transfers)))
    assert {each.subjects for each in shuffled} == {each.subjects for each in proposals}
