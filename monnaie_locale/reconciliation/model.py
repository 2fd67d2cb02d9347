"""A bank statement as the books see it: balances and booked lines in cents, no counterparty's name.

The names and accounts of the other party are not read: a reference says all that matching needs, and
who is paid by whom stays out of the books.
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum

from merchants.model import PaymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One payment inside a booked line; `amount_cents` is signed (+ credit), None when the bank gives none in euro."""

    amount_cents: int | None
    end_to_end_id: str = ""
    remittance: str = ""
    label: str = ""
    return_reason: str = ""
    bank_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One booked line of a statement.

    `amount_cents` is signed: + credits the account, − debits it, also for a reversal. `remittance` is the creditor
    reference (RF…) when the bank gives one, else the free text; `label` is all the free text, for people.
    `bank_code` is the ISO domain, family and sub-family ("PMNT/ICDT/RRTN") or the bank's own code.
    """

    line_no: int
    booked_on: datetime.date
    value_on: datetime.date
    amount_cents: int
    is_reversal: bool = False
    bank_reference: str = ""
    batch_reference: str = ""
    end_to_end_id: str = ""
    remittance: str = ""
    label: str = ""
    return_reason: str = ""
    bank_code: str = ""
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of one account, arithmetic already proved: opening + lines = closing."""

    statement_id: str
    iban: str
    currency: str
    opening_cents: int
    closing_cents: int
    from_on: datetime.date
    to_on: datetime.date
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class LineMark:
    """What one booking is recognised by when a bank tells it again: its reference, day, signed cents, order."""

    bank_reference: str
    booked_on: datetime.date
    amount_cents: int
    end_to_end_id: str


class ExpectationKind(StrEnum):
    """What the books are waiting for from the bank."""

    FUNDING = "funding"
    PAYOUT = "payout"
    RESERVE_TOP_UP = "reserve_top_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One movement the books expect: money to come in (funding, top-up) or a transfer ordered (payout).

    `amount_cents` is positive, except a top-up's: zero while no charge is to be made good, for the statement itself may
    bring one. Funding and top-ups are known by `reference` (RF… or a label of four characters or
    more); payouts by `end_to_end_id`, and as a whole batch by `batch_reference` (PmtInfId or MsgId of the order).
    `is_settled` says that the bank already confirmed the payout: all it can still do is come back.
    """

    kind: ExpectationKind
    expectation_id: int
    amount_cents: int
    reference: str = ""
    end_to_end_id: str = ""
    batch_reference: str = ""
    is_settled: bool = False


class MatchKind(StrEnum):
    """What a line, or a part of it, is in the books."""

    FUNDING = "funding"
    RESERVE_TOP_UP = "reserve_top_up"
    PAYOUT_SETTLED = "payout_settled"
    PAYOUT_RETURNED = "payout_returned"
    BANK_CHARGE = "bank_charge"
    SUSPENSE_IN = "suspense_in"
    SUSPENSE_OUT = "suspense_out"
    NOTHING_MOVED = "nothing_moved"


SUSPENSE = frozenset({MatchKind.SUSPENSE_IN, MatchKind.SUSPENSE_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a line is, or one part of it: the parts of a line always add up to the line.

    `amount_cents` is signed like the line; `part_no` counts from 1 inside the line.
    """

    line_no: int
    part_no: int
    kind: MatchKind
    amount_cents: int
    expectation_id: int | None
    reason_fr: str


class Resolution(StrEnum):
    """What a person may say that a line in suspense is."""

    FUNDING = "funding"
    RESERVE_TOP_UP = "reserve_top_up"
    PAYOUT_SETTLED = "payout_settled"
    PAYOUT_RETURNED = "payout_returned"
    BANK_CHARGE = "bank_charge"
    EXPIRED_REPAID = "expired_repaid"
    # A debit and a credit that make nothing together: only both at once are said to be this.
    BANK_CORRECTION = "bank_correction"
    # The bank rejected a transfer and paid it all the same: two people say so (`paid_rejections`).
    REJECTION_PAID = "rejection_paid"


RESOLUTION_LABELS: dict[Resolution, str] = {
    Resolution.FUNDING: "Financement d’un dispositif",
    Resolution.RESERVE_TOP_UP: "Complément de réserve versé par l’émetteur",
    Resolution.PAYOUT_SETTLED: "Virement à un commerçant, débité",
    Resolution.PAYOUT_RETURNED: "Virement à un commerçant, retourné",
    Resolution.BANK_CHARGE: "Frais bancaires",
    Resolution.EXPIRED_REPAID: "Monnaie périmée rendue au CCAS",
    Resolution.BANK_CORRECTION: "Erreur de la banque, corrigée par elle",
    Resolution.REJECTION_PAID: "Virement rejeté, payé malgré le rejet",
}
# The direction of the bank line that each resolution fits: money in, or money out.
INCOMING_RESOLUTIONS = frozenset({Resolution.FUNDING, Resolution.RESERVE_TOP_UP, Resolution.PAYOUT_RETURNED})
# What one person alone never decides about a line.
TWO_PEOPLE_RESOLUTIONS = frozenset({Resolution.REJECTION_PAID})
PAYMENT_STATUS_LABELS: dict[PaymentStatus, str] = {
    PaymentStatus.PENDING: "Reçu par la banque, en attente",
    PaymentStatus.ACCEPTED: "Accepté par la banque",
    PaymentStatus.REJECTED: "Rejeté par la banque",
    PaymentStatus.REPEATED: "Ordre déjà reçu : le second envoi est rejeté, le premier suit son cours",
    PaymentStatus.DEBITED: "Débit annoncé",
    PaymentStatus.RETURNED: "Retour annoncé",
}
MATCH_LABELS: dict[MatchKind, str] = {
    MatchKind.FUNDING: "Financement",
    MatchKind.RESERVE_TOP_UP: "Complément de réserve",
    MatchKind.PAYOUT_SETTLED: "Virement débité",
    MatchKind.PAYOUT_RETURNED: "Virement retourné",
    MatchKind.BANK_CHARGE: "Frais bancaires",
    MatchKind.SUSPENSE_IN: "Recette à classer",
    MatchKind.SUSPENSE_OUT: "Dépense à classer",
    MatchKind.NOTHING_MOVED: "Sans mouvement",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatement:
    """An imported statement, in cents."""

    bank_statement_id: int
    statement_id: str
    opening_cents: int
    closing_cents: int
    from_on: datetime.date
    to_on: datetime.date
    imported_by: str
    imported_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a person decided last about a line in suspense, and the entry that says it."""

    decision_id: int
    kind: Resolution
    note: str
    entry_id: int
    resolved_by: str
    resolved_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMatch:
    """One part of one imported line: what the bank said, what it is in the books, and under which entry.

    `decided_cents` is what people said of it since, signed like the line; `is_taken_back` says that a person took back
    what the import had matched it with, so that it waits like any other. `resolved` is there once nothing waits.
    """

    bank_statement_id: int
    line_no: int
    part_no: int
    booked_on: datetime.date
    amount_cents: int
    kind: MatchKind
    reason_fr: str
    entry_id: int | None
    label: str
    end_to_end_id: str
    bank_reference: str
    return_reason: str
    bank_code: str = ""
    decided_cents: int = 0
    is_taken_back: bool = False
    resolved: Resolved | None = None

    @property
    def waiting_cents(self) -> int:
        """Return what a person still has to say of it, signed like the line."""
        if self.kind in SUSPENSE or self.is_taken_back:
            return self.amount_cents - self.decided_cents
        return 0

    @property
    def is_in_suspense(self) -> bool:
        """Return whether a person still has to say what it is, or what a part of it is."""
        return self.waiting_cents != 0


class DecisionKind(StrEnum):
    """What a person decided: what lines are, that a match was wrong, a reason to wait, or that a decision was wrong."""

    MATCH = "match"
    UNMATCH = "unmatch"
    CARRY = "carry"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So much of one part of a bank line, signed like the line."""

    bank_statement_id: int
    line_no: int
    part_no: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What so much money is: `amount_cents` is positive, `reference` names the funding order or the transfer."""

    kind: Resolution
    amount_cents: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class DecidedEntry:
    """An entry of a decision; `kind` is a resolution's, "reversal" or "suspense"."""

    kind: str
    reference: str
    amount_cents: int
    entry_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision, its dated reason, the parts of lines it speaks of, its entries, and what undid it if anything did.

    `subject` is the key of the difference that is carried over the end of the month `period_ends_on`.
    """

    decision_id: int
    kind: DecisionKind
    period_ends_on: datetime.date
    subject: str
    note: str
    decided_by: str
    decided_at_ms: int
    undoes_id: int | None
    undone_by_id: int | None
    shares: tuple[Share, ...] = ()
    entries: tuple[DecidedEntry, ...] = ()


class PaidRejectionState(StrEnum):
    """Where a proposal is: somebody else has still to approve it, or it has ended."""

    PREPARED = "prepared"
    APPROVED = "approved"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRejection:
    """What one person prepared and another approves: a debit paid, all the same, a transfer that the bank rejected.

    `bank_statement_id`, `line_no` and `part_no` name the debit, `end_to_end_id` the transfer; `note` says why, never a
    person's name; `decision_id` is the decision once it is approved.
    """

    paid_rejection_id: int
    bank_statement_id: int
    line_no: int
    part_no: int
    end_to_end_id: str
    note: str
    state: PaidRejectionState
    prepared_by: str
    prepared_at_ms: int
    approved_by: str | None = None
    ended_at_ms: int | None = None
    decision_id: int | None = None

    @property
    def subject(self) -> str:
        """Return the debit as a difference names it."""
        return f"line:{self.bank_statement_id}/{self.line_no}.{self.part_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPosition:
    """What the bank says the reserve account holds at the end of a day, and the day its statements reach."""

    through_on: datetime.date
    balance_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardNews:
    """What a message of the bank said of one of our transfers; `is_given_back` when it rejected it just now."""

    end_to_end_id: str
    amount_cents: int
    status: PaymentStatus
    reason: str
    is_given_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did: the statements, each part of each line, the news heard, and what a person should look at."""

    statements: tuple[StoredStatement, ...]
    matches: tuple[StoredMatch, ...]
    warnings: tuple[str, ...] = ()
    is_rehearsal: bool = False
    format: str = ""
    news: tuple[HeardNews, ...] = ()

    @property
    def in_suspense(self) -> tuple[StoredMatch, ...]:
        """Return the parts that nothing explains, with their reason."""
        return tuple(match for match in self.matches if match.is_in_suspense)
