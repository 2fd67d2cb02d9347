"""The balance générale, the développement des soldes and the treasury of a period.

Rows are summed from the transfers, control totals come from the accounts' counters (or from the sums by kind): a
document that is given proves that both agree. Source: CGCT D1611-25, 1° to 3°.
"""

import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet
from monnaie_locale.documents.wording import count_shown
from monnaie_locale.exports.books import closing_balances
from monnaie_locale.exports.labels import ENTRY_LABELS, auxiliary_code, registered_label
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.directory import Owner
from monnaie_locale.journal.ledger_lines import event_totals
from monnaie_locale.journal.period_balances import balances_at_end, kinds_at_end
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.ledger.accounts import AccountKind, Balance

DEBIT, CREDIT = "Débit", "Crédit"
BALANCE_COLUMNS = (
    Column("Compte"),
    Column("Libellé", share=1),
    *(
        Column(f"{what} {side}", Kind.CENTS)
        for what in ("Report", "Mouvements", "Solde")
        for side in ("débit", "crédit")
    ),
)  # fmt: skip
OPEN_COLUMNS = (
    Column("Compte"),
    Column("Libellé du compte", share=3),
    Column("Tiers"),
    Column("Détail", share=4),
    Column(DEBIT, Kind.CENTS),
    Column(CREDIT, Kind.CENTS),
)
TREASURY_COLUMNS = (
    Column("Nature", share=1),
    Column("Opérations", Kind.COUNT),
    Column("Recettes", Kind.CENTS),
    Column("Dépenses", Kind.CENTS),
)


def balance_sheet(scope: Scope) -> Sheet:
    """Return the balance générale: per general account the balance brought forward, what moved, the balance."""
    accounts = scope.accounts()
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    days = {"first_day": scope.first_day, "last_day": scope.last_day}
    spans = (
        scope.once(balances_at_end, last_day=scope.day_before),
        scope.once(balances_through, **days),
    )
    for place, moves in enumerate(spans):
        for account_id, moved in moves.items():
            found = sums[accounts[account_id].general_code]
            found[2 * place] += moved.debits_cents
            found[2 * place + 1] += moved.credits_cents
    labels = {account.general_code: account.general_label for account in accounts.values()}
    rows: list[Row] = []
    for code in sorted(sums):
        before_debit, before_credit, debit, credit = sums[code]
        rows.append((
            code, labels[code], *_by_side(before_debit - before_credit), debit, credit,
            *_by_side(before_debit - before_credit + debit - credit),
        ))  # fmt: skip
    return Sheet(
        name="balance", title="Balance générale", standing=scope.standing, columns=BALANCE_COLUMNS,
        rows=lambda: iter(rows), control=_balance_control(scope, len(rows)), empty="Aucun compte n’a bougé.",
    )  # fmt: skip


def _balance_control(scope: Scope, row_count: int) -> Control:
    """Return the totals by another way: the sums by kind at both ends of the period."""
    before = scope.once(kinds_at_end, last_day=scope.day_before)
    after = scope.once(kinds_at_end, last_day=scope.last_day)
    sums = [0] * 6
    for kind in AccountKind:
        sums[0] += max(-before[kind].net_credit_cents, 0)
        sums[1] += max(before[kind].net_credit_cents, 0)
        sums[2] += after[kind].debits_cents - before[kind].debits_cents
        sums[3] += after[kind].credits_cents - before[kind].credits_cents
        sums[4] += max(-after[kind].net_credit_cents, 0)
        sums[5] += max(after[kind].net_credit_cents, 0)
    return Control(row_count, dict(zip([column.title for column in BALANCE_COLUMNS[2:]], sums, strict=True)))


def open_balances_sheet(scope: Scope) -> Sheet:
    """Return the développement des soldes: every account that holds something, purses grouped when they are many."""
    held = {
        account_id: -moved.net_credit_cents
        for account_id, moved in scope.once(balances_at_end, last_day=scope.last_day).items()
        if moved.net_credit_cents
    }
    counters = [
        each.balance_cents for each in scope.once(closing_balances, last_day=scope.last_day) if each.balance_cents
    ]
    is_long = scope.is_long(len(held))
    rows = _grouped(scope, held) if is_long else _each(scope, held)
    sums = {
        DEBIT: sum(cents for cents in counters if cents > 0),
        CREDIT: -sum(cents for cents in counters if cents < 0),
    }
    return Sheet(
        name="developpement-soldes", title="Développement des soldes", standing=scope.standing, columns=OPEN_COLUMNS,
        is_wide=True,
        rows=lambda: iter(rows), control=Control(len(rows) if is_long else len(counters), sums),
        empty="Aucun compte n’a de solde.",
        sums_up="Porte-monnaie groupés par dispositif et par date : chacun est dans le fichier CSV." if is_long else "",
        signatures=("Certifié conforme à la balance générale",),
    )  # fmt: skip


def _each(scope: Scope, held: dict[int, int]) -> list[Row]:
    accounts, detail = scope.accounts(), _in_words(scope)
    ordered = sorted(held, key=lambda account_id: (accounts[account_id].general_code, account_id))
    return [
        (
            accounts[account_id].general_code, accounts[account_id].general_label,
            accounts[account_id].auxiliary_code, detail(accounts[account_id].owner), *_by_side(held[account_id]),
        )
        for account_id in ordered
    ]  # fmt: skip


def _grouped(scope: Scope, held: dict[int, int]) -> list[Row]:
    """Return the same with the purses of a programme and an expiry on one line."""
    accounts, detail, general = scope.accounts(), _in_words(scope), scope.chart.issuer(AccountKind.PURSE)
    purses: dict[Owner, list[int]] = defaultdict(list)
    others: dict[int, int] = {}
    for account_id, cents in held.items():
        if accounts[account_id].kind is AccountKind.PURSE:
            purses[replace(accounts[account_id].owner, wallet_id=0)].append(cents)
        else:
            others[account_id] = cents
    grouped: list[Row] = [
        (
            general.code, general.french, auxiliary_code(group),
            f"{count_shown(len(cents))} porte-monnaie, {detail(group)}", *_by_side(sum(cents)),
        )
        for group, cents in purses.items()
    ]  # fmt: skip
    return sorted([*_each(scope, others), *grouped], key=lambda row: (str(row[0]), str(row[2])))


def _in_words(scope: Scope) -> Callable[[Owner], str]:
    """Return what says whose an account is, in the words of the registers of the period."""
    programmes = {each.programme_id: each.name for each in scope.registers.programmes}
    shops = {each.id: f"{each.code} {each.name}" for each in scope.registers.merchants}
    return functools.partial(registered_label, programmes=programmes, shops=shops)


def treasury_sheet(scope: Scope) -> Sheet:
    """Return what came into the reserve and what left it, by nature, between its two balances."""
    before = scope.once(kinds_at_end, last_day=scope.day_before)[AccountKind.RESERVE]
    after = scope.once(kinds_at_end, last_day=scope.last_day)[AccountKind.RESERVE]
    moved = scope.once(event_totals, first_day=scope.first_day, last_day=scope.last_day,
        kind=AccountKind.RESERVE,
    )  # fmt: skip
    rows: list[Row] = [("Solde au début", None, *_treasury_side(-before.net_credit_cents))]
    rows += [(ENTRY_LABELS[each.entry_kind], each.entry_count, each.debit_cents, each.credit_cents) for each in moved]
    rows.append(("Solde à la fin", None, *reversed(_treasury_side(-after.net_credit_cents))))
    sums_cents = _treasury_sums(before, after)
    return Sheet(
        name="tresorerie", title="Situation de trésorerie", standing=scope.standing, columns=TREASURY_COLUMNS,
        rows=lambda: iter(rows), control=Control(len(rows), sums_cents),
        notes=("Le solde à la fin est porté en face pour que les deux colonnes aient le même total.",),
    )  # fmt: skip


def _treasury_sums(before: Balance, after: Balance) -> dict[str, int]:
    """Return the totals from the two balances alone: both columns add up to the same amount."""
    opening, closing = -before.net_credit_cents, -after.net_credit_cents
    receipts = max(opening, 0) + after.debits_cents - before.debits_cents + max(-closing, 0)
    payments = max(-opening, 0) + after.credits_cents - before.credits_cents + max(closing, 0)
    return {"Recettes": receipts, "Dépenses": payments}


def _treasury_side(balance_cents: int) -> tuple[int | None, int | None]:
    """Return a balance in the column of its side; nothing at the bank is a balance too, and it is said."""
    return _by_side(balance_cents) if balance_cents else (0, None)


def _by_side(balance_cents: int) -> tuple[int | None, int | None]:
    """Return a balance in the column of its side, nothing in the other."""
    return (balance_cents, None) if balance_cents > 0 else (None, -balance_cents or None)
