"""Write the books of a year as an hledger journal, so that a second program that we did not write recomputes them.

Source: hledger manual 1.25, "Journal format". Debits are positive; every closing balance is asserted to the cent with
"=", which counts one account alone.
"""

import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence

from monnaie_locale.exports.beancount import account_names
from monnaie_locale.exports.errors import EntryOutsidePeriod
from monnaie_locale.exports.model import AccountBalance, BookEntry, sound
from monnaie_locale.exports.plain_text import one_line
from monnaie_locale.ledger.money import format_decimal

CURRENCY = "EUR"
ENTRIES_PER_PART = 500
# What begins a comment, ends a description or separates a tag: kept out of what people wrote.
NOT_IN_TEXT = str.maketrans(dict.fromkeys(';|:,()"', " "))


def hledger_parts(
    *,
    title: str,
    entries: Iterable[BookEntry],
    opening: BookEntry | None,
    balances: Sequence[AccountBalance],
    closed_on: datetime.date,
) -> Iterator[bytes]:
    """Yield the journal of a year, some hundred entries a part: accounts, opening balances, entries, assertions.

    Args:
        title: a comment on the first line.
        entries: every entry of the year up to `closed_on`, in the order of their numbers.
        opening: the balances brought forward, or None.
        balances: what the ledger's counters say each account holds at the end of `closed_on`; every account is there.
        closed_on: the last day covered.

    Refuses, entry by entry: entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced,
    entry_outside_period.
    """
    names = account_names({balance.account.account_id: balance.account for balance in balances})
    head = [f"; {one_line(title)}", f"commodity 1000.00 {CURRENCY}"]
    yield _written([*head, *(f"account {name}" for name in sorted(names.values()))])
    part: list[str] = []
    brought_forward = [] if opening is None else [opening]
    for entry in sound(entries=itertools.chain(brought_forward, entries)):
        if entry.accounted_on > closed_on:
            raise EntryOutsidePeriod(number=entry.number, accounted_on=entry.accounted_on.strftime("%d/%m/%Y"))
        part.append(_transaction(entry, names))
        if len(part) == ENTRIES_PER_PART:
            yield _written(part)
            part = []
    asserted = [
        f"    {names[each.account.account_id]}  0 {CURRENCY} = {format_decimal(each.balance_cents)} {CURRENCY}"
        for each in balances
    ]
    if asserted:
        part.append("\n".join([f"{closed_on} * Soldes constatés", *asserted]))
    yield _written(part)


def _transaction(entry: BookEntry, names: dict[int, str]) -> str:
    description = _text(f"{entry.journal_code} {entry.label}")
    lines = [f"{entry.accounted_on} * ({entry.number}) {description}  ; piece:{_text(entry.piece_reference)}"]
    for line in entry.lines:
        amount = format_decimal(line.debit_cents - line.credit_cents)
        lines.append(f"    {names[line.account.account_id]}  {amount} {CURRENCY}")
    return "\n".join(lines)


def _text(text: str) -> str:
    return " ".join(one_line(text).translate(NOT_IN_TEXT).split())


def _written(blocks: list[str]) -> bytes:
    return ("\n\n".join(blocks) + "\n\n").encode() if blocks else b""
