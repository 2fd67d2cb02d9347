"""Live the books again, transfer by transfer: what each account holds, and what must never have happened."""

import datetime
import itertools
from array import array
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from monnaie_locale.audit.model import Account, Entry, Period, Reopening, Report, Statement
from monnaie_locale.ledger.accounts import LIMITS, OWED_KINDS, AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros

SHOP_KINDS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})
# Who may give what the reserve owes, without it being an issue: euros in, units that only move, a debt given back.
NO_ISSUE = OWED_KINDS | {AccountKind.RESERVE, AccountKind.MERCHANT_DEBT}
MONTH_LENGTH = len("2026-10")
# Whether two keys are the same is first asked of eight of their bytes: eight megabytes for a million entries. Of the
# last ones: the first six may be the time, which those of one instant share (`ledger.keys`).
KEY_ENDING_BYTES = 8
BUCKETS = 256


def key_ending(entry: Entry) -> int:
    """Return the end of the digest of an entry's idempotency key, as a number."""
    return int.from_bytes(entry.key_digest[-KEY_ENDING_BYTES:])


@dataclass(slots=True)
class Replay:
    """The books so far."""

    report: Report
    periods: list[Period] = field(default_factory=list)
    reopenings: list[Reopening] = field(default_factory=list)
    accounts: dict[int, Account] = field(default_factory=dict)
    net: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    debits: dict[AccountKind, int] = field(default_factory=lambda: defaultdict(int))
    credits: dict[AccountKind, int] = field(default_factory=lambda: defaultdict(int))
    reversed_by: dict[int, int] = field(default_factory=dict)
    # By their last byte, so that only one part in 256 of them is ever sorted at a time.
    key_endings: "list[array[int]]" = field(default_factory=lambda: [array("Q") for _ in range(BUCKETS)])
    reserve_cents: int = 0
    owed_cents: int = 0
    _issued_at_ms: int | None = None
    _issued_entry_id: int = 0

    def open(self, account: Account) -> None:
        """Open an account."""
        self.accounts[account.account_id] = account

    def post(self, entry: Entry) -> None:
        """Post one entry after all those before it."""
        # Entries recorded together were decided together: an issue is measured when all of them are in.
        if self._issued_at_ms not in {None, entry.recorded_at_ms}:
            self._measure_issue()
        subject = f"entry {entry.entry_id}"
        if not entry.lines:
            self.report.find(
                "entry_without_transfer", subject, f"L’écriture n° {entry.entry_id} ne mouvemente aucun compte."
            )
        for debit, credit, cents in entry.lines:
            sides = self.accounts.get(debit), self.accounts.get(credit)
            if sides[0] is None or sides[1] is None or debit == credit or cents <= 0:
                self.report.find(
                    "transfer_invalid", subject, f"Un mouvement de l’écriture n° {entry.entry_id} est impossible."
                )
                continue
            self._move(entry, sides[0], sides[1], cents)
        self._check_period(entry)
        self._check_reversal(entry)
        ending = key_ending(entry)
        self.key_endings[ending % BUCKETS].append(ending)

    def end(self) -> None:
        """Say what the books amount to."""
        if self._issued_at_ms is not None:
            self._measure_issue()
        report = self.report
        report.kinds = {kind: (self.debits[kind], self.credits[kind]) for kind in AccountKind}
        report.balances = {account_id: self.net.get(account_id, 0) for account_id in self.accounts}
        report.closed_through = self.periods[-1].ends_on if self.periods else None

    def repeated_endings(self) -> frozenset[int]:
        """Return the endings of keys that more than one entry has."""
        return frozenset(
            one for some in self.key_endings for one, other in itertools.pairwise(sorted(some)) if one == other
        )

    def _move(self, entry: Entry, debited: Account, credited: Account, cents: int) -> None:
        for account, signed in ((debited, -cents), (credited, cents)):
            self.net[account.account_id] += signed
            held_cents = self.net[account.account_id] * int(LIMITS[account.kind])
            if held_cents < 0:
                self.report.find(
                    "balance_below_zero",
                    f"entry {entry.entry_id}",
                    f"À l’écriture n° {entry.entry_id}, le compte {account.account_id} passe sous zéro"
                    f" ({format_euros(held_cents)}).",
                )
            if account.kind is AccountKind.RESERVE:
                self.reserve_cents -= signed
            elif account.kind in OWED_KINDS:
                self.owed_cents += signed
            if account.kind in SHOP_KINDS:
                self._state(entry, account, signed)
        self.debits[debited.kind] += cents
        self.credits[credited.kind] += cents
        if credited.kind in OWED_KINDS and debited.kind not in NO_ISSUE:
            self._issued_at_ms, self._issued_entry_id = entry.recorded_at_ms, entry.entry_id

    def _measure_issue(self) -> None:
        if self.owed_cents > self.reserve_cents:
            self.report.find(
                "issue_exceeds_reserve",
                f"entry {self._issued_entry_id}",
                f"À l’écriture n° {self._issued_entry_id}, la monnaie due ({format_euros(self.owed_cents)}) dépasse la"
                f" réserve ({format_euros(self.reserve_cents)}).",
            )
        self._issued_at_ms = None

    def _state(self, entry: Entry, account: Account, signed: int) -> None:
        months = self.report.statements.setdefault(account.merchant_id, {})
        month = entry.accounted_on[:MONTH_LENGTH]
        statement = months.get(month)
        if statement is None:
            statement = months[month] = Statement()
        if entry.kind == EntryKind.CHARGE:
            statement.charged_cents += signed
        elif entry.kind == EntryKind.REFUND:
            statement.refunded_cents += signed
        elif entry.kind in {EntryKind.PAYOUT_ORDER, EntryKind.PAYOUT_RETURNED}:
            statement.paid_cents += signed
        else:
            statement.other_cents += signed

    def _check_period(self, entry: Entry) -> None:
        if not self.periods and not self.reopenings:
            return
        day = datetime.date.fromisoformat(entry.accounted_on)
        place = bisect_left(self.periods, day, key=lambda period: period.ends_on)
        if any(entry.entry_id > period.last_entry_id for period in self.periods[place:]) or any(
            day <= each.ends_on and each.last_entry_id < entry.entry_id <= each.reopened_entry_id
            for each in self.reopenings
        ):
            self.report.find(
                "entry_in_closed_period",
                f"entry {entry.entry_id}",
                f"L’écriture n° {entry.entry_id} est datée d’un mois arrêté avant elle.",
            )

    def _check_reversal(self, entry: Entry) -> None:
        reversed_id = entry.reverses_entry_id
        if reversed_id is None:
            return
        if reversed_id in self.reversed_by or not 0 < reversed_id < entry.entry_id:
            self.report.find(
                "reversal_repeated",
                f"entry {entry.entry_id}",
                f"L’écriture n° {entry.entry_id} contre-passe la n° {reversed_id}, qui l’a déjà été ou qui n’existe pas"
                " encore.",
            )
        self.reversed_by.setdefault(reversed_id, entry.entry_id)
