"""The four matches of a month: the same money counted from two sides."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.journal.event_queries import days_of
from monnaie_locale.journal.periods import Flow, flows_through, kinds_through
from monnaie_locale.journal.queries import accounts_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.queries import funding_orders_of
from monnaie_locale.reconciliation.queries import bank_position

SHOPS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})
BANK = frozenset({AccountKind.RESERVE, AccountKind.SUSPENSE_IN, AccountKind.SUSPENSE_OUT})
FUNDS = frozenset({AccountKind.PROGRAMME_FUNDS})
FEES = frozenset({AccountKind.RECONVERSION_FEES})
SPENT = FUNDS | {AccountKind.PURSE, AccountKind.OFFLINE_GUARANTEE, AccountKind.EXPIRED}
TRANSIT = frozenset({AccountKind.PAYOUT_TRANSIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSides:
    """One of the four matches: the same money counted in two ways, in cents."""

    code: str
    left_fr: str
    left_cents: int | None
    right_fr: str
    right_cents: int

    @property
    def gap_cents(self) -> int | None:
        """Return what the left side has more, or None when it is not known."""
        return None if self.left_cents is None else self.left_cents - self.right_cents


def four_matches(db: Connection, territory_id: int, month: Month) -> tuple[TwoSides, ...]:
    """Return the four matches of a month, each from two ways that do not share a figure.

    Wallets ↔ liabilities; the bank ↔ the ledger; redemptions ↔ paid, in transit and due; funding orders ↔ receipts.
    """
    day = month.last_day
    flows = flows_through(db, territory_id=territory_id, last_day=day)
    balances = kinds_through(db, territory_id=territory_id, last_day=day)
    position = bank_position(db, territory_id=territory_id, day=day)
    held = {
        kind: balances[kind].net_credit_cents
        for kind in (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT, AccountKind.PAYOUT_TRANSIT)
    }
    return (
        TwoSides(
            code="wallets",
            left_fr="Somme des porte-monnaie",
            left_cents=_purses(db, territory_id, flows),
            right_fr="Distribué, dépensé, remboursé, périmé",
            right_cents=_moved(flows, AccountKind.PURSE),
        ),
        TwoSides(
            code="bank",
            left_fr="Solde selon la banque",
            left_cents=None if position is None else position.balance_cents,
            right_fr="Compte de réserve",
            right_cents=-balances[AccountKind.RESERVE].net_credit_cents,
        ),
        TwoSides(
            code="redemptions",
            left_fr="Encaissé, moins remboursé",
            left_cents=_spent(flows),
            right_fr="Payé (et commissions), en cours et dû aux commerçants",
            right_cents=_paid(flows)
            + held[AccountKind.PAYOUT_TRANSIT]
            + held[AccountKind.MERCHANT]
            + held[AccountKind.MERCHANT_DEBT],
        ),
        TwoSides(
            code="fundings",
            left_fr="Financements annoncés et reçus",
            left_cents=_received(db, territory_id, day),
            right_fr="Distribué et restant à distribuer",
            right_cents=_funded(flows),
        ),
    )


def _moved(flows: Sequence[Flow], kind: AccountKind) -> int:
    return sum(flow.amount_cents * ((flow.credit_kind is kind) - (flow.debit_kind is kind)) for flow in flows)


def _net(flows: Sequence[Flow], debit: frozenset[AccountKind], credit: frozenset[AccountKind]) -> int:
    """Return what went from accounts of some kinds to accounts of others, less what came back."""
    there = sum(flow.amount_cents for flow in flows if flow.debit_kind in debit and flow.credit_kind in credit)
    back = sum(flow.amount_cents for flow in flows if flow.debit_kind in credit and flow.credit_kind in debit)
    return there - back


def _purses(db: Connection, territory_id: int, flows: Sequence[Flow]) -> int:
    """Return what the purses held: the sum of their counters, less what moved after the day."""
    purses = accounts_of(db, territory_id=territory_id, kinds=[AccountKind.PURSE])
    moved_since = flows_through(db, territory_id=territory_id, last_day=datetime.date.max)
    counters_cents = sum(balance.net_credit_cents for _, balance in purses)
    return counters_cents - _moved(moved_since, AccountKind.PURSE) + _moved(flows, AccountKind.PURSE)


def _spent(flows: Sequence[Flow]) -> int:
    return _net(flows, SPENT, SHOPS)


def _paid(flows: Sequence[Flow]) -> int:
    """Return what the bank paid the shops, less what came back, and the issuer's fees on it."""
    return _net(flows, TRANSIT, BANK) - _net(flows, BANK, SHOPS) + _net(flows, SHOPS, FEES)


def _received(db: Connection, territory_id: int, day: datetime.date) -> int:
    """Return the orders that had come in, by the orders themselves."""
    orders = {
        order.entry_id: order.amount_cents
        for order in funding_orders_of(db, territory_id=territory_id)
        if order.entry_id is not None
    }
    days = days_of(db, territory_id=territory_id, entry_ids=list(orders))
    return sum(cents for entry_id, cents in orders.items() if days[entry_id] <= day)


def _funded(flows: Sequence[Flow]) -> int:
    return _net(flows, BANK, FUNDS)
