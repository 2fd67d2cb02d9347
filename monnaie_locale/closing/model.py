"""A month's close as values: what is checked, what was found, who prepared and approved it, and its reopening."""

import datetime
from dataclasses import dataclass
from enum import StrEnum

from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.differences.model import Difference

# The longest part that tells nothing on its way is the rendering of a large town's documents.
STUCK_AFTER_MS = 10 * 60 * 1_000


class CloseState(StrEnum):
    """A close waits for its second person, stands, or stood until two people reopened its month."""

    PREPARED = "prepared"
    CLOSED = "closed"
    REOPENED = "reopened"


STATE_NAMES = {CloseState.PREPARED: "à approuver", CloseState.CLOSED: "arrêté", CloseState.REOPENED: "rouvert"}


@dataclass(frozen=True, slots=True)
class Check:
    """One point of the checklist: its stable code, whether it holds, and why, in French."""

    code: str
    ok: bool
    sentence_fr: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InTransit:
    """A transfer ordered that the bank has not debited yet."""

    end_to_end_id: str
    ordered_on: datetime.date
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedItem:
    """One amount that waits: since when, what for. A transfer in transit is what the bank has not debited yet.

    `suspense_cents` is what a bank line brought (or took, below 0) that nothing explains yet.
    """

    since: datetime.date
    nature_fr: str
    reference: str
    explanation_fr: str
    transit_cents: int = 0
    suspense_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the books and the bank say at the end of a month, in cents; `kinds_cents` are credits less debits.

    `held_cents` are the same sums taken from the accounts' counters, the other way round. `bank_cents` is None while no
    statement reaches the end of the month; `differences` are those that nothing explains, carried or not; `aged` is
    what the books hold for a while, line by line. `verified_after` is the entry after which they were verified: those
    before are held by the close before.
    """

    month: Month
    bank_through: datetime.date | None
    bank_cents: int | None
    kinds_cents: dict[AccountKind, int]
    held_cents: dict[AccountKind, int]
    in_transit: tuple[InTransit, ...]
    differences: tuple[Difference, ...]
    aged: tuple[AgedItem, ...]
    half_posted: tuple[str, ...]
    faults: tuple[str, ...]
    verified_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One month's close as stored; `certificate` is the signed file, empty until it is closed."""

    close_id: int
    month: Month
    state: CloseState
    prepared_by: str
    approved_by: str | None
    carried_reason: str
    checks: tuple[Check, ...]
    certificate: str
    prepared_at_ms: int
    closed_at_ms: int | None

    @property
    def is_closed(self) -> bool:
        """Return whether the month is sealed."""
        return self.state is CloseState.CLOSED

    @property
    def was_closed(self) -> bool:
        """Return whether there is a certificate: the month is sealed, or was until it was reopened."""
        return self.state is not CloseState.PREPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """Why a close was undone and by whom; `act` is the signed file, empty until a second person approved."""

    close_id: int
    reason: str
    prepared_by: str
    prepared_at_ms: int
    approved_by: str | None
    approved_at_ms: int | None
    act: str

    @property
    def is_approved(self) -> bool:
        """Return whether two people signed: the month was opened again."""
        return self.approved_by is not None


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a close under way: what it does, in French, and how far it is."""

    label_fr: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A close under way or ended, as its page shows it; `refusal_fr` is why it stopped, empty when it did not."""

    run_id: int
    month: Month
    step: str
    started_by: str
    stage: Stage
    told_at_ms: int
    ended_at_ms: int | None
    refusal_fr: str

    def is_stuck(self, *, now_ms: int) -> bool:
        """Tell whether it has said nothing for so long that its process must have died."""
        return self.ended_at_ms is None and now_ms - self.told_at_ms > STUCK_AFTER_MS
