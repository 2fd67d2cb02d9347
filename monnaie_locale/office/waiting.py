"""What waits for somebody, and for whom: the front page of the back office."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.model import PayoutState
from merchants.queries import list_payouts
from monnaie_locale.closing.model import CloseState
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.programmes.guarantee_queries import guarantee_moves_of
from monnaie_locale.programmes.model import DistributionState, FundingState, GuaranteeMoveState
from monnaie_locale.programmes.queries import distributions_of, funding_orders_of
from monnaie_locale.reconciliation.model import PaidRejectionState
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of
from monnaie_locale.reconciliation.queries import unresolved
from wallets.model import MoveState
from wallets.move_queries import moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that waits: who may do it, what it is, and the page where it is done."""

    permission: Permission
    sentence_fr: str
    endpoint: str
    prepared_by: str = ""


def tasks(db: Connection, *, territory_id: int) -> list[Task]:
    """Return everything that waits in the territory, in the order of the month."""
    return [
        *_fundings(db, territory_id),
        *_distributions(db, territory_id),
        *_guarantees(db, territory_id),
        *_wallet_moves(db, territory_id),
        *_bank(db, territory_id),
        *_paid_rejections(db, territory_id),
        *_payouts(db, territory_id),
        *_closes(db, territory_id),
    ]


def _fundings(db: Connection, territory_id: int) -> Iterator[Task]:
    for order in funding_orders_of(db, territory_id=territory_id, state=FundingState.EXPECTED):
        yield Task(
            permission=Permission.VIEW_PROGRAMMES,
            sentence_fr=f"Financement attendu de {format_euros(order.amount_cents)}, référence {order.reference}.",
            endpoint="programmes.index",
        )


def _distributions(db: Connection, territory_id: int) -> Iterator[Task]:
    for each in distributions_of(db, territory_id=territory_id):
        total = format_euros(each.total_cents)
        if each.state is DistributionState.PREPARED:
            yield Task(
                permission=Permission.APPROVE_DISTRIBUTION,
                sentence_fr=f"Distribution « {each.label} » à approuver : {each.line_count} lignes, {total}.",
                endpoint="programmes.index",
                prepared_by=each.prepared_by,
            )
        elif each.state is DistributionState.APPROVED:
            yield Task(
                permission=Permission.VIEW_PROGRAMMES,
                sentence_fr=f"Distribution « {each.label} » approuvée, à verser : {total}.",
                endpoint="programmes.index",
            )


def _guarantees(db: Connection, territory_id: int) -> Iterator[Task]:
    for move in guarantee_moves_of(db, territory_id=territory_id, state=GuaranteeMoveState.PREPARED):
        yield Task(
            permission=Permission.APPROVE_GUARANTEE,
            sentence_fr=f"Garantie hors connexion, {format_euros(move.amount_cents)} à approuver.",
            endpoint="programmes.index",
            prepared_by=move.prepared_by,
        )


def _wallet_moves(db: Connection, territory_id: int) -> Iterator[Task]:
    for move in moves(db, territory_id=territory_id, state=MoveState.PREPARED):
        yield Task(
            permission=Permission.APPROVE_WALLET_MOVE,
            sentence_fr=f"{move.kind.label_fr} à approuver.",
            endpoint="wallet_moves.index",
            prepared_by=move.prepared_by,
        )


def _bank(db: Connection, territory_id: int) -> Iterator[Task]:
    waiting = unresolved(db, territory_id=territory_id)
    if waiting:
        yield Task(
            permission=Permission.RESOLVE_DIFFERENCE,
            sentence_fr=f"Mouvements bancaires à classer : {len(waiting)}.",
            endpoint="bank.index",
        )


def _paid_rejections(db: Connection, territory_id: int) -> Iterator[Task]:
    for each in paid_rejections_of(db, territory_id=territory_id, state=PaidRejectionState.PREPARED):
        yield Task(
            permission=Permission.APPROVE_PAYOUT,
            sentence_fr=f"Virement {each.end_to_end_id}, payé malgré le rejet : à approuver.",
            endpoint="differences.index",
            prepared_by=each.prepared_by,
        )


def _payouts(db: Connection, territory_id: int) -> Iterator[Task]:
    for payout in list_payouts(db, territory_id=territory_id):
        total = format_euros(payout.total_cents)
        if payout.state is PayoutState.PREPARED:
            yield Task(
                permission=Permission.APPROVE_PAYOUT,
                sentence_fr=f"Virement « {payout.label} » à approuver : {total}.",
                endpoint="payouts.index",
                prepared_by=payout.prepared_by,
            )
        elif payout.state is PayoutState.APPROVED:
            yield Task(
                permission=Permission.PREPARE_PAYOUT,
                sentence_fr=f"Virement « {payout.label} » approuvé, à transmettre à la banque : {total}.",
                endpoint="payouts.index",
            )


def _closes(db: Connection, territory_id: int) -> Iterator[Task]:
    for close in closes_of(db, territory_id=territory_id):
        if close.state is CloseState.PREPARED:
            yield Task(
                permission=Permission.APPROVE_CLOSE,
                sentence_fr=f"Arrêté {close.month.genitive_fr} à approuver.",
                endpoint="closes.index",
                prepared_by=close.prepared_by,
            )
