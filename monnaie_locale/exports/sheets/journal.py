"""The journal and the grand-livre of a period: every line, or centralised by day when there are too many for paper.

Source: C. com. R123-174 to R123-177: the journal registers day by day what moves the accounts, entries of auxiliary
journals are centralised at least once a month.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from monnaie_locale.documents.sheet import Column, Control, Kind, PartSubtotal, Row, Sheet, Subtotal
from monnaie_locale.exports.labels import ENTRY_LABELS
from monnaie_locale.exports.model import LedgerAccount, journal_of
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.ledger_lines import AccountLine, DayTotal, day_totals, lines_by_account, period_control
from monnaie_locale.journal.period_balances import balances_at_end, kinds_at_end
from monnaie_locale.ledger.accounts import AccountKind

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
    Column("Report", Kind.AMOUNT),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
    Column("Solde", Kind.AMOUNT),
)
DAY_LEDGER_COLUMNS = (
    Column("Compte"),
    Column("Libellé du compte", share=3),
    Column("Date", Kind.DAY),
    Column("Lignes", Kind.COUNT),
    Column("Report", Kind.AMOUNT),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
    Column("Solde", Kind.AMOUNT),
)
CARRIED = "Report"
TOTAL_OF_ACCOUNT, TOTAL_OF_THIRD_PARTY = "Total du compte", "Total du tiers"
SUBTOTALS = (
    "Chaque total de compte ou de tiers donne le report, les débits, les crédits et le solde ; les totaux de contrôle "
    "et le nombre de lignes ne comptent pas ces totaux."
)


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
    """Return the grand-livre: account by account, its balance brought forward, each line, the balance after it, totals.

    In the order of codes; a code stands for one kind of account, so that its accounts come together.
    """
    days = {"first_day": scope.first_day, "last_day": scope.last_day}
    line_count, cents = scope.once(period_control, **days)
    sums = {DEBIT: cents, CREDIT: cents}
    if scope.is_long(line_count):
        rows = _day_ledger_rows(scope)
        return Sheet(
            name="grand-livre", title="Grand-livre centralisé", standing=scope.standing, columns=DAY_LEDGER_COLUMNS,
            rows=lambda: iter(rows), control=Control(sum(not isinstance(row, Subtotal) for row in rows), sums),
            sums_up=BY_DAY, notes=(SUBTOTALS,),
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
        empty="Aucune écriture.", notes=(*_names_of_accounts(scope), SUBTOTALS),
    )  # fmt: skip


def _names_of_accounts(scope: Scope) -> tuple[str, ...]:
    """Return what each code of the rows stands for; the lines have no room for it."""
    held = scope.once(kinds_at_end, last_day=scope.last_day)
    moved = {scope.chart.issuer(kind) for kind, total in held.items() if total.debits_cents or total.credits_cents}
    named = sorted(f"{account.code} {account.french}" for account in moved)
    return (f"Comptes : {' ; '.join(named)}.",) if named else ()


def _ledger_rows(scope: Scope, accounts: dict[int, LedgerAccount], opening: dict[int, int]) -> Iterator[Row]:
    """Yield the lines of each account after its balance brought forward, then its totals, and those of its code.

    Accounts that did not move are there too: their balance brought forward is all there is to say of them.
    """
    moved = _accounts_with_lines(scope, accounts, opening)
    for code, group in itertools.groupby(moved, key=lambda each: each[0].general_code):
        of_code = _Sums()
        for account, lines in group:
            sums = _Sums(carried_cents=opening.get(account.account_id, 0))
            yield from _account_rows(scope, account, lines, sums)
            of_code.add(sums)
        yield Subtotal((f"{TOTAL_OF_ACCOUNT} {code}", None, None, None, None, None, account.general_label, *of_code))


def _accounts_with_lines(
    scope: Scope, accounts: dict[int, LedgerAccount], opening: dict[int, int]
) -> Iterator[tuple[LedgerAccount, Iterator[AccountLine]]]:
    """Yield each account that holds or moved something, in the order of codes, with its lines, to be read at once."""
    kinds = sorted(AccountKind, key=lambda kind: scope.chart.issuer(kind).code)
    place = {kind: at for at, kind in enumerate(kinds)}

    def order(account_id: int) -> tuple[int, int]:
        return place[accounts[account_id].kind], account_id

    lines = lines_by_account(
        scope.db, territory_id=scope.territory_id, first_day=scope.first_day, last_day=scope.last_day, kinds=kinds
    )
    waiting = deque(sorted(opening, key=order))
    for account_id, moved in itertools.groupby(lines, key=lambda line: line.account_id):
        while waiting and order(waiting[0]) < order(account_id):
            yield accounts[waiting.popleft()], iter(())
        if waiting and waiting[0] == account_id:
            waiting.popleft()
        yield accounts[account_id], moved
    for account_id in waiting:
        yield accounts[account_id], iter(())


def _account_rows(scope: Scope, account: LedgerAccount, lines: Iterator[AccountLine], sums: "_Sums") -> Iterator[Row]:
    """Yield the rows of one account and count them; of one with a third party that moved, its totals too."""
    code, auxiliary, balance_cents, has_moved = account.general_code, account.auxiliary_code, sums.carried_cents, False
    if balance_cents:
        carried = (code, auxiliary, scope.first_day, None, "", "", CARRIED)
        yield (*carried, balance_cents, None, None, balance_cents)
    for line in lines:
        has_moved = True
        sums.debit_cents += line.debit_cents
        sums.credit_cents += line.credit_cents
        balance_cents += line.debit_cents - line.credit_cents
        yield (
            code, auxiliary, line.accounted_on, line.entry_id,
            _journal_code(line), line.reference or f"EC{line.entry_id}", ENTRY_LABELS[line.entry_kind],
            None, line.debit_cents or None, line.credit_cents or None, balance_cents,
        )  # fmt: skip
    if auxiliary and has_moved:
        yield PartSubtotal((f"{TOTAL_OF_THIRD_PARTY} {code}", auxiliary, None, None, None, None, None, *sums))


@dataclass(slots=True)
class _Sums:
    """What an account, or all those of a code, brought forward and moved so far: debits less credits, in cents."""

    carried_cents: int = 0
    debit_cents: int = 0
    credit_cents: int = 0

    def add(self, other: "_Sums") -> None:
        """Count those of one account."""
        self.carried_cents += other.carried_cents
        self.debit_cents += other.debit_cents
        self.credit_cents += other.credit_cents

    def __iter__(self) -> Iterator[int]:
        """Yield the last cells of a subtotal: brought forward, debit, credit, balance."""
        balance_cents = self.carried_cents + self.debit_cents - self.credit_cents
        return iter((self.carried_cents, self.debit_cents, self.credit_cents, balance_cents))


def _journal_code(moved: AccountLine | DayTotal) -> str:
    return journal_of(moved.entry_kind, moves_reserve=moved.moves_reserve).code


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
        sums = _Sums(carried_cents=balance_cents)
        if balance_cents:
            carried = (account.code, account.french, scope.first_day, None)
            rows.append((*carried, balance_cents, None, None, balance_cents))
        for day, group in itertools.groupby(moved.get(kind, ()), key=lambda total: total.accounted_on):
            of_day = list(group)
            debit_cents = sum(total.debit_cents for total in of_day)
            credit_cents = sum(total.credit_cents for total in of_day)
            balance_cents += debit_cents - credit_cents
            count = sum(total.line_count for total in of_day)
            rows.append((account.code, account.french, day, count, None, debit_cents, credit_cents, balance_cents))
            sums.add(_Sums(debit_cents=debit_cents, credit_cents=credit_cents))
        if sums.carried_cents or kind in moved:
            rows.append(Subtotal((f"{TOTAL_OF_ACCOUNT} {account.code}", account.french, None, None, *sums)))
    return rows
