"""Say what each bank line is in the books: pure, deterministic, and never forced.

A line is matched by a reference *and* its exact amount. Whatever is not sure goes to suspense with the reason, for a
person to resolve: a wrong match hides money, a suspense only waits. The parts of a line always add up to the line.
"""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.model import Detail, Expectation, ExpectationKind, Line, Match, MatchKind
from monnaie_locale.reconciliation.references import mentions, plain

RETURNED_SUBFAMILIES = frozenset({"RRTN", "RPCR"})
CHARGE_SUBFAMILIES = frozenset({"CHRG", "FEES", "COMM", "BRFE"})
# Families of payments made on order: their free text belongs to the payer and says nothing about bank charges.
ORDERED_FAMILIES = frozenset({"ICDT", "IRCT", "IDDT", "RDDT", "ICHQ", "CCRD", "MCRD"})
CHARGE_WORDS = re.compile(r"(?<![A-Z])(FRAIS|COMMISSIONS?)(?![A-Z])")
# Above this, what looks like bank charges is looked at by a person: 500 €.
CHARGE_CENTS_MAX = 50_000
INCOMING = {
    ExpectationKind.FUNDING: (MatchKind.FUNDING, "Financement reconnu par sa référence {reference} et son montant."),
    ExpectationKind.RESERVE_TOP_UP: (
        MatchKind.RESERVE_TOP_UP,
        "Complément de réserve reconnu par sa référence {reference} et son montant.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One payment to explain: a whole line, or one detail of a batch."""

    line_no: int
    part_no: int
    amount_cents: int
    end_to_end_id: str
    remittance: str
    text: str
    bank_code: str
    is_return: bool
    batch_reference: str


@dataclass(slots=True, kw_only=True)
class _Books:
    """What is still expected while the lines are read."""

    incoming: list[Expectation]
    received: list[Expectation] = field(default_factory=list)
    ordered: dict[str, list[Expectation]] = field(default_factory=dict)
    settled: dict[str, list[Expectation]] = field(default_factory=dict)
    charged: list[int] = field(default_factory=list)

    def due_cents(self, expected: Expectation) -> int:
        """Return all that may be paid at once: for a top-up, the charges of the statement too."""
        is_top_up = expected.kind is ExpectationKind.RESERVE_TOP_UP
        return expected.amount_cents + (sum(self.charged) if is_top_up else 0)

    def is_due(self, expected: Expectation, amount_cents: int) -> bool:
        """Return whether an amount is what is expected; a top-up may also cover charges of the statement itself.

        It covers what was to be made good before the statement and the charges that come first on it, never one alone.
        """
        if expected.kind is not ExpectationKind.RESERVE_TOP_UP:
            return expected.amount_cents == amount_cents
        return amount_cents in itertools.accumulate(self.charged, initial=expected.amount_cents)


def match(
    *, lines: Sequence[Line], expectations: Sequence[Expectation], charge_cents_max: int = CHARGE_CENTS_MAX
) -> list[Match]:
    """Return what each line is, in the order of the lines; several parts for a batch.

    Args:
        lines: the booked lines of one statement.
        expectations: funding orders and top-ups not yet received; payouts ordered, settled or not yet.
        charge_cents_max: cents above which a debit that looks like bank charges goes to suspense.

    Refuses nothing: what is unexplained is a suspense_in or suspense_out with its reason in French.
    """
    books = _Books(incoming=[each for each in expectations if each.kind in INCOMING])
    for each in expectations:
        if each.kind is ExpectationKind.PAYOUT and each.end_to_end_id:
            (books.settled if each.is_settled else books.ordered).setdefault(each.end_to_end_id, []).append(each)
    parts = [part for line in lines for part in _parts(line)]
    found: dict[int, list[Match]] = {}
    # Debits first: a transfer and its return may be on one statement, in either order.
    for place in sorted(range(len(parts)), key=lambda place: parts[place].amount_cents >= 0):
        found[place] = _explain(parts[place], books, charge_cents_max)
    return _numbered(each for place in range(len(parts)) for each in found[place])


def _numbered(matches: Iterable[Match]) -> list[Match]:
    """Number the parts of each line from 1: a batch known by its order makes several out of one part."""
    seen: Counter[int] = Counter()
    numbered = []
    for each in matches:
        seen[each.line_no] += 1
        numbered.append(dataclasses.replace(each, part_no=seen[each.line_no]))
    return numbered


def _parts(line: Line) -> Iterator[_Part]:
    """Yield the payments of a line: its details when they say which and add up to it, else the line as a whole."""
    known = [detail.amount_cents for detail in line.details if detail.amount_cents is not None]
    named = line.amount_cents > 0 or any(detail.end_to_end_id for detail in line.details)
    if named and len(known) == len(line.details) > 1 and sum(known) == line.amount_cents:
        for number, (detail, amount_cents) in enumerate(zip(line.details, known, strict=True), start=1):
            yield _part_of_detail(line, detail, number, amount_cents)
        return
    yield _Part(
        line_no=line.line_no,
        part_no=1,
        amount_cents=line.amount_cents,
        end_to_end_id=line.end_to_end_id,
        remittance=line.remittance,
        text=line.label,
        bank_code=line.bank_code,
        is_return=line.is_reversal or bool(line.return_reason) or is_return_code(line.bank_code),
        batch_reference=line.batch_reference,
    )


def _part_of_detail(line: Line, detail: Detail, number: int, amount_cents: int) -> _Part:
    bank_code = detail.bank_code or line.bank_code
    return _Part(
        line_no=line.line_no,
        part_no=number,
        amount_cents=amount_cents,
        end_to_end_id=detail.end_to_end_id,
        remittance=detail.remittance,
        text=detail.label,
        bank_code=bank_code,
        is_return=line.is_reversal or bool(detail.return_reason) or is_return_code(bank_code),
        batch_reference="",
    )


def _explain(part: _Part, books: _Books, charge_cents_max: int) -> list[Match]:
    """Return what one payment is, taking what it explains out of what is expected."""
    if part.amount_cents == 0:
        return [_matched(part, MatchKind.NOTHING_MOVED, None, "Ligne d’information, sans mouvement.")]
    if part.amount_cents > 0:
        return [_incoming(part, books)]
    if part.is_return:
        return [_suspense(part, "Débit signalé comme un retour ou une annulation : à examiner.")]
    if part.end_to_end_id in books.ordered:
        return [_settle(part, books)]
    if part.end_to_end_id in books.settled:
        return [
            _suspense(part, f"Le virement {part.end_to_end_id} est déjà passé en banque : second débit à examiner.")
        ]
    found = _batch(part, books) or [_charge(part, charge_cents_max)]
    books.charged += [-each.amount_cents for each in found if each.kind is MatchKind.BANK_CHARGE]
    return found


def _settle(part: _Part, books: _Books) -> Match:
    candidates = books.ordered[part.end_to_end_id]
    if len(candidates) > 1:
        return _suspense(part, f"Plusieurs virements portent la référence {part.end_to_end_id}.")
    expected = candidates[0]
    if expected.amount_cents != -part.amount_cents:
        return _suspense(part, _wrong_amount(f"Virement {part.end_to_end_id} reconnu", part, expected))
    del books.ordered[part.end_to_end_id]
    books.settled.setdefault(part.end_to_end_id, []).append(expected)
    reason = f"Virement {part.end_to_end_id} débité pour son montant exact."
    return _matched(part, MatchKind.PAYOUT_SETTLED, expected.expectation_id, reason)


def _batch(part: _Part, books: _Books) -> list[Match]:
    """Return one match per payout when a single debit pays a whole order, known by its reference and its total.

    Banks that book a batch as one line often give no details (BtchBookg true).
    """
    if not part.batch_reference or part.end_to_end_id:
        return []
    waiting = sorted(
        (
            each
            for candidates in books.ordered.values()
            for each in candidates
            if each.batch_reference == part.batch_reference
        ),
        key=lambda each: each.expectation_id,
    )
    references = [each.end_to_end_id for each in waiting]
    if len(set(references)) != len(references) or any(len(books.ordered[each]) > 1 for each in references):
        return []
    if not waiting or sum(each.amount_cents for each in waiting) != -part.amount_cents:
        return []
    for each in waiting:
        del books.ordered[each.end_to_end_id]
        books.settled.setdefault(each.end_to_end_id, []).append(each)
    reason = f"Lot {part.batch_reference} débité en une seule ligne pour son total exact"
    return [
        Match(
            line_no=part.line_no,
            part_no=number,
            kind=MatchKind.PAYOUT_SETTLED,
            amount_cents=-each.amount_cents,
            expectation_id=each.expectation_id,
            # It names its transfer: should the match be taken back, what waits is known by it.
            reason_fr=f"{reason} : virement {each.end_to_end_id}.",
        )
        for number, each in enumerate(waiting, start=1)
    ]


def _incoming(part: _Part, books: _Books) -> Match:
    """Return what a credit is: a payout that came back, money expected, or a suspense."""
    if part.end_to_end_id in books.settled or part.end_to_end_id in books.ordered:
        return _returned(part, books)
    if part.is_return:
        return _suspense(part, "Virement retourné dont la référence est inconnue.")
    candidates = [each for each in books.incoming if _mentions(part, each.reference)]
    if len(candidates) != 1:
        return _suspense(part, _why_not_one(part, books, candidates))
    expected = candidates[0]
    if not books.is_due(expected, part.amount_cents):
        owed = dataclasses.replace(expected, amount_cents=books.due_cents(expected))
        return _suspense(part, _wrong_amount(f"Référence {expected.reference} reconnue", part, owed))
    books.incoming.remove(expected)
    books.received.append(expected)
    kind, reason = INCOMING[expected.kind]
    return _matched(part, kind, expected.expectation_id, reason.format(reference=expected.reference))


def _why_not_one(part: _Part, books: _Books, candidates: list[Expectation]) -> str:
    if candidates:
        return "La ligne porte plusieurs références attendues, ou une référence attendue deux fois."
    for each in books.received:
        if _mentions(part, each.reference):
            return f"La référence {each.reference} a déjà été reçue : second crédit à examiner."
    return "Crédit inconnu : aucune référence attendue."


def _returned(part: _Part, books: _Books) -> Match:
    """Return the match of a credit that carries one of our end-to-end references."""
    reference = part.end_to_end_id
    if not part.is_return:
        return _suspense(part, f"Porte la référence du virement {reference} sans être signalé comme un retour.")
    candidates = books.settled.get(reference, [])
    if not candidates:
        return _suspense(part, f"Retour du virement {reference}, qui n’a pas encore été débité.")
    if len(candidates) > 1:
        return _suspense(part, f"Plusieurs virements portent la référence {reference}.")
    expected = candidates[0]
    if expected.amount_cents != part.amount_cents:
        return _suspense(part, _wrong_amount(f"Retour du virement {reference} reconnu", part, expected))
    # What came back once cannot come back again: a second return finds nothing and waits for a person.
    del books.settled[reference]
    reason = f"Virement {reference} retourné par la banque du commerçant."
    return _matched(part, MatchKind.PAYOUT_RETURNED, expected.expectation_id, reason)


def _charge(part: _Part, charge_cents_max: int) -> Match:
    """Return bank charges, or a suspense when they are too high to be sure, or when nothing says so."""
    if not _looks_like_charge(part):
        return _suspense(part, "Débit inconnu : ni un virement ordonné, ni des frais bancaires.")
    if -part.amount_cents > charge_cents_max:
        return _suspense(part, f"Semble être des frais bancaires, mais d’un montant inhabituel ({_euros(part)}).")
    return _matched(part, MatchKind.BANK_CHARGE, None, f"Frais bancaires ({part.bank_code or 'libellé'}).")


def _looks_like_charge(part: _Part) -> bool:
    """Return whether a debit is bank charges; its text is not asked when an order of ours may have set it."""
    return looks_like_charge(part.bank_code, "" if part.end_to_end_id else part.text)


def _mentions(part: _Part, reference: str) -> bool:
    """Return whether the line carries the reference: as its reference, or as a whole word of its text."""
    return mentions(reference, text=f"{part.remittance} {part.text}", fields=(part.remittance, part.end_to_end_id))


def is_return_code(bank_code: str) -> bool:
    """Return whether an ISO code says that a transfer came back ("PMNT/ICDT/RRTN")."""
    return _sub_family(bank_code) in RETURNED_SUBFAMILIES


def looks_like_charge(bank_code: str, text: str) -> bool:
    """Return whether a debit without a reference of ours is bank charges: by its code, else by its text."""
    if _sub_family(bank_code) in CHARGE_SUBFAMILIES:
        return True
    return _family(bank_code) not in ORDERED_FAMILIES and CHARGE_WORDS.search(plain(text)) is not None


def _family(bank_code: str) -> str:
    """Return the ISO family of "PMNT/ICDT/RRTN": "ICDT"; empty for a bank's own code."""
    return bank_code.partition("/")[2].partition("/")[0]


def _sub_family(bank_code: str) -> str:
    """Return the ISO sub-family of "PMNT/ICDT/RRTN": "RRTN"; empty for a bank's own code."""
    return bank_code.partition("/")[2].partition("/")[2]


def _euros(part: _Part) -> str:
    return format_euros(abs(part.amount_cents))


def _wrong_amount(known: str, part: _Part, expected: Expectation) -> str:
    return f"{known}, mais pour {_euros(part)} au lieu de {format_euros(expected.amount_cents)}."


def _suspense(part: _Part, reason_fr: str) -> Match:
    """Return what waits for a person; the reason names the payment, since a batch's line does not name its details."""
    if part.end_to_end_id and part.end_to_end_id not in reason_fr:
        reason_fr = f"{reason_fr} Référence : {part.end_to_end_id}."
    kind = MatchKind.SUSPENSE_IN if part.amount_cents > 0 else MatchKind.SUSPENSE_OUT
    return _matched(part, kind, None, reason_fr)


def _matched(part: _Part, kind: MatchKind, expectation_id: int | None, reason_fr: str) -> Match:
    return Match(
        line_no=part.line_no,
        part_no=part.part_no,
        kind=kind,
        amount_cents=part.amount_cents,
        expectation_id=expectation_id,
        reason_fr=reason_fr,
    )
