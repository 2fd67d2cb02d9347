"""What an export says, as values, and what the audit says of it.

An export is JSON Lines, in this order: one `header`; every `head` of the log that was signed, the smallest first; every
closed `period`; every `reopening` of one; every `account`; every `entry`, by number; one `trailer`. Hashes and
signatures are in hexadecimal, amounts in cents, instants in milliseconds UTC. There is no name in it.
"""

import datetime
from dataclasses import dataclass, field

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import Line

FORMAT = "monnaie-locale audit export"
VERSION = 2
# The first one knew no reopening.
VERSIONS_READ = frozenset({1, VERSION})
# Beyond so many of them a list says no more; they are counted.
FINDINGS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong in an export: a stable code, what it is about, a French sentence."""

    code: str
    subject: str
    french: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whose books, when they were exported, and the key that is said to have signed them."""

    territory_id: int
    territory_name: str
    exported_at_ms: int
    public_key_pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed head of the log."""

    size: int
    root: bytes
    accounts_size: int
    accounts_root: bytes
    sealed_at_ms: int
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A closed month, and the last entry there was at its close."""

    starts_on: datetime.date
    ends_on: datetime.date
    last_entry_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """A month that was closed, at `last_entry_id`, and opened again after `reopened_entry_id`."""

    starts_on: datetime.date
    ends_on: datetime.date
    last_entry_id: int
    reopened_entry_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as it was opened; `merchant_id` is 0 when it is no shop's."""

    account_id: int
    kind: AccountKind
    programme_id: int
    wallet_id: int
    merchant_id: int
    expires_on: str
    opened_at_ms: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A journal entry with its transfers."""

    entry_id: int
    kind: int
    happened_at_ms: int
    recorded_at_ms: int
    accounted_on: str
    caller: str
    key_digest: bytes
    request_digest: bytes
    reverses_entry_id: int | None
    reference: str
    lines: list[Line]
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """How many of each there are, the digest of every line before, and its signature."""

    heads: int
    periods: int
    reopenings: int
    accounts: int
    entries: int
    transfers: int
    sha256: bytes
    signature: bytes


@dataclass(slots=True)
class Statement:
    """A shop's month, in cents: charges, refunds, transfers ordered to its bank, everything else; all signed."""

    charged_cents: int = 0
    refunded_cents: int = 0
    paid_cents: int = 0
    other_cents: int = 0

    @property
    def change_cents(self) -> int:
        """Return what the month changed in what the shop is owed."""
        return self.charged_cents + self.refunded_cents + self.paid_cents + self.other_cents


@dataclass(slots=True)
class Report:
    """What the audit read and found; `statements` are by shop and month ("2026-10"), `kinds` debits and credits."""

    header: Header | None = None
    newest_head: Head | None = None
    heads: int = 0
    entries: int = 0
    transfers: int = 0
    accounts: int = 0
    unsealed: int = 0
    root: bytes = b""
    kinds: dict[AccountKind, tuple[int, int]] = field(default_factory=dict)
    balances: dict[int, int] = field(default_factory=dict)
    statements: dict[int, dict[str, Statement]] = field(default_factory=dict)
    closed_through: datetime.date | None = None
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return self.finding_count == 0

    def find(self, code: str, subject: str, french: str) -> None:
        """Note something that is wrong."""
        self.finding_count += 1
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(Finding(code, subject, french))
