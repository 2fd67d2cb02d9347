"""The journal and the grand-livre of a period: every line, or centralised by day when there are too many for paper.

Source: C. com. R123-174 to R123-177: the journal registers day by day what moves the accounts, entries of auxiliary
journals are centralised at least once a month.
"""

import itertools
from collections.abc import Iterator

from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet
from monnaie_locale.exports.labels import ENTRY_LABELS
from monnaie_locale.exports.model import LedgerAccount, journal_of
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.ledger_lines import AccountLine, DayTotal, day_totals, lines_by_account, period_control
from monnaie_locale.journal.period_balances import balances_at_end, kinds_at_end

DEBIT, CREDIT = "Débit", "Crédit"
BY_DAY = (
    "Centralisé par jour : le détail, ligne par ligne, est dans le fichier CSV du même nom, qui a les mêmes totaux."
)
JOURNAL_COLUMNS = (
    Column("N°", Kind.NUMBER),
    Column("Date", Kind.DAY),
    Column("Journal"),
    Column("Pièce", share=3),
    Column("Compte"),
    Column("Tiers", share=3),
    Column("Libellé", share=4),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
)
DAY_JOURNAL_COLUMNS = (
    Column("Date", Kind.DAY),
    Column("Journal", share=3),
    Column("Compte"),
    Column("Libellé du compte", share=4),
    Column("Lignes", Kind.COUNT),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
)
LEDGER_COLUMNS = (
    Column("Compte"),
    Column("Tiers", share=3),
    Column("Date", Kind.DAY),
    Column("N°", Kind.NUMBER),
    Column("Journal"),
    Column("Pièce", share=3),
    Column("Libellé", share=4),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
    Column("Solde", Kind.AMOUNT),
)
DAY_LEDGER_COLUMNS = (
    Column("Compte"),
    Column("Libellé du compte", share=3),
    Column("Date", Kind.DAY),
    Column("Lignes", Kind.COUNT),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
    Column("Solde", Kind.AMOUNT),
)
CARRIED = "Report"


def journal_sheet(scope: Scope) -> Sheet:
    """Return the journal: each entry's lines in the order of numbers, or a line a day, journal and account."""
    days = {"first_day": scope.first_day, "last_day": scope.last_day}
    line_count, cents = scope.once(period_control, **days)
    sums = {DEBIT: cents, CREDIT: cents}
    if not scope.is_long(line_count):
        return Sheet(
            name="journal", title="Journal", standing=scope.standing, columns=JOURNAL_COLUMNS,
            rows=lambda: _journal_rows(scope), control=Control(line_count, sums), empty="Aucune écriture.",
            notes=_names_of_accounts(scope),
        )  # fmt: skip
    totals = scope.once(day_totals, **days)
    rows: list[Row] = [
        (
            total.accounted_on,
            f"{_journal_code(total)} {ENTRY_LABELS[total.entry_kind]}",
            scope.chart.issuer(total.kind).code,
            scope.chart.issuer(total.kind).french,
            total.line_count,
            total.debit_cents,
            total.credit_cents,
        )
        for total in totals
    ]
    return Sheet(
        name="journal", title="Journal centralisé", standing=scope.standing, columns=DAY_JOURNAL_COLUMNS,
        rows=lambda: iter(rows), control=Control(len(rows), sums), sums_up=BY_DAY,
    )  # fmt: skip


def _journal_rows(scope: Scope) -> Iterator[Row]:
    for entry in scope.entries():
        for line in entry.lines:
            yield (
                entry.number,
                entry.accounted_on,
                entry.journal_code,
                entry.piece_reference,
                line.account.general_code,
                line.account.auxiliary_code,
                entry.label,
                line.debit_cents or None,
                line.credit_cents or None,
            )


def general_ledger_sheet(scope: Scope) -> Sheet:
    """Return the grand-livre: account by account, its balance brought forward, each line, the balance after it."""
    days = {"first_day": scope.first_day, "last_day": scope.last_day}
    line_count, cents = scope.once(period_control, **days)
    sums = {DEBIT: cents, CREDIT: cents}
    if scope.is_long(line_count):
        rows = _day_ledger_rows(scope)
        return Sheet(
            name="grand-livre", title="Grand-livre centralisé", standing=scope.standing, columns=DAY_LEDGER_COLUMNS,
            rows=lambda: iter(rows), control=Control(len(rows), sums), sums_up=BY_DAY,
        )  # fmt: skip
    opening = {
        account_id: -balance.net_credit_cents
        for account_id, balance in scope.once(balances_at_end, last_day=scope.day_before).items()
        if balance.net_credit_cents
    }
    accounts = scope.accounts()
    return Sheet(
        name="grand-livre", title="Grand-livre", standing=scope.standing, columns=LEDGER_COLUMNS,
        rows=lambda: _ledger_rows(scope, accounts, opening), control=Control(line_count + len(opening), sums),
        empty="Aucune écriture.", notes=_names_of_accounts(scope),
    )  # fmt: skip


def _names_of_accounts(scope: Scope) -> tuple[str, ...]:
    """Return what each code of the rows stands for; the lines have no room for it."""
    held = scope.once(kinds_at_end, last_day=scope.last_day)
    moved = {scope.chart.issuer(kind) for kind, total in held.items() if total.debits_cents or total.credits_cents}
    named = sorted(f"{account.code} {account.french}" for account in moved)
    return (f"Comptes : {' ; '.join(named)}.",) if named else ()


def _ledger_rows(scope: Scope, accounts: dict[int, LedgerAccount], opening: dict[int, int]) -> Iterator[Row]:
    """Yield the lines of each account after its balance brought forward; accounts that did not move are there too."""
    lines = lines_by_account(
        scope.db, territory_id=scope.territory_id, first_day=scope.first_day, last_day=scope.last_day
    )
    waiting = sorted(opening, key=lambda account_id: (accounts[account_id].kind, account_id))
    at = 0
    for (kind, account_id), moved in itertools.groupby(lines, key=lambda line: (line.kind, line.account_id)):
        while at < len(waiting) and (accounts[waiting[at]].kind, waiting[at]) < (kind, account_id):
            yield _carried(scope, accounts[waiting[at]], opening[waiting[at]])
            at += 1
        account, balance_cents = accounts[account_id], opening.get(account_id, 0)
        if at < len(waiting) and waiting[at] == account_id:
            yield _carried(scope, account, balance_cents)
            at += 1
        for line in moved:
            balance_cents += line.debit_cents - line.credit_cents
            yield (
                account.general_code, account.auxiliary_code, line.accounted_on, line.entry_id,
                _journal_code(line), line.reference or f"EC{line.entry_id}", ENTRY_LABELS[line.entry_kind],
                line.debit_cents or None, line.credit_cents or None, balance_cents,
            )  # fmt: skip
    for account_id in waiting[at:]:
        yield _carried(scope, accounts[account_id], opening[account_id])


def _journal_code(moved: AccountLine | DayTotal) -> str:
    return journal_of(moved.entry_kind, moves_reserve=moved.moves_reserve).code


def _carried(scope: Scope, account: LedgerAccount, balance_cents: int) -> Row:
    code, auxiliary = account.general_code, account.auxiliary_code
    return (code, auxiliary, scope.first_day, None, "", "", CARRIED, None, None, balance_cents)


def _day_ledger_rows(scope: Scope) -> list[Row]:
    """Return the grand-livre of general accounts, a line a day."""
    opening = scope.once(kinds_at_end, last_day=scope.day_before)
    totals = sorted(
        scope.once(day_totals, first_day=scope.first_day, last_day=scope.last_day),
        key=lambda total: (scope.chart.issuer(total.kind).code, total.accounted_on),
    )
    moved = {kind: list(group) for kind, group in itertools.groupby(totals, key=lambda total: total.kind)}
    rows: list[Row] = []
    for kind in sorted(opening, key=lambda kind: scope.chart.issuer(kind).code):
        account, balance_cents = scope.chart.issuer(kind), -opening[kind].net_credit_cents
        if balance_cents:
            rows.append((account.code, account.french, scope.first_day, None, None, None, balance_cents))
        for day, group in itertools.groupby(moved.get(kind, ()), key=lambda total: total.accounted_on):
            of_day = list(group)
            debit_cents = sum(total.debit_cents for total in of_day)
            credit_cents = sum(total.credit_cents for total in of_day)
            balance_cents += debit_cents - credit_cents
            count = sum(total.line_count for total in of_day)
            rows.append((account.code, account.french, day, count, debit_cents, credit_cents, balance_cents))
    return rows
