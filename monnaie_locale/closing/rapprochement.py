"""The état de rapprochement of a month: the bank and the books brought together, from two independent sides."""

import datetime
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from monnaie_locale.chart.queries import chart_of
from monnaie_locale.closing.model import Close, Facts
from monnaie_locale.closing.wording import age_fr, waits_fr
from monnaie_locale.documents.model import (
    Difference,
    HeldBy,
    LogHead,
    Match,
    ProgrammeUse,
    Reconciliation,
    Signatory,
)
from monnaie_locale.documents.wording import mask_iban
from monnaie_locale.exports.paper import issuer_of
from monnaie_locale.exports.registers import Registers
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.journal.period_flows import flows_at_end
from monnaie_locale.journal.periods import Flow
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.reconciliation.differences.wording import told

CIRCULATION = {
    AccountKind.PURSE: "Porte-monnaie des bénéficiaires",
    AccountKind.MERCHANT: "Encaissements dus aux commerçants",
    AccountKind.PAYOUT_TRANSIT: "Virements aux commerçants en cours",
    AccountKind.EXPIRED: "Monnaie périmée à rendre au CCAS",
    AccountKind.OFFLINE_GUARANTEE: "Garantie des encaissements hors connexion",
}
SHOP_KINDS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})


def reconciliation_of(
    db: Connection, *, registers: Registers, facts: Facts, close: Close | None, head: LogHead | None
) -> Reconciliation:
    """Return the état de rapprochement.

    Args:
        db: a connection that sees one state of the books.
        registers: the town, its programmes.
        facts: of `facts.facts_of`, for the month.
        close: the month's close, prepared or closed, or None.
        head: the signed head to print, or None.

    """
    territory = registers.territory
    territory_id, last_day = territory.territory_id, facts.month.last_day
    flows = flows_at_end(db, territory_id=territory_id, last_day=last_day)
    reserve = chart_of(db, territory_id=territory_id, day=last_day).issuer(AccountKind.RESERVE)
    return Reconciliation(
        issuer=issuer_of(territory),
        currency_name=territory.currency_name,
        as_of=last_day,
        bank_account=mask_iban(territory.reserve_iban),
        bank_cents=facts.bank_cents or 0,
        books_account=f"{reserve.code} {reserve.french}",
        books_cents=-facts.held_cents[AccountKind.RESERVE],
        # The books record the bank from its statements and hold transfers in transit apart: no item is on one side.
        bank_items=(),
        book_items=(),
        differences=tuple(
            Difference(
                day=each.happened_on,
                label=f"{told(each).name}, {age_fr(each)}",
                amount_cents=each.amount_cents,
                explanation=f"{told(each).known} {waits_fr(each)}",
            )
            for each in facts.differences
        ),
        circulation=tuple(HeldBy(label, facts.held_cents[kind]) for kind, label in CIRCULATION.items()),
        programmes=_uses(flows, {each.programme_id: each.name for each in registers.programmes}),
        matches=_matches(facts, flows, reserve.code),
        prepared_by=signatory(close.prepared_by, close.prepared_at_ms) if close else Signatory(),
        approved_by=signatory(close.approved_by, close.closed_at_ms) if close else Signatory(),
        head=head,
        is_demo=territory.is_demo,
    )


def _matches(facts: Facts, flows: Sequence[Flow], reserve_code: str) -> tuple[Match, ...]:
    """Return the four checks: each amount is found twice, by different ways."""
    moved: dict[AccountKind, int] = defaultdict(int)
    for flow in flows:
        moved[flow.credit_kind] += flow.amount_cents
        moved[flow.debit_kind] -= flow.amount_cents
    held = facts.held_cents
    assets_cents = -sum(held[kind] for kind in AccountKind if held[kind] < 0)
    liabilities_cents = sum(held[kind] for kind in AccountKind if held[kind] > 0)
    return (
        Match(
            "La banque et les comptes",
            "Solde selon la banque",
            facts.bank_cents or 0,
            f"Compte {reserve_code}",
            -held[AccountKind.RESERVE],
        ),
        Match("Ce qui est détenu et ce qui est dû", "Actif et charges", assets_cents, "Dettes", liabilities_cents),
        Match(
            "Les porte-monnaie",
            "Somme des porte-monnaie",
            held[AccountKind.PURSE],
            "Distribué, dépensé, remboursé, périmé",
            moved[AccountKind.PURSE],
        ),
        Match(
            "Les commerçants",
            "Somme des comptes des commerçants",
            sum(held[kind] for kind in SHOP_KINDS),
            "Encaissé, remboursé, viré",
            sum(moved[kind] for kind in SHOP_KINDS),
        ),
    )


def _uses(flows: Sequence[Flow], names: dict[int, str]) -> tuple[ProgrammeUse, ...]:
    moved = {flow.programme_id for flow in flows}
    return tuple(
        _use(name, [flow for flow in flows if flow.programme_id == programme_id])
        for programme_id, name in names.items()
        if programme_id in moved
    )


def _use(name: str, flows: Sequence[Flow]) -> ProgrammeUse:
    """Return what became of one programme's money; expired money that goes back to the funds is not distributed."""

    def net(debit: frozenset[AccountKind], credit: frozenset[AccountKind]) -> int:
        there = sum(flow.amount_cents for flow in flows if flow.debit_kind in debit and flow.credit_kind in credit)
        back = sum(flow.amount_cents for flow in flows if flow.debit_kind in credit and flow.credit_kind in debit)
        return there - back

    funds, purse = frozenset({AccountKind.PROGRAMME_FUNDS}), frozenset({AccountKind.PURSE})
    expired, guarantee = frozenset({AccountKind.EXPIRED}), frozenset({AccountKind.OFFLINE_GUARANTEE})
    # A refund may fall in the expired money when its purse is past its grace.
    refunded_expired_cents = net(SHOP_KINDS, expired)
    held = funds | purse | guarantee
    return ProgrammeUse(
        name=name,
        funded_cents=net(frozenset({AccountKind.RESERVE, AccountKind.SUSPENSE_IN}), funds),
        distributed_cents=net(funds, purse),
        # What the guarantee paid was bought by a holder too; what it holds is the programme's own, as its funds are.
        spent_cents=net(purse | guarantee, SHOP_KINDS) - refunded_expired_cents,
        expired_cents=net(purse, expired) + refunded_expired_cents,
        remaining_cents=sum(
            flow.amount_cents * ((flow.credit_kind in held) - (flow.debit_kind in held)) for flow in flows
        ),
    )


def signatory(caller: str | None, at_ms: int | None) -> Signatory:
    """Return who signed, as the number that the books know: a name is for the pen."""
    if caller is None or at_ms is None:
        return Signatory()
    signed_on: datetime.date = paris_date(at_ms)
    kind, _, number = caller.partition(":")
    return Signatory(name=f"Agent n°\u00a0{number}" if kind == SubjectKind.STAFF else caller, signed_on=signed_on)
