"""A bank statement as the books see it: balances and booked lines in cents, no counterparty's name.

The names and accounts of the other party are not read: a reference says all that matching needs, and
who is paid by whom stays out of the books.
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum


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


class ExpectationKind(StrEnum):
    """What the books are waiting for from the bank."""

    FUNDING = "funding"
    PAYOUT = "payout"
    RESERVE_TOP_UP = "reserve_top_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One movement the books expect: money to come in (funding, top-up) or a transfer ordered (payout).

    `amount_cents` is positive. Funding and top-ups are known by `reference` (RF… or a label of four characters or
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
