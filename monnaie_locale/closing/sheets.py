"""The documents of a month as tables: which there are, and the two that only a close can say."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from monnaie_locale.chart.queries import chart_of
from monnaie_locale.closing.aged_items import aged_items, in_transit
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.frozen import Said
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.rapprochement import signatory
from monnaie_locale.documents.model import LogHead
from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet, Standing, control_of
from monnaie_locale.documents.wording import count_shown
from monnaie_locale.exports.books import closing_balances
from monnaie_locale.exports.paper import issuer_of
from monnaie_locale.exports.sheets.balances import balance_sheet, open_balances_sheet
from monnaie_locale.exports.sheets.journal import general_ledger_sheet, journal_sheet
from monnaie_locale.exports.sheets.programmes import programme_use_sheet
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.exports.sheets.shops import bordereau_sheet, debts_sheet, payables_sheet
from monnaie_locale.journal.period_balances import kinds_at_end
from monnaie_locale.journal.periods import span_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import Month, moment_of

TRANSIT, SUSPENSE = "En cours à la banque", "À classer"
AGED_COLUMNS = (
    Column("Depuis le", Kind.DAY),
    Column("Jours", Kind.COUNT),
    Column("Nature", share=2),
    Column("Référence", share=2),
    Column("Explication", share=4),
    Column(TRANSIT, Kind.CENTS),
    Column(SUSPENSE, Kind.CENTS),
)
DEBIT, CREDIT = "Débit", "Crédit"
MINUTES_COLUMNS = (Column("Compte"), Column("Libellé", share=1), Column(DEBIT, Kind.CENTS), Column(CREDIT, Kind.CENTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBooks:
    """A month of which documents are made: its scope, and its close, prepared or closed, or None."""

    scope: Scope
    month: Month
    close: Close | None


def month_books(
    db: Connection,
    *,
    said: Said,
    month: Month,
    close: Close | None,
    head: LogHead | None,
    created_at: datetime.datetime,
) -> MonthBooks:
    """Return a month ready for its documents.

    Args:
        db: a connection that sees one state of the books.
        said: of `frozen.said_of`, for the month.
        month: the month.
        close: its close, prepared or closed, or None.
        head: the signed head that the documents bear, or None.
        created_at: their date.

    """
    territory = said.registers.territory
    closed_at_ms = close.closed_at_ms if close is not None and close.is_closed else None
    standing = Standing(
        issuer=issuer_of(territory),
        currency_name=territory.currency_name,
        period=str(month),
        period_label=month.label_fr,
        closed_at=None if closed_at_ms is None else moment_of(closed_at_ms),
        created_at=created_at,
        head=head,
        is_demo=territory.is_demo,
    )
    scope = Scope(
        db=db, registers=said.registers, first_day=month.first_day, last_day=month.last_day, standing=standing,
        chart=chart_of(db, territory_id=territory.territory_id, day=month.last_day),
    )  # fmt: skip
    if said.differences is not None:
        scope.tell(open_differences, said.differences, month=month)
    return MonthBooks(scope=scope, month=month, close=close)


def aged_sheet(books: MonthBooks) -> Sheet:
    """Return the suspens of the rapprochement with their age, beside what the accounts themselves hold."""
    scope = books.scope
    db, territory_id, month = scope.db, scope.territory_id, books.month
    items = aged_items(
        db,
        territory_id=territory_id,
        month=month,
        transit=in_transit(db, territory_id=territory_id, month=month),
        differences=scope.once(open_differences, month=month),
    )
    rows: list[Row] = [
        (
            item.since, (scope.last_day - item.since).days, item.nature_fr, item.reference, item.explanation_fr,
            item.transit_cents or None, item.suspense_cents or None,
        )
        for item in items
    ]  # fmt: skip
    held = scope.once(kinds_at_end, last_day=scope.last_day)
    transit_cents = held[AccountKind.PAYOUT_TRANSIT].net_credit_cents
    suspense_cents = sum(held[kind].net_credit_cents for kind in (AccountKind.SUSPENSE_IN, AccountKind.SUSPENSE_OUT))
    gap_cents = sum(item.transit_cents + item.suspense_cents for item in items) - transit_cents - suspense_cents
    return Sheet(
        name="suspens", title="Suspens du rapprochement, avec leur âge", standing=scope.standing,
        columns=AGED_COLUMNS, rows=lambda: iter(rows), control=control_of(AGED_COLUMNS, rows), empty="Aucun suspens.",
        notes=(
            (f"Selon les comptes : {format_euros(transit_cents)} de virements en cours, {format_euros(suspense_cents)} "
            f"à classer ; écart avec cet état : {format_euros(gap_cents)}."),
        ),
    )  # fmt: skip


def minutes_sheet(books: MonthBooks) -> Sheet:
    """Return the procès-verbal d'arrêté: the balances closed, how many entries, what was checked, who signs."""
    scope, close = books.scope, books.close
    held = scope.once(kinds_at_end, last_day=scope.last_day)
    rows: list[Row] = []
    for kind in sorted(AccountKind, key=lambda kind: scope.chart.issuer(kind).code):
        cents = -held[kind].net_credit_cents
        if cents:
            account = scope.chart.issuer(kind)
            rows.append((account.code, account.french, max(cents, 0) or None, max(-cents, 0) or None))
    by_kind = dict.fromkeys(AccountKind, 0)
    for each in scope.once(closing_balances, last_day=scope.last_day):
        by_kind[each.account.kind] += each.balance_cents
    sums = {
        DEBIT: sum(cents for cents in by_kind.values() if cents > 0),
        CREDIT: -sum(cents for cents in by_kind.values() if cents < 0),
    }
    return Sheet(
        name="pv-arrete", title="Procès-verbal d’arrêté des écritures", standing=scope.standing,
        columns=MINUTES_COLUMNS, rows=lambda: iter(rows), control=Control(len(rows), sums),
        notes=_minutes_notes(books, close), signatures=("Le comptable ou régisseur", "L’ordonnateur"),
        empty="Aucun compte n’a de solde.",
    )  # fmt: skip


def _minutes_notes(books: MonthBooks, close: Close | None) -> tuple[str, ...]:
    scope = books.scope
    span = scope.once(span_of, first_day=scope.first_day, last_day=scope.last_day)
    entries = (
        f"Le mois {books.month.genitive_fr} compte {count_shown(span.entry_count)} écritures, du n° "
        f"{count_shown(span.first_entry_id)} au n° {count_shown(span.last_entry_id)}."
    )
    if close is None:
        return (entries, "L’arrêté n’est pas préparé : ce document n’est qu’un projet.")
    approved = signatory(close.approved_by, close.closed_at_ms).name or "personne encore"
    signed = f"Préparé par {signatory(close.prepared_by, close.prepared_at_ms).name}, approuvé par {approved}."
    carried = (f"Reporté : {close.carried_reason}",) if close.carried_reason else ()
    return (entries, *(check.sentence_fr for check in close.checks), *carried, signed)


MonthBuilder = Callable[[MonthBooks], Sheet]
MONTH_SHEETS: Mapping[str, MonthBuilder] = {
    "pv-arrete": minutes_sheet,
    "suspens": aged_sheet,
    "journal": lambda books: journal_sheet(books.scope),
    "grand-livre": lambda books: general_ledger_sheet(books.scope),
    "balance": lambda books: balance_sheet(books.scope),
    "developpement-soldes": lambda books: open_balances_sheet(books.scope),
    "restes-a-payer": lambda books: payables_sheet(books.scope),
    "indus": lambda books: debts_sheet(books.scope),
    "bordereau": lambda books: bordereau_sheet(books.scope),
    "compte-emploi": lambda books: programme_use_sheet(books.scope),
}
MONTH_TITLES: Mapping[str, str] = {
    "pv-arrete": "Procès-verbal d’arrêté",
    "suspens": "Suspens du rapprochement, avec leur âge",
    "journal": "Journal",
    "grand-livre": "Grand-livre",
    "balance": "Balance générale",
    "developpement-soldes": "Développement des soldes",
    "restes-a-payer": "Restes à payer aux commerçants",
    "indus": "Indus à récupérer",
    "bordereau": "Bordereau des virements",
    "compte-emploi": "Compte d’emploi par dispositif",
}


def month_sheet(books: MonthBooks, *, name: str, lines_max: int | None) -> Sheet:
    """Return one document of a month; `lines_max` as `Scope`. KeyError when there is no such document."""
    return MONTH_SHEETS[name](replace(books, scope=books.scope.with_lines_max(lines_max)))
