"""Propose what waiting lines are: by reference first, then by amounts and days. Pure; a person decides.

A rule proposes only what is alone: one solution, in a small group, within a few days. Two that would do make none. The
parts of a proposal always add up to its lines, and the same facts always give the same proposals.
"""

import datetime
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.differences.finding import funding_named, rejected_named, transfer_named
from monnaie_locale.reconciliation.differences.model import Facts, Funding, Part, Transfer
from monnaie_locale.reconciliation.matching import looks_like_charge
from monnaie_locale.reconciliation.model import Item, Resolution, Share

# A bank adds its fee to a transfer, or books it apart: never more than this with the transfer.
FEE_CENTS_MAX = 3_000
# A transfer is debited on its day or within a week; money paid in several times comes within ten days.
DEBITED_WITHIN = datetime.timedelta(days=7)
PAID_WITHIN = datetime.timedelta(days=10)
# What the bank corrects, it corrects within a month.
CORRECTED_WITHIN = datetime.timedelta(days=31)
# All the sums of twelve amounts are 4 096: quick, and few enough to be alone by more than chance.
GROUP_MAX = 12
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """So much of some lines is this; `rule` is how it was found, `why_fr` and `why_en` say it to a person."""

    rule: str
    shares: tuple[Share, ...]
    items: tuple[Item, ...]
    why_fr: str
    why_en: str

    @property
    def key(self) -> str:
        """Return what identifies exactly this proposal: another line, amount or thing makes another key."""
        parts = [
            *(f"{each.bank_statement_id}/{each.line_no}.{each.part_no}:{each.amount_cents}" for each in self.shares),
            *(f"{each.kind}:{each.reference}:{each.amount_cents}" for each in self.items),
        ]
        return sha256("|".join([self.rule, *parts]).encode()).hexdigest()[:16]

    @property
    def subjects(self) -> frozenset[str]:
        """Return its lines as differences name them."""
        return frozenset(f"line:{each.bank_statement_id}/{each.line_no}.{each.part_no}" for each in self.shares)


@dataclass(slots=True)
class _Open:
    """What is not yet proposed while the rules are asked one after another."""

    facts: Facts
    parts: list[Part]
    transfers: list[Transfer]
    fundings: list[Funding]

    def waiting(self, *, is_credit: bool) -> list[Part]:
        return [part for part in self.parts if (part.waiting_cents > 0) == is_credit]

    def nameless(self, *, is_credit: bool) -> list[Part]:
        """Return the lines that name nothing known: only these are matched by their amount."""
        return [
            part
            for part in self.waiting(is_credit=is_credit)
            if not part.is_return and _transfer_of(self.facts, part) is None and funding_named(self.facts, part) is None
        ]

    def take(self, proposal: Proposal, transfers: Iterable[Transfer] = (), fundings: Iterable[Funding] = ()) -> None:
        self.parts = [part for part in self.parts if part.subject not in proposal.subjects]
        gone = {each.end_to_end_id for each in transfers}
        self.transfers = [each for each in self.transfers if each.end_to_end_id not in gone]
        paid = {each.reference for each in fundings}
        self.fundings = [each for each in self.fundings if each.reference not in paid]


ProposalRule = Callable[[_Open], Iterator[Proposal]]


def propose(facts: Facts, rules: Sequence[ProposalRule] | None = None) -> tuple[Proposal, ...]:
    """Return the proposals about the waiting lines of a month, in the order of their rules and of their lines.

    Args:
        facts: as of the last day of the month.
        rules: those to ask, in their order; all of them by default.

    """
    still = _Open(
        facts,
        sorted(
            (part for part in facts.parts if part.waiting_cents),
            key=lambda part: (part.booked_on, part.bank_statement_id, part.line_no, part.part_no),
        ),
        [each for each in facts.transfers if not each.is_debited(facts.day)],
        [each for each in facts.fundings if not each.is_received(facts.day)],
    )
    return tuple(proposal for rule in (RULES if rules is None else rules) for proposal in rule(still))


def _named_fundings(still: _Open) -> Iterator[Proposal]:
    """Credits that carry one reference and make its amount together, in one payment or several."""
    for funding in list(still.fundings):
        parts = [p for p in still.waiting(is_credit=True) if funding_named(still.facts, p) == funding]
        if parts and sum(part.waiting_cents for part in parts) == funding.amount_cents:
            item = Item(kind=Resolution.FUNDING, reference=funding.reference, amount_cents=funding.amount_cents)
            times = "en une fois" if len(parts) == 1 else f"en {len(parts)} fois"
            proposal = _made(
                "same_reference", parts, [item],
                f"Même référence {funding.reference}, montant exact {times}.",
                f"Same reference {funding.reference}, exact amount in {len(parts)} payment(s).",
            )  # fmt: skip
            still.take(proposal, fundings=[funding])
            yield proposal


def _named_transfers(still: _Open) -> Iterator[Proposal]:
    """Debits that carry one transfer's reference and make its amount together, or its amount and a small fee."""
    for transfer in list(still.transfers):
        parts = [p for p in still.waiting(is_credit=False) if transfer_named(still.facts, p) == transfer]
        fee_cents = -sum(part.waiting_cents for part in parts) - transfer.amount_cents
        if not parts or not (fee_cents == 0 or (len(parts) == 1 and 0 < fee_cents <= FEE_CENTS_MAX)):
            continue
        items = [_settled(transfer)]
        why_fr, why_en = f"Même référence {transfer.end_to_end_id}", f"Same reference {transfer.end_to_end_id}"
        if fee_cents:
            items.append(Item(kind=Resolution.BANK_CHARGE, amount_cents=fee_cents))
            why_fr += f", et {format_euros(fee_cents)} de frais de la banque en plus"
            why_en += f", and {format_euros(fee_cents)} of bank charges on top"
        proposal = _made("same_reference", parts, items, f"{why_fr}.", f"{why_en}.")
        still.take(proposal, transfers=[transfer])
        yield proposal


def _named_returns(still: _Open) -> Iterator[Proposal]:
    """A credit of a debited transfer's exact amount that carries its reference: it came back."""
    for part in still.waiting(is_credit=True):
        transfer = transfer_named(still.facts, part)
        if transfer is None or not transfer.is_debited(still.facts.day) or transfer.is_returned(still.facts.day):
            continue
        if transfer.amount_cents == part.waiting_cents and _corrected(still, part, transfer) is None:
            item = Item(
                kind=Resolution.PAYOUT_RETURNED, reference=transfer.end_to_end_id, amount_cents=part.waiting_cents
            )
            reference = transfer.end_to_end_id
            proposal = _made(
                "same_reference", [part], [item],
                f"Porte la référence du virement {reference}, débité pour ce montant : il est revenu.",
                f"Carries the reference of transfer {reference}, debited for this amount: it came back.",
            )  # fmt: skip
            still.take(proposal)
            yield proposal


def _corrections(still: _Open) -> Iterator[Proposal]:
    """A debit too many and the credit that takes it back, of one reference."""
    for credit in still.waiting(is_credit=True):
        transfer = _transfer_of(still.facts, credit)
        debit = None if transfer is None else _corrected(still, credit, transfer)
        if transfer is not None and debit is not None:
            item = Item(kind=Resolution.BANK_CORRECTION, amount_cents=credit.waiting_cents)
            proposal = _made(
                "bank_correction", [debit, credit], [item],
                f"Débit en trop du virement {transfer.end_to_end_id}, et son annulation par la banque.",
                f"One debit too many of transfer {transfer.end_to_end_id}, and the bank's correction of it.",
            )  # fmt: skip
            still.take(proposal)
            yield proposal


def _whole_payouts(still: _Open) -> Iterator[Proposal]:
    """One debit that makes the total of one order, all of its transfers that wait."""
    for part in still.nameless(is_credit=False):
        fitting = [
            group
            for group in _by_payout(still, part).values()
            if sum(each.amount_cents for each in group) == -part.waiting_cents
        ]
        if len(fitting) == 1 and len(fitting[0]) > 1:
            order = fitting[0][0].batch_reference
            proposal = _made(
                "whole_payout", [part], [_settled(each) for each in fitting[0]],
                f"Total exact de l’ordre {order} : {len(fitting[0])} virements en une ligne.",
                f"Exact total of order {order}: {len(fitting[0])} transfers in one line.",
            )  # fmt: skip
            still.take(proposal, transfers=fitting[0])
            yield proposal


def _same_amounts(still: _Open) -> Iterator[Proposal]:
    """The only line of an amount and the only thing that waits for it, within days."""
    counted = Counter(part.waiting_cents for part in still.parts)
    for part in still.nameless(is_credit=False):
        candidates = [each for each in _near(still, part) if each.amount_cents == -part.waiting_cents]
        if len(candidates) == 1 and counted[part.waiting_cents] == 1 and not _is_fee(part):
            reference = candidates[0].end_to_end_id
            proposal = _made(
                "same_amount", [part], [_settled(candidates[0])],
                f"Même montant que le virement {reference}, seul à l’attendre à cette date.",
                f"Same amount as transfer {reference}, the only one due around that day.",
            )  # fmt: skip
            still.take(proposal, transfers=candidates)
            yield proposal
    for part in still.nameless(is_credit=True):
        awaited = [each for each in still.fundings if each.amount_cents == part.waiting_cents]
        if len(awaited) == 1 and counted[part.waiting_cents] == 1 and awaited[0].announced_on <= part.booked_on:
            reference = awaited[0].reference
            item = Item(kind=Resolution.FUNDING, reference=reference, amount_cents=part.waiting_cents)
            proposal = _made(
                "same_amount", [part], [item],
                f"Même montant que le financement {reference}, seul attendu de ce montant.",
                f"Same amount as funding {reference}, the only one expected of it.",
            )  # fmt: skip
            still.take(proposal, fundings=awaited)
            yield proposal


def _sums(still: _Open) -> Iterator[Proposal]:
    """Some transfers of one order in one line, or some credits for one funding, when only one sum does."""
    for part in still.nameless(is_credit=False):
        solutions = [
            subset
            for group in _by_payout(still, part).values()
            for subset in _only_sums([each.amount_cents for each in group], -part.waiting_cents, group)
            if len(subset) < len(group)
        ]
        if len(solutions) == 1:
            order = solutions[0][0].batch_reference
            proposal = _made(
                "only_sum", [part], [_settled(each) for each in solutions[0]],
                f"Seule somme possible : {len(solutions[0])} virements de l’ordre {order}.",
                f"The only sum that does: {len(solutions[0])} transfers of order {order}.",
            )  # fmt: skip
            still.take(proposal, transfers=solutions[0])
            yield proposal
    for funding in list(still.fundings):
        near = [part for part in still.nameless(is_credit=True) if part.booked_on >= funding.announced_on]
        found = [
            subset
            for subset in _only_sums([part.waiting_cents for part in near], funding.amount_cents, near)
            if max(part.booked_on for part in subset) - min(part.booked_on for part in subset) <= PAID_WITHIN
        ]
        if len(found) == 1:
            item = Item(kind=Resolution.FUNDING, reference=funding.reference, amount_cents=funding.amount_cents)
            proposal = _made(
                "only_sum", found[0], [item],
                f"Seule somme possible : {len(found[0])} versements font le financement {funding.reference}.",
                f"The only sum that does: {len(found[0])} payments make funding {funding.reference}.",
            )  # fmt: skip
            still.take(proposal, fundings=[funding])
            yield proposal


def _fees(still: _Open) -> Iterator[Proposal]:
    """A debit that the bank says, or whose words say, is charges."""
    for part in still.nameless(is_credit=False):
        if _is_fee(part):
            item = Item(kind=Resolution.BANK_CHARGE, amount_cents=-part.waiting_cents)
            proposal = _made(
                "bank_charge", [part], [item],
                "Le code ou le libellé de la banque dit des frais.",
                "The bank's code or its words say charges.",
            )  # fmt: skip
            still.take(proposal)
            yield proposal


RULES: tuple[ProposalRule, ...] = (
    _named_fundings, _named_transfers, _corrections, _named_returns, _whole_payouts, _same_amounts, _sums, _fees,
)  # fmt: skip


def _made(rule: str, parts: Sequence[Part], items: Sequence[Item], why_fr: str, why_en: str) -> Proposal:
    shares = tuple(
        Share(
            bank_statement_id=part.bank_statement_id,
            line_no=part.line_no,
            part_no=part.part_no,
            amount_cents=part.waiting_cents,
        )
        for part in parts
    )
    return Proposal(rule=rule, shares=shares, items=tuple(items), why_fr=why_fr, why_en=why_en)


def _settled(transfer: Transfer) -> Item:
    return Item(kind=Resolution.PAYOUT_SETTLED, reference=transfer.end_to_end_id, amount_cents=transfer.amount_cents)


def _transfer_of(facts: Facts, part: Part) -> Transfer | None:
    """Return the transfer that a line names, also one that the bank rejected."""
    return transfer_named(facts, part) or rejected_named(facts, part)


def _corrected(still: _Open, credit: Part, transfer: Transfer) -> Part | None:
    """Return the one debit of the same transfer and amount that a credit takes back."""
    debits = [
        part
        for part in still.waiting(is_credit=False)
        if part.waiting_cents == -credit.waiting_cents
        and _transfer_of(still.facts, part) == transfer
        and datetime.timedelta() <= credit.booked_on - part.booked_on <= CORRECTED_WITHIN
    ]
    return debits[0] if len(debits) == 1 else None


def _near(still: _Open, part: Part) -> list[Transfer]:
    """Return the transfers that a line of this day may have debited."""
    return [
        each
        for each in still.transfers
        if datetime.timedelta() <= part.booked_on - each.ordered_on
        and abs(part.booked_on - each.execution_on) <= DEBITED_WITHIN
    ]


def _by_payout(still: _Open, part: Part) -> dict[int, list[Transfer]]:
    groups: dict[int, list[Transfer]] = defaultdict(list)
    for transfer in _near(still, part):
        groups[transfer.payout_id].append(transfer)
    return groups


def _only_sums(amounts: Sequence[int], total_cents: int, things: Sequence[T]) -> list[list[T]]:
    """Return the groups of two things or more that make a total; none when the things are too many to try."""
    if len(things) > GROUP_MAX:
        return []
    return [
        [things[place] for place in chosen]
        for size in range(2, len(things) + 1)
        for chosen in itertools.combinations(range(len(things)), size)
        if sum(amounts[place] for place in chosen) == total_cents
    ]


def _is_fee(part: Part) -> bool:
    # The bank's own words: the import's reason, which `text` holds too, speaks of charges itself.
    return looks_like_charge(part.bank_code, "" if part.end_to_end_id else part.label)
