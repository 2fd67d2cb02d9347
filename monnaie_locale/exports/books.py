"""Read the journal into the accountant's words: numbered entries of debits and credits on coded accounts."""

import datetime
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from monnaie_locale.chart.queries import chart_of
from monnaie_locale.exports.labels import ENTRY_LABELS, auxiliary_code, auxiliary_label
from monnaie_locale.exports.model import OPENING_JOURNAL, AccountBalance, BookEntry, BookLine, LedgerAccount, journal_of
from monnaie_locale.journal.period_balances import balances_at_end
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.journal.queries import accounts_of, entries
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import JournalEntry
from monnaie_locale.ledger.periods import paris_date


def ledger_accounts(db: Connection, *, territory_id: int, day: datetime.date) -> dict[int, LedgerAccount]:
    """Return every account of the territory by number, under its line of the chart in force on a day."""
    chart = chart_of(db, territory_id=territory_id, day=day)
    return {
        account.account_id: LedgerAccount(
            account_id=account.account_id,
            owner=account.owner,
            general_code=chart.issuer(account.owner.kind).code,
            general_label=chart.issuer(account.owner.kind).french,
            auxiliary_code=auxiliary_code(account.owner),
            auxiliary_label=auxiliary_label(account.owner),
            opened_on=paris_date(account.opened_at_ms),
        )
        for account, _ in accounts_of(db, territory_id=territory_id)
    }


def book_entries(
    db: Connection, *, territory_id: int, first_day: datetime.date | None, last_day: datetime.date
) -> Iterator[BookEntry]:
    """Yield the entries accounted between two days, both included, in the order of their numbers.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        first_day: the first day; None is the beginning of the books.
        last_day: the last day.

    """
    accounts = ledger_accounts(db, territory_id=territory_id, day=last_day)
    for posted in entries(db, territory_id=territory_id, accounted_from=first_day, accounted_to=last_day):
        yield as_book_entry(posted.entry, accounts)


def as_book_entry(entry: JournalEntry, accounts: Mapping[int, LedgerAccount]) -> BookEntry:
    """Return one entry with its debits, then its credits, one line per account and side."""
    debits: dict[int, int] = {}
    credits_: dict[int, int] = {}
    for line in entry.transfers:
        debits[line.debit_account_id] = debits.get(line.debit_account_id, 0) + line.amount_cents
        credits_[line.credit_account_id] = credits_.get(line.credit_account_id, 0) + line.amount_cents
    is_banked = any(accounts[each].kind is AccountKind.RESERVE for each in (*debits, *credits_))
    journal = journal_of(entry.kind, moves_reserve=is_banked)
    label = ENTRY_LABELS[entry.kind]
    if entry.reverses_entry_id is not None:
        label = f"{label} de l’écriture {entry.reverses_entry_id}"
    return BookEntry(
        number=entry.entry_id,
        kind=entry.kind,
        journal_code=journal.code,
        journal_label=journal.french,
        accounted_on=entry.accounted_on,
        recorded_on=paris_date(entry.recorded_at_ms),
        piece_reference=entry.reference or f"EC{entry.entry_id}",
        piece_on=paris_date(entry.happened_at_ms),
        label=label,
        lines=(
            *(BookLine(account=accounts[each], debit_cents=cents, credit_cents=0) for each, cents in debits.items()),
            *(BookLine(account=accounts[each], debit_cents=0, credit_cents=cents) for each, cents in credits_.items()),
        ),
    )


def opening_entry(db: Connection, *, territory_id: int, first_day: datetime.date) -> BookEntry | None:
    """Return what the accounts hold when a year or a month begins, as its first entry; None when nothing is held.

    Source: LPF A47 A-1: the first numbers of a file are the balances brought forward.
    """
    accounts = ledger_accounts(db, territory_id=territory_id, day=first_day)
    before = first_day - datetime.timedelta(days=1)
    # Summed from the entries, not from the counters: a program that recomputes the year proves the counters.
    lines = tuple(
        BookLine(
            account=accounts[account_id],
            debit_cents=max(-moved.net_credit_cents, 0),
            credit_cents=max(moved.net_credit_cents, 0),
        )
        for account_id, moved in balances_at_end(db, territory_id=territory_id, last_day=before).items()
        if moved.net_credit_cents
    )
    if not lines:
        return None
    return BookEntry(
        number=0,
        kind=None,
        journal_code=OPENING_JOURNAL.code,
        journal_label=OPENING_JOURNAL.french,
        accounted_on=first_day,
        recorded_on=first_day,
        piece_reference=f"AN{first_day:%Y}" if first_day.month == 1 else f"AN{first_day:%Y-%m}",
        piece_on=first_day,
        label=f"À nouveau au {first_day:%d/%m/%Y}",
        lines=lines,
    )


def closing_balances(db: Connection, *, territory_id: int, last_day: datetime.date) -> tuple[AccountBalance, ...]:
    """Return what each account holds at the end of a day: its counter less what moved it on later days.

    It never sums the earlier entries, so that a program that does so proves the counters.
    """
    accounts = ledger_accounts(db, territory_id=territory_id, day=last_day)
    later = balances_through(
        db,
        territory_id=territory_id,
        first_day=last_day + datetime.timedelta(days=1),
        last_day=datetime.date.max,
    )
    held = []
    for account, balance in accounts_of(db, territory_id=territory_id):
        moved = later.get(account.account_id)
        net_credit_cents = balance.net_credit_cents - (moved.net_credit_cents if moved else 0)
        held.append(AccountBalance(account=accounts[account.account_id], balance_cents=-net_credit_cents))
    return tuple(held)
