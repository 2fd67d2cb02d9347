"""Write the books as a Beancount journal, so that a program we did not write recomputes every balance.

Source: Beancount language syntax (v2 and v3). Debits are positive; every closing balance is asserted to the cent.
"""

import datetime
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from monnaie_locale.exports.errors import EntryOutsidePeriod
from monnaie_locale.exports.model import AccountBalance, BookEntry, LedgerAccount, in_order, sound
from monnaie_locale.exports.plain_text import one_line
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.money import format_decimal

CURRENCY = "EUR"
ROOTS: dict[AccountKind, str] = {
    AccountKind.RESERVE: "Assets",
    AccountKind.PROGRAMME_FUNDS: "Liabilities",
    AccountKind.PURSE: "Liabilities",
    AccountKind.MERCHANT: "Liabilities",
    AccountKind.PAYOUT_TRANSIT: "Liabilities",
    AccountKind.EXPIRED: "Liabilities",
    AccountKind.MERCHANT_DEBT: "Assets",
    AccountKind.SUSPENSE_IN: "Liabilities",
    AccountKind.SUSPENSE_OUT: "Assets",
    AccountKind.BANK_CHARGES: "Expenses",
    AccountKind.RECONVERSION_FEES: "Income",
    AccountKind.OFFLINE_GUARANTEE: "Liabilities",
}
# A component starts with a capital or a digit and goes on with letters, digits and hyphens.
NOT_IN_COMPONENT = re.compile(r"[^A-Za-z0-9-]+")
# Without it Beancount tolerates a difference of one cent in a balance of two decimals.
EXACTLY = "~ 0.00"
ENTRIES_PER_PART = 500


def write_beancount(
    *, title: str, entries: Iterable[BookEntry], balances: Iterable[AccountBalance], closed_on: datetime.date
) -> str:
    """Return the journal: accounts opened, one transaction per entry, each balance asserted the day after the close.

    Args:
        title: shown by programs that read the journal.
        entries: every entry since the books began, up to `closed_on`, in any order.
        balances: what the ledger says each account holds at the end of `closed_on`; taken from the balance rows and
            not from the entries, the assertions prove that both agree.
        closed_on: the last day covered.

    Refuses, in this order: entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced,
    entry_outside_period.
    """
    ordered = in_order(entries=entries)
    held = {balance.account.account_id: balance for balance in balances}
    moved: dict[int, datetime.date] = {}
    for entry in ordered:
        for line in entry.lines:
            number = line.account.account_id
            moved[number] = min(moved.get(number, entry.accounted_on), entry.accounted_on)
    accounts = {line.account.account_id: line.account for entry in ordered for line in entry.lines}
    accounts |= {number: balance.account for number, balance in held.items()}
    return b"".join(
        beancount_parts(
            title=title, entries=ordered, accounts=accounts, moved_on=moved, balances=held.values(), closed_on=closed_on
        )
    ).decode()


def beancount_parts(
    *,
    title: str,
    entries: Iterable[BookEntry],
    accounts: Mapping[int, LedgerAccount],
    moved_on: Mapping[int, datetime.date],
    balances: Iterable[AccountBalance],
    closed_on: datetime.date,
    opening: BookEntry | None = None,
) -> Iterator[bytes]:
    """Yield the journal of `write_beancount`, some hundred entries a part; memory flat.

    Args:
        title: shown by programs that read the journal.
        entries: every entry since the books began, or since `opening`, up to `closed_on`, in the order of their
            numbers.
        accounts: every account that moved or has a balance.
        moved_on: the first day on which an account moved: it is opened by then.
        balances: as `write_beancount`.
        closed_on: the last day covered.
        opening: the balances brought forward into a month or a year, as a transaction; None begins with nothing.

    Refuses as `write_beancount`.
    """
    names = account_names(accounts)
    opened = {
        number: min(account.opened_on, closed_on, moved_on.get(number, closed_on))
        for number, account in accounts.items()
    }
    blocks = [
        f'option "title" {_quoted(title)}\noption "operating_currency" "{CURRENCY}"',
        "\n".join(f"{opened[key]} open {names[key]} {CURRENCY}" for key in sorted(names, key=lambda key: names[key])),
    ]
    brought_forward = [] if opening is None else [opening]
    for rank, entry in enumerate(sound(entries=itertools.chain(brought_forward, entries)), start=1):
        if entry.accounted_on > closed_on:
            raise EntryOutsidePeriod(number=entry.number, accounted_on=entry.accounted_on.strftime("%d/%m/%Y"))
        blocks.append(_transaction(entry, names))
        if rank % ENTRIES_PER_PART == 0:
            yield "".join(f"{block}\n\n" for block in blocks if block).encode()
            blocks = []
    asserted_on = closed_on + datetime.timedelta(days=1)
    asserted = "\n".join(
        f"{asserted_on} balance {names[each.account.account_id]} "
        f"{format_decimal(each.balance_cents)} {EXACTLY} {CURRENCY}"
        for each in sorted(balances, key=lambda balance: balance.account.account_id)
    )
    yield ("\n\n".join(block for block in (*blocks, asserted) if block) + "\n").encode()


def _transaction(entry: BookEntry, names: Mapping[int, str]) -> str:
    """Return one entry: journal as payee, number and piece as metadata."""
    lines = [
        f"{entry.accounted_on} * {_quoted(entry.journal_code)} {_quoted(entry.label)}",
        f"  number: {entry.number}",
        f"  piece: {_quoted(entry.piece_reference)}",
    ]
    for line in entry.lines:
        amount = format_decimal(line.debit_cents - line.credit_cents)
        lines.append(f"  {names[line.account.account_id]} {amount} {CURRENCY}")
    return "\n".join(lines)


def account_names(accounts: Mapping[int, LedgerAccount]) -> dict[int, str]:
    """Return each account's name; one that another account shares, or lies under, is told apart by its id.

    Beancount counts what lies under an account in its balance, which the ledger does not.
    """
    plain = {account_id: _name(account) for account_id, account in accounts.items()}
    seen = Counter(plain.values())
    parents = {name.rpartition(":")[0] for name in plain.values()}
    return {
        account_id: f"{name}:Id{account_id}" if seen[name] > 1 or name in parents else name
        for account_id, name in plain.items()
    }


def _name(account: LedgerAccount) -> str:
    components = [_component(part) for part in (account.general_code, account.auxiliary_code)]
    return ":".join([ROOTS[account.kind], *(component for component in components if component)])


def _component(text: str) -> str:
    """Return the text as one component of an account name, empty when nothing of it can be kept."""
    plain = NOT_IN_COMPONENT.sub("-", text).strip("-")
    return plain[:1].upper() + plain[1:]


def _quoted(text: str) -> str:
    """Return the text between double quotes, on one line."""
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
