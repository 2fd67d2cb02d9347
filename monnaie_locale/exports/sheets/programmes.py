"""The compte d'emploi of each programme in a period, and the aid of one distribution, with names or without."""

import datetime
from collections import defaultdict
from collections.abc import Iterator

from monnaie_locale.chart.model import CcasRole
from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet
from monnaie_locale.documents.wording import day_short
from monnaie_locale.exports.books import closing_balances
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.period_flows import flows_at_end
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.programmes.legal_bases import BASES
from monnaie_locale.programmes.model import Distribution, Programme
from monnaie_locale.programmes.queries import distribution_lines_of
from wallets.queries import households_of_wallets

FUNDS, PURSE, EXPIRED, RESERVE = (
    AccountKind.PROGRAMME_FUNDS, AccountKind.PURSE, AccountKind.EXPIRED, AccountKind.RESERVE,
)  # fmt: skip
SHOPS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})
AT_END, IN_PURSES = "À la fin", "Dont en porte-monnaie"
USE_COLUMNS = (
    Column("Dispositif", share=3),
    Column("Imputation proposée", share=2),
    *(
        Column(title, Kind.CENTS)
        for title in ("Au début", "Reçu", "Distribué", "Dépensé", "Périmé", "Rendu au CCAS", AT_END, IN_PURSES)
    ),
)
AMOUNT = "Montant"
AID_COLUMNS = (Column("N°", Kind.NUMBER), Column("Porte-monnaie", Kind.NUMBER, share=1), Column(AMOUNT, Kind.CENTS))
NAMED_COLUMNS = (
    Column("N°", Kind.NUMBER),
    Column("Dossier", share=1),
    Column("Bénéficiaire", share=2),
    Column(AMOUNT, Kind.CENTS),
)
LINES_PER_READ = 2000
# A flow: from one kind to another, of one programme.
Flows = dict[tuple[int, AccountKind, AccountKind], int]


def programme_use_sheet(scope: Scope) -> Sheet:
    """Return the compte d'emploi: what each programme had, got, spent, lost and has, in the period.

    At the end = at the beginning + received - spent - expired: what is distributed stays in the programme's purses.
    """
    programmes = {each.programme_id: each for each in scope.registers.programmes}
    before, after = _flows(scope, scope.day_before), _flows(scope, scope.last_day)
    period = {key: cents - before.get(key, 0) for key, cents in after.items()}
    found = {key[0] for key in after} & set(programmes)
    rows = [_use_row(scope, programmes[key], before, period, after) for key in sorted(found)]
    held: dict[AccountKind, int] = defaultdict(int)
    for each in scope.once(closing_balances, last_day=scope.last_day):
        held[each.account.kind] -= each.balance_cents
    # The end is known by the counters; the other columns only by the flows.
    sums = {
        column.title: sum(value for row in rows if isinstance(value := row[place], int))
        for place, column in enumerate(USE_COLUMNS) if column.kind is Kind.CENTS
    } | {AT_END: held[FUNDS] + held[PURSE], IN_PURSES: held[PURSE]}  # fmt: skip
    return Sheet(
        name="compte-emploi", title="Compte d’emploi par dispositif", standing=scope.standing, columns=USE_COLUMNS,
        rows=lambda: iter(rows), control=Control(len(rows), sums), empty="Aucun dispositif.",
        notes=(
            *(f"{programmes[key].name} : {programmes[key].legal_basis.label_fr}, {programmes[key].decision_reference} "
              f"du {day_short(programmes[key].decided_on)}." for key in sorted(found)),
            "À la fin = au début + reçu − dépensé − périmé. Dépensé : encaissements moins remboursements.",
        ),
    )  # fmt: skip


def _flows(scope: Scope, day: datetime.date) -> Flows:
    found: Flows = {}
    for flow in scope.once(flows_at_end, last_day=day):
        key = (flow.programme_id, flow.debit_kind, flow.credit_kind)
        found[key] = found.get(key, 0) + flow.amount_cents
    return found


def _use_row(scope: Scope, programme: Programme, before: Flows, period: Flows, after: Flows) -> Row:
    number = programme.programme_id
    spent_cents = sum(_net(period, number, PURSE, kind) - _net(period, number, kind, EXPIRED) for kind in SHOPS)
    expired_cents = _net(period, number, PURSE, EXPIRED) + sum(_net(period, number, kind, EXPIRED) for kind in SHOPS)
    given_back_cents = _net(period, number, EXPIRED, RESERVE)
    received_cents = sum(
        _net(period, number, kind, FUNDS) for kind in AccountKind if kind not in {FUNDS, PURSE, EXPIRED}
    )
    return (
        programme.name,
        scope.chart.ccas(CcasRole.AID, programme_id=number).code,
        _held(before, number),
        received_cents,
        _net(period, number, FUNDS, PURSE),
        spent_cents,
        expired_cents,
        given_back_cents,
        _held(after, number),
        sum(_net(after, number, kind, PURSE) for kind in AccountKind if kind is not PURSE),
    )


def _net(flows: Flows, programme_id: int, debit: AccountKind, credit: AccountKind) -> int:
    return flows.get((programme_id, debit, credit), 0) - flows.get((programme_id, credit, debit), 0)


def _held(flows: Flows, programme_id: int) -> int:
    """Return what a programme's funds and purses hold together."""
    return sum(
        _net(flows, programme_id, other, kind) for kind in (FUNDS, PURSE) for other in AccountKind
        if other not in {FUNDS, PURSE}
    )  # fmt: skip


def aid_sheet(
    scope: Scope, *, programme: Programme, distribution: Distribution, keyring: Keyring | None
) -> Sheet:  # fmt: skip
    """Return the état of one distribution's aid: nominatif with a keyring, else collectif, by wallet number.

    Source: CGCT, annexe I, rubrique 6112. Names are unsealed while the rows are written, and kept nowhere.
    """
    is_named = keyring is not None
    account = scope.chart.ccas(CcasRole.AID, programme_id=programme.programme_id)
    year = distribution.expires_on.year
    return Sheet(
        name=f"etat-{'nominatif' if is_named else 'collectif'}-{distribution.distribution_id}",
        title=f"État {'nominatif' if is_named else 'collectif'} de l’aide – {distribution.label}",
        standing=scope.standing,
        columns=NAMED_COLUMNS if is_named else AID_COLUMNS,
        rows=lambda: _aid_rows(scope, distribution, keyring),
        # Count and total were written, and checked by the database, when the distribution was prepared.
        control=Control(distribution.line_count, {AMOUNT: distribution.total_cents}),
        notes=(
            (
                f"Dispositif : {programme.name}. Décision : {programme.decision_reference} du "
                f"{day_short(programme.decided_on)}. Valable jusqu’au {day_short(distribution.expires_on)}."
            ),
            f"Imputation proposée : {account.code} {account.french}, à valider par le comptable.",
            *BASES[programme.legal_basis].mentions_for(
                ccas=scope.territory.ccas_name, issuer=scope.territory.issuer_name, year=year
            ),
            *(("Document nominatif : réservé à l’ordonnateur et au comptable (CASF L133-5).",) if is_named else ()),
        ),
        signatures=("L’ordonnateur",),
    )


def _aid_rows(scope: Scope, distribution: Distribution, keyring: Keyring | None) -> Iterator[Row]:
    after_line = 0
    while True:
        lines = distribution_lines_of(
            scope.db, territory_id=scope.territory_id, distribution_id=distribution.distribution_id,
            after_line=after_line, limit=LINES_PER_READ,
        )  # fmt: skip
        if not lines:
            return
        after_line = lines[-1].line_no
        if keyring is None:
            yield from ((line.line_no, line.wallet_id, line.amount_cents) for line in lines)
            continue
        households = households_of_wallets(
            scope.db, territory_id=scope.territory_id, wallet_ids=[line.wallet_id for line in lines], keyring=keyring
        )
        for line in lines:
            household = households[line.wallet_id]
            name = "Identité effacée" if household.is_erased else household.addressee[0]
            yield (line.line_no, household.reference, name, line.amount_cents)
