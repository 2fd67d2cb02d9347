"""What the documents print, as plain values: amounts in cents, instants aware, days as dates."""

import datetime
from dataclasses import dataclass

from monnaie_locale.ledger.periods import Month


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who keeps the books and signs the documents.

    `on_behalf_of` is the name of the CCAS that gave the mandate: CGCT D1611-20 wants it on every document.
    """

    name: str
    address_lines: tuple[str, ...]
    siret: str
    phone: str = ""
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class LogHead:
    """The signed head of the ledger's log: how many entries it covers and their Merkle root (RFC 9162)."""

    entry_count: int
    root: bytes
    signed_at: datetime.datetime
    public_key_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class MerchantParty:
    """The shop that a statement is for, admitted on a day; `iban` in full, the document masks it."""

    name: str
    siret: str
    address_lines: tuple[str, ...]
    iban: str
    admitted_on: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One operation of a shop: what it changed in what it is owed (a refund is negative).

    `number` is the entry's number in the ledger, `kind` the French word for it, `note` a short remark
    ("hors connexion").
    """

    number: str
    happened_at: datetime.datetime
    kind: str
    amount_cents: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapYear:
    """A shop's chèques d'accompagnement personnalisé of one year: what it took, and where its certification stands.

    In cents: `kept_cents` waits for the certification, or is past the deadline; `given_back_cents` lapsed and went back
    to the CCAS. `certified_on` is None as long as the shop has not certified; `document` is what it signed.
    """

    year: int
    taken_cents: int
    kept_cents: int
    given_back_cents: int
    deadline_on: datetime.date
    certified_on: datetime.date | None = None
    document: str = ""


@dataclass(frozen=True, slots=True)
class MerchantStatement:
    """A shop's month: what was owed before, what it took and gave back, what is paid.

    `payout_cents` is what the transfer pays (0 when nothing is paid), `payout_on` its day, `payout_reference` the
    structured reference (RF…) that the bank statement shows. `fee_cents` is what the issuer keeps on top of it, at
    `fee_basis_points` (hundredths of a percent); `recovered_cents` was taken first, for what the shop owed. Less than
    `minimum_cents` is carried over; None when nobody noted it, and the document says none. `cap` has a row for each
    year of chèques d'accompagnement that still matters.
    """

    issuer: Issuer
    merchant: MerchantParty
    currency_name: str
    month: Month
    opening_cents: int
    lines: tuple[StatementLine, ...]
    payout_cents: int
    payout_on: datetime.date | None
    payout_reference: str
    head: LogHead | None = None
    fee_cents: int = 0
    fee_basis_points: int = 0
    recovered_cents: int = 0
    minimum_cents: int | None = None
    cap: tuple[CapYear, ...] = ()
    is_demo: bool = False

    @property
    def operations_cents(self) -> int:
        """Return what the month's operations add up to."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def gross_cents(self) -> int:
        """Return what is redeemed: the transfer and the issuer's fee."""
        return self.payout_cents + self.fee_cents

    @property
    def closing_cents(self) -> int:
        """Return what is still owed to the shop once the transfer is made and the fee taken."""
        return self.opening_cents + self.operations_cents - self.gross_cents

    @property
    def kept_cents(self) -> int:
        """Return what no transfer pays yet: the chèques that are not certified, or came too late."""
        return sum(each.kept_cents for each in self.cap)


@dataclass(frozen=True, slots=True)
class OutstandingItem:
    """An amount that one side has and the other has not yet; `amount_cents` is what it adds to the lacking side.

    A transfer ordered and not yet debited by the bank is -amount on the bank's side.
    """

    since: datetime.date
    label: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What the two sides do not agree on, and what is known or done about it."""

    day: datetime.date
    label: str
    amount_cents: int
    explanation: str


@dataclass(frozen=True, slots=True)
class HeldBy:
    """One line of what the reserve must cover: who holds how much."""

    label: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class ProgrammeUse:
    """What became of one programme's money since it opened; what is left is computed."""

    name: str
    funded_cents: int
    distributed_cents: int
    spent_cents: int
    expired_cents: int
    remaining_cents: int


@dataclass(frozen=True, slots=True)
class Match:
    """One of the four checks of the month: two amounts, found by different ways, that must be the same."""

    title: str
    left_label: str
    left_cents: int
    right_label: str
    right_cents: int

    @property
    def gap_cents(self) -> int:
        """Return how far the two amounts are from each other; 0 when they agree."""
        return self.left_cents - self.right_cents


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who prepared or approved the document; empty fields leave room for a pen."""

    name: str = ""
    quality: str = ""
    signed_on: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The état de rapprochement of a day: the bank's balance and the books', brought to the same amount.

    `bank_items` are in the books and not yet at the bank; `book_items` are at the bank and not yet in the books.
    """

    issuer: Issuer
    currency_name: str
    as_of: datetime.date
    bank_account: str
    bank_cents: int
    books_account: str
    books_cents: int
    bank_items: tuple[OutstandingItem, ...]
    book_items: tuple[OutstandingItem, ...]
    differences: tuple[Difference, ...]
    circulation: tuple[HeldBy, ...]
    programmes: tuple[ProgrammeUse, ...]
    matches: tuple[Match, ...]
    prepared_by: Signatory
    approved_by: Signatory
    head: LogHead | None = None
    is_demo: bool = False

    @property
    def bank_reconciled_cents(self) -> int:
        """Return the bank's balance once the items in transit have arrived."""
        return self.bank_cents + sum(item.amount_cents for item in self.bank_items)

    @property
    def books_reconciled_cents(self) -> int:
        """Return the books' balance once the items of the bank are entered."""
        return self.books_cents + sum(item.amount_cents for item in self.book_items)

    @property
    def gap_cents(self) -> int:
        """Return what stays unexplained between the two sides; 0 when reconciled."""
        return self.bank_reconciled_cents - self.books_reconciled_cents

    @property
    def circulation_cents(self) -> int:
        """Return all that the reserve must cover."""
        return sum(held.amount_cents for held in self.circulation)
