"""Hold who prepared and who approved, as it is stored, against the audit trail.

A month whose close, lock and certificate were all taken away leaves nothing in the books to miss: the trail remembers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.queries import list_payouts
from monnaie_locale.closing.queries import closes_of, reopenings_of
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.verify import Finding
from monnaie_locale.programmes.guarantee_queries import guarantee_moves_of
from monnaie_locale.programmes.queries import distributions_of
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of
from wallets.move_queries import moves

ACTIONS = tuple(
    f"{what}.{step}"
    for what in ("distribution", "payout", "close", "reopening", "wallet-move", "guarantee-move", "paid-rejection")
    for step in ("prepare", "approve")
)
FRENCH = {
    "distribution": "La distribution",
    "payout": "Le virement groupé",
    "close": "L’arrêté",
    "reopening": "La réouverture de l’arrêté",
    "wallet-move": "Le déplacement",
    "guarantee-move": "Le mouvement de garantie",
    "paid-rejection": "Le virement rejeté et payé",
}


@dataclass(frozen=True, slots=True)
class _Signed:
    """What two people did: who is stored as having prepared and approved it."""

    target: str
    prepared_by: str
    approved_by: str | None


def check_approvals(db: Connection, *, territory_id: int) -> Iterator[Finding]:
    """What the trail says was prepared and approved is there, by whom it says."""
    told: dict[tuple[str, str], str] = {}
    # The last one counts: what is prepared again replaces what was prepared.
    for event in events_of_actions(db, territory_id=territory_id, actions=ACTIONS):
        told[event.action, event.target] = event.actor
    stored = {each.target: each for each in _stored(db, territory_id)}
    for each in stored.values():
        yield from _check(each, told)
    for (_, target), actor in told.items():
        if target not in stored:
            what, _, number = target.partition(":")
            yield Finding(
                "approval_missing",
                target.replace(":", " "),
                f"{FRENCH[what]} n° {number}, dont le journal d’audit se souvient ({actor}), a disparu.",
            )


def _check(signed: _Signed, told: dict[tuple[str, str], str]) -> Iterator[Finding]:
    what, _, number = signed.target.partition(":")
    for step, by in (("prepare", signed.prepared_by), ("approve", signed.approved_by)):
        actor = told.get((f"{what}.{step}", signed.target))
        if actor != by:
            verb = "préparé" if step == "prepare" else "approuvé"
            yield Finding(
                "preparer_differs" if step == "prepare" else "approver_differs",
                signed.target.replace(":", " "),
                f"{FRENCH[what]} n° {number} : {verb} par {by or 'personne'} selon sa ligne, par {actor or 'personne'}"
                " selon le journal d’audit.",
            )


def _stored(db: Connection, territory_id: int) -> Iterator[_Signed]:
    for distribution in distributions_of(db, territory_id=territory_id):
        target = f"distribution:{distribution.distribution_id}"
        yield _Signed(target, distribution.prepared_by, distribution.approved_by)
    for payout in list_payouts(db, territory_id=territory_id):
        yield _Signed(f"payout:{payout.id}", payout.prepared_by, payout.approved_by)
    for move in moves(db, territory_id=territory_id):
        yield _Signed(f"wallet-move:{move.move_id}", move.prepared_by, move.approved_by)
    for guaranteed in guarantee_moves_of(db, territory_id=territory_id):
        yield _Signed(f"guarantee-move:{guaranteed.move_id}", guaranteed.prepared_by, guaranteed.approved_by)
    for each in paid_rejections_of(db, territory_id=territory_id):
        yield _Signed(f"paid-rejection:{each.paid_rejection_id}", each.prepared_by, each.approved_by)
    for close in closes_of(db, territory_id=territory_id):
        yield _Signed(f"close:{close.close_id}", close.prepared_by, close.approved_by)
    for reopening in reopenings_of(db, territory_id=territory_id).values():
        yield _Signed(f"reopening:{reopening.close_id}", reopening.prepared_by, reopening.approved_by)
