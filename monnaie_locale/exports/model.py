"""The books as values, in the accountant's words: accounts, entries of debits and credits, balances.

Queries fill these; every writer of this package only reads them. Labels are codes and opaque numbers: a holder's name
is never in an export (DESIGN §3.11).
"""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monnaie_locale.exports.errors import EntryLineMalformed, EntryNumberRepeated, EntryUnbalanced, EntryWithoutLines
from monnaie_locale.journal.directory import Owner
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAccount:
    """One account of the ledger, under its line of the chart of accounts.

    `auxiliary_code` tells apart the accounts that share a general code ("P1-W17-20261231"); empty when there is one.
    """

    account_id: int
    owner: Owner
    general_code: str
    general_label: str
    auxiliary_code: str
    auxiliary_label: str
    opened_on: datetime.date

    @property
    def kind(self) -> AccountKind:
        """Return what the account is for."""
        return self.owner.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine:
    """One side of an entry: cents debited or credited to an account, the other is 0."""

    account: LedgerAccount
    debit_cents: int
    credit_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEntry:
    """One numbered entry of the books.

    `number` is the ledger's; `accounted_on` the accounting date; `recorded_on` the day it was validated, after which
    nothing changes it; `piece_reference` and `piece_on` the supporting document. `kind` is None for the
    balances brought forward into a year, which are no entry of the ledger: their number is 0.
    """

    number: int
    kind: EntryKind | None
    journal_code: str
    journal_label: str
    accounted_on: datetime.date
    recorded_on: datetime.date
    piece_reference: str
    piece_on: datetime.date
    label: str
    lines: tuple[BookLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBalance:
    """What an account holds at a date, in cents: debits less credits, so that liabilities are negative."""

    account: LedgerAccount
    balance_cents: int


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal of the books: its code and its French label."""

    code: str
    french: str


ISSUE_JOURNAL = Journal("EM", "Émissions")
CHARGE_JOURNAL = Journal("EN", "Encaissements des commerçants")
REFUND_JOURNAL = Journal("RB", "Remboursements aux porteurs")
PAYOUT_JOURNAL = Journal("VI", "Virements aux commerçants")
BANK_JOURNAL = Journal("BQ", "Banque")
EXPIRY_JOURNAL = Journal("EX", "Expirations")
GENERAL_JOURNAL = Journal("OD", "Opérations diverses")
OPENING_JOURNAL = Journal("AN", "À nouveaux")

# The journal of an entry that does not move the reserve's account: what moves it is in the bank's, whatever its kind.
JOURNALS: dict[EntryKind, Journal] = {
    EntryKind.FUNDING: GENERAL_JOURNAL,
    EntryKind.DISTRIBUTION: ISSUE_JOURNAL,
    EntryKind.CHARGE: CHARGE_JOURNAL,
    EntryKind.REFUND: REFUND_JOURNAL,
    EntryKind.MERCHANT_PAYMENT: CHARGE_JOURNAL,
    EntryKind.PAYOUT_ORDER: PAYOUT_JOURNAL,
    EntryKind.PAYOUT_SETTLED: GENERAL_JOURNAL,
    EntryKind.PAYOUT_RETURNED: GENERAL_JOURNAL,
    EntryKind.EXPIRY: EXPIRY_JOURNAL,
    EntryKind.EXPIRED_REPAID: GENERAL_JOURNAL,
    EntryKind.WALLET_MOVE: GENERAL_JOURNAL,
    EntryKind.BANK_CHARGE: GENERAL_JOURNAL,
    EntryKind.SUSPENSE: GENERAL_JOURNAL,
    EntryKind.RECOVERY: GENERAL_JOURNAL,
    EntryKind.REVERSAL: GENERAL_JOURNAL,
    EntryKind.RESERVE_TOP_UP: GENERAL_JOURNAL,
    EntryKind.GUARANTEE_FUNDED: ISSUE_JOURNAL,
    EntryKind.GUARANTEE_RETURNED: ISSUE_JOURNAL,
}


def journal_of(kind: EntryKind, *, moves_reserve: bool) -> Journal:
    """Return the journal of an entry: the bank's holds every entry that moves the reserve's account, and no other.

    So its lines on that account are the bank's statement, line by line, also when a person says afterwards what a line
    in suspense was: that moves 471000 or 472000.
    """
    return BANK_JOURNAL if moves_reserve else JOURNALS[kind]


def in_order(*, entries: Iterable[BookEntry]) -> list[BookEntry]:
    """Return the entries by number, each of them sound; refuses as `sound`."""
    return list(sound(entries=sorted(entries, key=lambda entry: entry.number)))


def sound(*, entries: Iterable[BookEntry]) -> Iterator[BookEntry]:
    """Yield entries that come in the order of their numbers, each of them sound; memory flat.

    Refuses, entry by entry: entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced.
    """
    last = -1
    for entry in entries:
        if entry.number <= last:
            raise EntryNumberRepeated(number=entry.number)
        last = entry.number
        _check(entry)
        yield entry


def _check(entry: BookEntry) -> None:
    if not entry.lines:
        raise EntryWithoutLines(number=entry.number)
    for line in entry.lines:
        if min(line.debit_cents, line.credit_cents) != 0 or max(line.debit_cents, line.credit_cents) == 0:
            raise EntryLineMalformed(number=entry.number)
    difference_cents = sum(line.debit_cents - line.credit_cents for line in entry.lines)
    if difference_cents != 0:
        raise EntryUnbalanced(number=entry.number, difference_cents=difference_cents)


def balances_of(*, entries: Sequence[BookEntry]) -> tuple[AccountBalance, ...]:
    """Return the balance that the entries alone give each account they move, by account id."""
    accounts: dict[int, LedgerAccount] = {}
    cents: dict[int, int] = {}
    for entry in entries:
        for line in entry.lines:
            accounts[line.account.account_id] = line.account
            moved = line.debit_cents - line.credit_cents
            cents[line.account.account_id] = cents.get(line.account.account_id, 0) + moved
    return tuple(AccountBalance(account=accounts[key], balance_cents=cents[key]) for key in sorted(accounts))
