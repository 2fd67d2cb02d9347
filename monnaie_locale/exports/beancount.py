"""Write the books as a Beancount journal, so that a program we did not write recomputes every balance.

Source: Beancount language syntax (v2 and v3). Debits are positive; every closing balance is asserted to the cent.
"""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from monnaie_locale.exports.errors import EntryOutsidePeriod
from monnaie_locale.exports.model import AccountBalance, BookEntry, LedgerAccount, in_order
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
    for entry in ordered:
        if entry.accounted_on > closed_on:
            raise EntryOutsidePeriod(number=entry.number, accounted_on=entry.accounted_on.strftime("%d/%m/%Y"))
    held = sorted(balances, key=lambda balance: balance.account.account_id)
    accounts = {line.account.account_id: line.account for entry in ordered for line in entry.lines}
    accounts |= {balance.account.account_id: balance.account for balance in held}
    names = account_names(accounts)
    opened = {account_id: min(account.opened_on, closed_on) for account_id, account in accounts.items()}
    for entry in ordered:
        for line in entry.lines:
            opened[line.account.account_id] = min(opened[line.account.account_id], entry.accounted_on)
    asserted_on = closed_on + datetime.timedelta(days=1)
    blocks = [
        f'option "title" {_quoted(title)}\noption "operating_currency" "{CURRENCY}"',
        "\n".join(f"{opened[key]} open {names[key]} {CURRENCY}" for key in sorted(names, key=lambda key: names[key])),
        *(_transaction(entry, names) for entry in ordered),
        "\n".join(
            f"{asserted_on} balance {names[each.account.account_id]} "
            f"{format_decimal(each.balance_cents)} {EXACTLY} {CURRENCY}"
            for each in held
        ),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


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
