"""The documents of a year: what each legal basis asks for, and the supporting documents that go with a reddition."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from merchants.model import PayoutState
from merchants.queries import list_payouts
from monnaie_locale.documents.sheet import Column, Kind, Row, Sheet, control_of
from monnaie_locale.exports.sheets.balances import balance_sheet, open_balances_sheet, treasury_sheet
from monnaie_locale.exports.sheets.programmes import programme_use_sheet
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.exports.sheets.shops import debts_sheet
from monnaie_locale.exports.sheets.year import acpr_sheet, cap_account_sheet, cap_claimants_sheet
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.programmes.model import DistributionState
from monnaie_locale.programmes.queries import distributions_of, programmes_by_id
from monnaie_locale.reconciliation.queries import statements_of

VOUCHER_COLUMNS = (
    Column("Nature", share=2),
    Column("Référence", share=4),
    Column("Date", Kind.DAY),
    Column("Lignes", Kind.COUNT),
    Column("Montant", Kind.AMOUNT),
)
SENT_STATES = frozenset({PayoutState.APPROVED, PayoutState.SENT, PayoutState.SETTLED})


def _accounted(name: str, make: Callable[[Scope], Sheet]) -> Callable[[Scope], Sheet]:
    """Return a document of the reddition: the same as the monthly one, over the year, under its own name."""

    def of_year(scope: Scope) -> Sheet:
        sheet = make(scope)
        return replace(sheet, name=f"reddition-{name}", title=f"Reddition des comptes – {sheet.title}")

    return of_year


def vouchers_sheet(scope: Scope) -> Sheet:
    """Return the list of the supporting documents of a year, to go with the reddition (CGCT D1611-25, 5°)."""
    db, territory_id = scope.db, scope.territory_id
    programmes = programmes_by_id(db, territory_id=territory_id)
    rows: list[Row] = [
        ("Décision", f"{one.name} : {one.decision_reference}", one.decided_on, None, one.budget_cents)
        for one in programmes.values()
        if one.decided_on <= scope.last_day
    ]
    for batch in reversed(distributions_of(db, territory_id=territory_id, state=DistributionState.POSTED)):
        day = paris_date(batch.approved_at_ms or batch.prepared_at_ms)
        if scope.first_day <= day <= scope.last_day:
            rows.append(("État de l’aide", batch.label, day, batch.line_count, batch.total_cents))
    rows += [
        ("Relevé bancaire", each.statement_id, each.to_on, None, each.closing_cents)
        for each in reversed(statements_of(db, territory_id=territory_id))
        if scope.first_day <= each.to_on <= scope.last_day
    ]
    rows += [
        ("Bordereau de virements", f"{each.label} ({each.message_id})", each.execution_on, None, each.total_cents)
        for each in reversed(list_payouts(db, territory_id=territory_id))
        if each.state in SENT_STATES and scope.first_day <= each.execution_on <= scope.last_day
    ]
    return Sheet(
        name="reddition-pieces", title="Reddition des comptes – Pièces justificatives", standing=scope.standing,
        columns=VOUCHER_COLUMNS, rows=lambda: iter(rows), control=control_of(VOUCHER_COLUMNS, rows),
        signatures=("Reconnues exactes par le mandataire",), empty="Aucune pièce.",
        notes=("Montants : budget de la décision, total de l’état ou du bordereau, solde du relevé.",),
    )  # fmt: skip


# By the name that `legal_bases` gives them; the last three are for every basis.
YEAR_SHEETS: Mapping[str, Callable[[Scope], Sheet]] = {
    "reddition-balance": _accounted("balance", balance_sheet),
    "reddition-soldes": _accounted("soldes", open_balances_sheet),
    "reddition-tresorerie": _accounted("tresorerie", treasury_sheet),
    "reddition-impayes": _accounted("impayes", debts_sheet),
    "reddition-pieces": vouchers_sheet,
    "compte-annuel-cap": cap_account_sheet,
    "commercants-cap": cap_claimants_sheet,
    "compte-emploi": programme_use_sheet,
    "chiffres-acpr": acpr_sheet,
}
YEAR_TITLES: Mapping[str, str] = {
    "reddition-balance": "Reddition : balance générale",
    "reddition-soldes": "Reddition : développement des soldes",
    "reddition-tresorerie": "Reddition : situation de trésorerie",
    "reddition-impayes": "Reddition : créances impayées (indus)",
    "reddition-pieces": "Reddition : pièces justificatives",
    "compte-annuel-cap": "Compte annuel du CAP",
    "commercants-cap": "CAP : commerçants qui ont présenté des titres",
    "compte-emploi": "Compte d’emploi par dispositif",
    "chiffres-acpr": "Chiffres pour l’ACPR",
}
