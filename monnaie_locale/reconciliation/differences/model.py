"""A difference, its state and its next step; and the facts from which differences are found. Plain values."""

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from monnaie_locale.ledger.periods import Month


class DifferenceKind(StrEnum):
    """What does not agree; the code is public and stable."""

    PAYOUT_IN_TRANSIT = "payout_in_transit"
    STATEMENT_ENTRY_MISSING = "statement_entry_missing"
    PAYOUT_RETURNED = "payout_returned"
    RETURN_UNMATCHED = "return_unmatched"
    PAYOUT_DOUBLED = "payout_doubled"
    PAYOUT_WRONG_AMOUNT = "payout_wrong_amount"
    PAYOUT_REJECTED_DEBITED = "payout_rejected_debited"
    IBAN_CHANGED = "iban_changed"
    BANK_CHARGE = "bank_charge"
    FUNDING_LATE = "funding_late"
    FUNDING_WRONG_AMOUNT = "funding_wrong_amount"
    FUNDING_REPEATED = "funding_repeated"
    CREDIT_UNKNOWN = "credit_unknown"
    DEBIT_UNKNOWN = "debit_unknown"
    DOUBLE_SCAN = "double_scan"
    EXPIRED_PURSE_CHARGED = "expired_purse_charged"
    REFUND_ABOVE_CHARGE = "refund_above_charge"
    STATEMENT_REPEATED = "statement_repeated"
    RESERVE_SHORT = "reserve_short"


# Money that is on its way waits for nobody; wording.py says from when on the bank must be asked.
IN_TRANSIT_DAYS_MAX = 5


class DifferenceState(StrEnum):
    """Where a difference is: nobody has said anything, an entry explains it, or it is carried with a reason."""

    OPEN = "open"
    CARRIED = "carried"
    EXPLAINED = "explained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that does not agree at the end of a month.

    `subject` is what it is about: "entry:12", "line:2/1.1" (statement, line, part), "transfer:VILLE1-P00001-0002",
    "funding:RF…", "refusal:3" or "reserve". `amount_cents` is positive; `gap_cents` is signed as the bank's balance is
    too high (+) or too low (−) for the books, 0 when it is not about the bank. `cancels_with` is the subject of another
    difference that hides this one in every total. `entry_id` is the entry it is about, `explained_by` the one that
    settled it, or the statement that did; `reason` is why it is carried, `decision_id` that decision. `is_prepared`: a
    decision about it waits for another person.
    """

    kind: DifferenceKind
    subject: str
    amount_cents: int
    happened_on: datetime.date
    age_days: int
    state: DifferenceState = DifferenceState.OPEN
    entry_id: int | None = None
    gap_cents: int = 0
    reference: str = ""
    expected_cents: int | None = None
    explained_by: str = ""
    cancels_with: str = ""
    reason: str = ""
    decision_id: int | None = None
    is_prepared: bool = False

    @property
    def key(self) -> str:
        """Return what identifies it among those of its month."""
        return f"{self.kind}|{self.subject}"

    @property
    def is_carried_by_nature(self) -> bool:
        """Return whether it is only money on its way, for a few days: the next statement ends it, nobody has to."""
        is_on_its_way = self.kind is DifferenceKind.PAYOUT_IN_TRANSIT and self.age_days <= IN_TRANSIT_DAYS_MAX
        return self.state is DifferenceState.OPEN and is_on_its_way

    @property
    def needs_a_person(self) -> bool:
        """Return whether somebody must still explain it, or carry it with a reason, before its month is closed."""
        return self.state is DifferenceState.OPEN and not self.is_carried_by_nature


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So much of a bank line that waits for a person: `waiting_cents` is signed, of a whole of `amount_cents`.

    `label` is what the bank says, for people; `text` is all in which a reference is searched.
    """

    bank_statement_id: int
    line_no: int
    part_no: int
    booked_on: datetime.date
    amount_cents: int
    waiting_cents: int
    label: str = ""
    text: str = ""
    end_to_end_id: str = ""
    bank_code: str = ""
    is_return: bool = False
    entry_id: int | None = None

    @property
    def subject(self) -> str:
        """Return the part as a difference names it."""
        return f"line:{self.bank_statement_id}/{self.line_no}.{self.part_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer ordered to a shop, with the days of its entries; None for what has not happened yet."""

    end_to_end_id: str
    batch_reference: str
    payout_id: int
    merchant_id: int
    amount_cents: int
    execution_on: datetime.date
    prepared_at_ms: int
    ordered_entry_id: int
    ordered_on: datetime.date
    settled_entry_id: int | None = None
    settled_on: datetime.date | None = None
    returned_entry_id: int | None = None
    returned_on: datetime.date | None = None

    @property
    def subject(self) -> str:
        """Return the transfer as a difference names it."""
        return f"transfer:{self.end_to_end_id}"

    def is_debited(self, day: datetime.date) -> bool:
        """Return whether the bank had debited it at the end of a day."""
        return self.settled_on is not None and self.settled_on <= day

    def is_returned(self, day: datetime.date) -> bool:
        """Return whether it had come back at the end of a day."""
        return self.returned_on is not None and self.returned_on <= day


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """Money that the CCAS announced, and the entry that received it."""

    reference: str
    amount_cents: int
    announced_on: datetime.date
    received_entry_id: int | None = None
    received_on: datetime.date | None = None

    def is_received(self, day: datetime.date) -> bool:
        """Return whether it had come in at the end of a day."""
        return self.received_on is not None and self.received_on <= day


class Charge(NamedTuple):
    """A charge: which wallet and shop's account, when; the first expiry of its purses; what gave it all back."""

    entry_id: int
    wallet_id: int
    shop_account_id: int
    amount_cents: int
    happened_at_ms: int
    accounted_on: datetime.date
    purse_expires_on: datetime.date
    given_back_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund that stands, of a charge of `charged_cents` of which `before_cents` had been refunded already."""

    entry_id: int
    amount_cents: int
    charged_cents: int
    before_cents: int
    happened_on: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Tills:
    """The charges and refunds that a month's end looks at, as they stood at one entry."""

    month: Month
    through_entry_id: int
    charges: tuple[Charge, ...]
    refunds: tuple[Refund, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankCharge:
    """Charges that the bank took from the reserve."""

    entry_id: int
    amount_cents: int
    booked_on: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class IbanChange:
    """A shop's account was changed at an instant."""

    merchant_id: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A statement refused at the door: its code, by how much it does not add up, what came in after it."""

    refused_id: int
    code: str
    gap_cents: int
    refused_on: datetime.date
    imported_since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the rules look at, as of the last day of a month.

    `rejected` are the transfers that the bank refused and whose order is reversed; `prepared` the subjects of the bank
    lines about which a decision waits for another person.
    """

    month: Month
    bank_through_on: datetime.date | None
    reserve_cents: int
    owed_cents: int
    topped_up_cents: int = 0
    parts: tuple[Part, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    rejected: tuple[Transfer, ...] = ()
    prepared: frozenset[str] = frozenset()
    fundings: tuple[Funding, ...] = ()
    charges: tuple[Charge, ...] = ()
    refunds: tuple[Refund, ...] = ()
    bank_charges: tuple[BankCharge, ...] = ()
    iban_changes: tuple[IbanChange, ...] = ()
    refusals: tuple[RefusedFile, ...] = ()

    @property
    def day(self) -> datetime.date:
        """Return the day as of which things are looked at."""
        return self.month.last_day
