"""The documents of a year: the annual account and the list of shops of the CAP, the figures for the ACPR."""

import datetime
from collections import defaultdict
from collections.abc import Collection

from merchants.payouts.cap_claims import lapsed_by_programme
from monnaie_locale.documents.sheet import Column, Control, Kind, Row, Sheet, control_of
from monnaie_locale.documents.wording import day_short, siret_shown
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.journal.ledger_lines import PurseUse, event_totals, purse_counts, purse_uses
from monnaie_locale.journal.period_balances import kinds_at_end
from monnaie_locale.journal.purse_flows import taken_from_purses
from monnaie_locale.ledger.accounts import OWED_KINDS, AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.legal_bases import BASES
from monnaie_locale.programmes.model import LegalBasis, Programme

SHOPS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})
CAP_COLUMNS = (
    Column("Dispositif", share=3),
    Column("Titres", Kind.COUNT),
    Column("Commandé", Kind.CENTS),
    Column("Utilisé et dû aux commerçants", Kind.CENTS),
    Column("Périmé", Kind.CENTS),
    Column("Encore en circulation", Kind.CENTS),
    Column("À rembourser au CCAS", Kind.CENTS),
)
CLAIMANT_COLUMNS = (
    Column("Commerçant"),
    Column("Nom", share=3),
    Column("SIRET"),
    Column("Adresse", share=4),
    Column("Montant utilisé", Kind.CENTS),
)
FIGURE_COLUMNS = (Column("Indicateur", share=1), Column("Nombre", Kind.COUNT), Column("Montant", Kind.AMOUNT))


def cap_account_sheet(scope: Scope) -> Sheet:
    """Return the annual account of the CAP: what was ordered, used, lapsed, what goes back to the CCAS.

    A title is a purse that expires in the year. What a shop gave back after it expired, and what it claimed too late,
    is not due to it and goes back to the CCAS. Source: CGCT R1611-6 and R1611-10.
    """
    rules, year = BASES[LegalBasis.CAP], scope.first_day.year
    programmes = _cap_programmes(scope)
    counts = purse_counts(
        scope.db, territory_id=scope.territory_id, expires_from=scope.first_day, expires_to=scope.last_day
    )
    uses, due = _uses(scope), _due_to_shops(scope, programmes)
    rows: list[Row] = []
    for number, programme in sorted(programmes.items()):
        mine = [use for use in uses if use.programme_id == number]
        ordered = -sum(use.net_debit_cents for use in mine if use.other_kind is AccountKind.PROGRAMME_FUNDS)
        used = sum(cents for (_, programme_id), cents in due.items() if programme_id == number)
        given_up = sum(use.net_debit_cents for use in mine if use.other_kind in SHOPS) - used
        lapsed = given_up + sum(use.net_debit_cents for use in mine if use.other_kind is AccountKind.EXPIRED)
        left = -sum(use.net_debit_cents for use in mine)
        if ordered or counts.get(number):
            rows.append((programme.name, counts.get(number, 0), ordered, used, lapsed, left, ordered - used))
    account = next(each for each in rules.deadlines(year=year) if each.code == "cap_account")
    return Sheet(
        name="compte-annuel-cap", title=f"Compte annuel des chèques d’accompagnement personnalisé {year}",
        standing=scope.standing, columns=CAP_COLUMNS, rows=lambda: iter(rows), control=control_of(CAP_COLUMNS, rows),
        empty="Aucun titre de cette année.", signatures=("L’émetteur", "L’ordonnateur du CCAS"),
        notes=(
            f"À remettre au CCAS le {day_short(account.due_on)} au plus tard ({account.source}).",
            "À rembourser au CCAS : commandé moins utilisé chez les commerçants.",
            ("Titres rejetés (R1611-6) : aucun n’est inscrit, la caisse refuse un titre périmé ou un achat hors objet "
            "avant tout encaissement."),
            *rules.mentions_for(ccas=scope.territory.ccas_name, issuer=scope.territory.issuer_name, year=year),
        ),
    )  # fmt: skip


def cap_claimants_sheet(scope: Scope) -> Sheet:
    """Return the shops that took titles of the year, with what is due to them for these (CGCT R1611-6)."""
    taken: dict[int, int] = defaultdict(int)
    for (merchant_id, _), cents in _due_to_shops(scope, _cap_programmes(scope)).items():
        taken[merchant_id] += cents
    rows: list[Row] = [
        (
            shop.code, shop.name, siret_shown(shop.siret),
            f"{shop.address.building} {shop.address.street}, {shop.address.postcode} {shop.address.town}".strip(" ,"),
            taken[shop.id],
        )
        for shop in scope.registers.merchants
        if taken[shop.id]
    ]  # fmt: skip
    return Sheet(
        name="commercants-cap", title="Commerçants qui ont présenté des titres", standing=scope.standing,
        columns=CLAIMANT_COLUMNS, rows=lambda: iter(rows), empty="Aucun commerçant.",
        control=Control(len(rows), {"Montant utilisé": sum(taken.values())}),
    )  # fmt: skip


def _cap_programmes(scope: Scope) -> dict[int, Programme]:
    return {one.programme_id: one for one in scope.registers.programmes if one.legal_basis is LegalBasis.CAP}


def _last_date(scope: Scope) -> datetime.date:
    """Return the last of the dates of the year's titles: what happens later is not in their account."""
    return BASES[LegalBasis.CAP].deadlines(year=scope.first_day.year)[-1].due_on


def _uses(scope: Scope) -> list[PurseUse]:
    """Return what became of the titles that expire in the year, until the last of their dates."""
    return purse_uses(
        scope.db, territory_id=scope.territory_id, expires_from=scope.first_day, expires_to=scope.last_day,
        last_day=_last_date(scope),
    )  # fmt: skip


def _due_to_shops(scope: Scope, programmes: Collection[int]) -> dict[tuple[int, int], int]:
    """Return what shops took of the year's titles, less what they gave back and claimed too late: (shop, programme)."""
    which = {"territory_id": scope.territory_id, "year": scope.first_day.year, "through_on": _last_date(scope)}
    due = taken_from_purses(scope.db, programme_ids=programmes, after_on=None, **which)  # type: ignore[arg-type]
    for key, cents in lapsed_by_programme(scope.db, **which).items():  # type: ignore[arg-type]
        due[key] = due.get(key, 0) - cents
    return due


def acpr_sheet(scope: Scope) -> Sheet:
    """Return the figures of the year for the report to the ACPR: volumes, what circulates, what covers it.

    Source: CMF L521-3 and L525-6 (limited network): an annual report on the conditions and the security of the means
    of payment; these are its figures, the report is the issuer's.
    """
    events = {
        each.entry_kind: each
        for each in event_totals(
            scope.db, territory_id=scope.territory_id, first_day=scope.first_day, last_day=scope.last_day
        )
    }
    ends = _month_ends(scope)
    rows: list[Row] = [
        (label, events[kind].entry_count if kind in events else 0, events[kind].debit_cents if kind in events else 0)
        for label, kind in (
            ("Émissions (distributions)", EntryKind.DISTRIBUTION),
            ("Paiements chez les commerçants", EntryKind.CHARGE),
            ("Paiements entre commerçants", EntryKind.MERCHANT_PAYMENT),
            ("Remboursements aux porteurs", EntryKind.REFUND),
            ("Virements ordonnés aux commerçants", EntryKind.PAYOUT_ORDER),
            ("Virements retournés par la banque", EntryKind.PAYOUT_RETURNED),
            ("Contre-passations", EntryKind.REVERSAL),
        )
    ]
    highest = max(ends, key=lambda end: end[1])
    rows += [
        ("Commerçants admis", len(scope.registers.merchants), None),
        (f"Monnaie en circulation au {day_short(scope.last_day)}", None, ends[-1][1]),
        (f"Plus haute circulation d’une fin de mois ({day_short(highest[0])})", None, highest[1]),
        (f"Réserve au {day_short(scope.last_day)}", None, ends[-1][2]),
        ("Fins de mois où la réserve ne couvrait pas la circulation", sum(end[2] < end[1] for end in ends), None),
    ]
    return Sheet(
        name="chiffres-acpr", title="Chiffres pour le rapport annuel à l’ACPR", standing=scope.standing,
        columns=FIGURE_COLUMNS, rows=lambda: iter(rows), control=Control(len(rows), {}),
        notes=(
            ("Réseau limité d’accepteurs (CMF L521-3 et L525-5) : ces chiffres nourrissent le rapport annuel sur le "
            "respect des conditions et la sécurité du moyen de paiement, que rédige l’émetteur."),
            "Circulation : porte-monnaie, commerçants à payer, virements en cours, monnaie périmée à rendre.",
        ),
    )  # fmt: skip


def _month_ends(scope: Scope) -> list[tuple[datetime.date, int, int]]:
    """Return, at the end of each month of the year, what circulates and what the reserve holds, in cents."""
    found = []
    month = Month.of(scope.first_day)
    while month.first_day <= scope.last_day:
        held = kinds_at_end(scope.db, territory_id=scope.territory_id, last_day=month.last_day)
        owed_cents = sum(held[kind].net_credit_cents for kind in OWED_KINDS)
        found.append((month.last_day, owed_cents, -held[AccountKind.RESERVE].net_credit_cents))
        month = month.next()
    return found
