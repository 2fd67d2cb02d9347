"""The trial balance ("balance générale"): debits, credits and balance of each general account, and its CSV.

The CSV is what Excel and LibreOffice in French open with a double click: semicolons, comma decimals, and a byte order
mark, without which Excel reads UTF-8 as Windows-1252 and breaks every accent.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from monnaie_locale.exports.model import BookEntry, LedgerAccount, sound
from monnaie_locale.exports.plain_text import one_line
from monnaie_locale.ledger.money import format_decimal

HEADINGS = ("Compte", "Libellé", "Débit", "Crédit", "Solde débiteur", "Solde créditeur")
TOTAL = "Total"
ENCODING = "utf-8-sig"
# A cell that starts so may be run as a formula when a spreadsheet opens the file (OWASP, CSV injection).
# The wide forms of East Asian keyboards count too.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceRow:
    """One general account: what was debited and credited, in cents."""

    code: str
    label: str
    debit_cents: int
    credit_cents: int

    @property
    def debit_balance_cents(self) -> int:
        """Return by how much the debits exceed the credits, or 0."""
        return max(self.debit_cents - self.credit_cents, 0)

    @property
    def credit_balance_cents(self) -> int:
        """Return by how much the credits exceed the debits, or 0."""
        return max(self.credit_cents - self.debit_cents, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """The rows by account code, and their totals in cents: debits equal credits, and so do the balances."""

    rows: tuple[TrialBalanceRow, ...]
    debit_cents: int
    credit_cents: int
    debit_balance_cents: int
    credit_balance_cents: int


@dataclass(slots=True)
class TrialBalanceCount:
    """A trial balance while its entries come: debits and credits of each general account so far, in cents."""

    labels: dict[str, str] = field(default_factory=dict)
    debits: dict[str, int] = field(default_factory=dict)
    credits: dict[str, int] = field(default_factory=dict)

    def add(self, entry: BookEntry) -> None:
        """Count a sound entry."""
        for line in entry.lines:
            self.count(line.account, debit_cents=line.debit_cents, credit_cents=line.credit_cents)

    def count(self, account: LedgerAccount, *, debit_cents: int, credit_cents: int) -> None:
        """Count what was debited and credited on an account."""
        code = account.general_code
        self.labels.setdefault(code, account.general_label)
        self.debits[code] = self.debits.get(code, 0) + debit_cents
        self.credits[code] = self.credits.get(code, 0) + credit_cents

    def balance(self) -> TrialBalance:
        """Return the trial balance of what was counted."""
        rows = tuple(
            TrialBalanceRow(
                code=code, label=self.labels[code], debit_cents=self.debits[code], credit_cents=self.credits[code]
            )
            for code in sorted(self.labels)
        )
        return TrialBalance(
            rows=rows,
            debit_cents=sum(row.debit_cents for row in rows),
            credit_cents=sum(row.credit_cents for row in rows),
            debit_balance_cents=sum(row.debit_balance_cents for row in rows),
            credit_balance_cents=sum(row.credit_balance_cents for row in rows),
        )


def trial_balance(*, entries: Iterable[BookEntry]) -> TrialBalance:
    """Return the trial balance of entries in the order of their numbers, one row per general account.

    Refuses entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced.
    """
    counting = TrialBalanceCount()
    for entry in sound(entries=entries):
        counting.add(entry)
    return counting.balance()


def write_trial_balance(*, balance: TrialBalance) -> bytes:
    """Return the CSV: a heading, one line per account, the totals."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for row in balance.rows:
        amounts = (row.debit_cents, row.credit_cents, row.debit_balance_cents, row.credit_balance_cents)
        writer.writerow([_cell(row.code), _cell(row.label), *(format_decimal(each, point=",") for each in amounts)])
    totals = (
        balance.debit_cents,
        balance.credit_cents,
        balance.debit_balance_cents,
        balance.credit_balance_cents,
    )
    writer.writerow([TOTAL, "", *(format_decimal(each, point=",") for each in totals)])
    return text.getvalue().encode(ENCODING)


def _cell(text: str) -> str:
    """Return the text on one line, so written that no spreadsheet runs it as a formula."""
    plain = one_line(text)
    return f"'{plain}" if plain.startswith(FORMULA_STARTS) else plain
