"""Read what is prepared and approved about rejected transfers that the bank paid all the same."""

from sqlalchemy import Connection, select

from monnaie_locale.reconciliation.errors import PaidRejectionUnknown
from monnaie_locale.reconciliation.model import PaidRejection, PaidRejectionState
from monnaie_locale.reconciliation.tables import paid_rejections

NAMES = [column.name for column in paid_rejections.c if column.name not in {"territory_id", "id", "state"}]


def paid_rejections_of(
    db: Connection, *, territory_id: int, state: PaidRejectionState | None = None
) -> list[PaidRejection]:
    """Return what was prepared, oldest first; only what is in a state, when asked."""
    query = select(paid_rejections).where(paid_rejections.c.territory_id == territory_id)
    if state is not None:
        query = query.where(paid_rejections.c.state == state.value)
    rows = db.execute(query.order_by(paid_rejections.c.id)).mappings()
    return [
        PaidRejection(
            paid_rejection_id=row["id"],
            state=PaidRejectionState(row["state"]),
            **{name: row[name] for name in NAMES},
        )
        for row in rows
    ]


def paid_rejection_of(db: Connection, *, territory_id: int, paid_rejection_id: int) -> PaidRejection:
    """Return one of them; refuses paid_rejection_unknown."""
    for each in paid_rejections_of(db, territory_id=territory_id):
        if each.paid_rejection_id == paid_rejection_id:
            return each
    raise PaidRejectionUnknown(paid_rejection_id=paid_rejection_id)
