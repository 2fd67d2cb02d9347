"""Merchants, tills, receipts, payment requests and payouts as plain values."""

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from monnaie_locale.ledger.entries import EntryKind
from wallets.model import UNPINNED_PAYMENT_MAX_CENTS

# Two machines may differ by this much; a clock that went back further makes nothing live longer.
CLOCK_SKEW_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A shop's address, in the parts that a SEPA order wants apart."""

    street: str = ""
    building: str = ""
    postcode: str = ""
    town: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is known of a shop that is admitted, checked and in its one spelling."""

    name: str
    siret: str
    category: str
    iban: str
    bic: str
    address: Address
    debt_limit_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """An admitted shop; `code` is its short public name ("C0004"), `bic` is empty when the bank is not in the list."""

    id: int
    code: str
    name: str
    siret: str
    category: str
    iban: str
    bic: str
    address: Address
    debt_limit_cents: int
    is_active: bool
    admitted_by: str
    admitted_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A shop's till: paired with a device, or waiting for one."""

    id: int
    merchant_id: int
    label: str
    pairing_expires_at_ms: int | None
    paired_at_ms: int | None
    unpaired_at_ms: int | None

    @property
    def is_paired(self) -> bool:
        """Tell whether a device may work as this till."""
        return self.paired_at_ms is not None and self.unpaired_at_ms is None

    @property
    def caller(self) -> str:
        """Return the name under which the till writes in the journal."""
        return f"till:{self.id}"


class OpenShop(NamedTuple):
    """The shop that takes a charge."""

    id: int
    name: str
    category: str


class TillAtTheCounter(NamedTuple):
    """What a charge needs of its till: whether till and shop may work, and the account of what the shop is owed."""

    is_paired: bool
    shop: OpenShop
    is_active: bool
    account_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashier:
    """Who may hold a shop's tills; `is_locked` after five wrong codes in a row."""

    id: int
    merchant_id: int
    name: str
    is_locked: bool


class Receipt(NamedTuple):
    """What a shop and a holder are told of an entry.

    `remaining_cents` is what was left in the purses that this shop accepts (of the purses drawn, when replayed);
    `is_late` marks a charge that came in after it happened; `entry_hash` is the leaf of the log, in hexadecimal.
    `guaranteed_cents` is the part that an offline guarantee paid, or of a refund the part that it gets back.
    """

    entry_id: int
    kind: EntryKind
    amount_cents: int
    remaining_cents: int
    happened_at_ms: int
    recorded_at_ms: int
    merchant_id: int
    merchant_name: str
    entry_hash: str
    is_late: bool
    replayed: bool
    guaranteed_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineCaps:
    """What a till may take while the network is away; the device holds all three, the service the first two."""

    payment_cents: int
    card_day_cents: int
    till_cents: int


# What a card pays without its PIN, which is never asked offline.
OFFLINE_PAYMENT_CENTS_MAX = UNPINNED_PAYMENT_MAX_CENTS
# Until the town decides otherwise (offline_limits).
OFFLINE_CAPS = OfflineCaps(payment_cents=2_000, card_day_cents=4_000, till_cents=30_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineAnswer:
    """What became of an offline charge, for good: a receipt, or why not."""

    receipt: Receipt | None = None
    refusal_code: str | None = None
    refusal_sentence: str | None = None


@dataclass(frozen=True, slots=True)
class OfflineRefusal:
    """An offline charge that was refused, as the shop reads it: nobody has paid it, or what became of it since.

    Once it has ended, `paid_entry_id` is the charge that paid it; without one the shop gave it up.
    """

    till_label: str
    amount_cents: int
    happened_at_ms: int
    sentence: str
    acknowledged_at_ms: int | None
    key_digest: bytes
    ended_at_ms: int | None
    ended_by: str | None
    paid_entry_id: int | None
    cashier_id: int | None

    @property
    def is_open(self) -> bool:
        """Return whether it is still to be paid or given up."""
        return self.ended_at_ms is None

    @property
    def mark(self) -> str:
        """Return what names the charge in a form."""
        return self.key_digest.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of a shop's day or month: a charge adds, a refund or a payout takes away.

    `refundable_cents` is what may still be refunded of a charge, 0 for the rest; `guaranteed_cents` as in `Receipt`.
    """

    entry_id: int
    kind: EntryKind
    amount_cents: int
    happened_at_ms: int
    recorded_at_ms: int
    accounted_on: datetime.date
    reference: str
    refundable_cents: int = 0
    guaranteed_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """An amount that a till asks for; the holder's phone opens it by its code, which is stored only as a digest."""

    id: int
    merchant_id: int
    till_id: int
    amount_cents: int
    created_at_ms: int
    expires_at_ms: int
    entry_id: int | None
    cancelled_at_ms: int | None

    def state(self, *, now_ms: int) -> str:
        """Return "paid", "cancelled", "expired" or "waiting"."""
        if self.entry_id is not None:
            return "paid"
        if self.cancelled_at_ms is not None:
            return "cancelled"
        # Before it was made: the clock went back, and how old the request really is cannot be known.
        is_of_now = self.created_at_ms - CLOCK_SKEW_MS <= now_ms < self.expires_at_ms
        return "waiting" if is_of_now else "expired"


class PayoutState(StrEnum):
    """How far a payout is."""

    PREPARED = "prepared"
    APPROVED = "approved"
    SENT = "sent"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class LineState(StrEnum):
    """How far one transfer of a payout is."""

    PREPARED = "prepared"
    ORDERED = "ordered"
    SETTLED = "settled"
    RETURNED = "returned"
    REJECTED = "rejected"


class PaymentStatus(StrEnum):
    """What the bank says became of a transfer that was ordered. The word is stored: never rename one."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPEATED = "repeated"
    DEBITED = "debited"
    RETURNED = "returned"


PAYOUT_STATE_NAMES: dict[PayoutState, str] = {
    PayoutState.PREPARED: "préparé",
    PayoutState.APPROVED: "approuvé",
    PayoutState.SENT: "transmis à la banque",
    PayoutState.SETTLED: "soldé",
    PayoutState.CANCELLED: "annulé",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutLine:
    """One transfer to one shop; account and name are copied when it is prepared.

    `fee_cents` is kept by the issuer, on top of what is paid; a line that the bank rejected has its order reversed, and
    is settled all the same when two people say that the bank paid it (`rejected_payment`).
    """

    payout_id: int
    line_no: int
    merchant_id: int
    amount_cents: int
    recovered_cents: int
    fee_cents: int
    end_to_end_id: str
    rf_reference: str
    iban: str
    bic: str
    name: str
    state: LineState
    order_entry_id: int | None
    settled_entry_id: int | None
    returned_entry_id: int | None
    rejected_entry_id: int | None = None

    @property
    def ended_entry_id(self) -> int | None:
        """Return the entry by which the transfer left "in transit": debited, or rejected before it was."""
        return self.settled_entry_id if self.rejected_entry_id is None else self.rejected_entry_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNews:
    """What the bank said of one transfer, on which day; `reason` is an ISO code ("AC04") or the bank's own."""

    payout_id: int
    line_no: int
    status: PaymentStatus
    reason: str
    told_on: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTerms:
    """How payouts are made: the version of pain.001 that the bank reads, what waits below it, the issuer's fee."""

    pain_version: str
    minimum_cents: int
    fee_basis_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A batch of transfers to shops, prepared by one person and approved by another."""

    id: int
    label: str
    cutoff_on: datetime.date
    message_id: str
    execution_on: datetime.date
    pain_version: str
    state: PayoutState
    total_cents: int
    prepared_by: str
    approved_by: str | None
    prepared_at_ms: int
    approved_at_ms: int | None
    lines: tuple[PayoutLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFileLine:
    """One transfer as the bank is asked for it; `bic` is empty when it is not known."""

    end_to_end_id: str
    amount_cents: int
    name: str
    iban: str
    bic: str
    address: Address
    rf_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFile:
    """An approved payout as plain values, for whoever writes the bank's file."""

    message_id: str
    execution_on: datetime.date
    pain_version: str
    approved_at_ms: int
    total_cents: int
    lines: tuple[PayoutFileLine, ...]
