"""Take back a bank's step on a payout line: its entry is reversed already, the line goes back where it was."""

from sqlalchemy import Connection, select, update

from merchants.model import LineState, PayoutState
from merchants.tables import payout_lines, payouts


def undo_line_step(db: Connection, *, territory_id: int, entry_id: int) -> str | None:
    """Let the line whose debit or return an entry was go back one step; return what stands in the way, or None.

    Args:
        db: the transaction, in which the entry was reversed: the database refuses the step back otherwise.
        territory_id: whose books.
        entry_id: the entry that settled or returned a line.

    Only a line that was returned since stands in the way of taking back its debit: then its identifier is returned.

    """
    columns = payout_lines.c
    row = (
        db.execute(
            select(columns.payout_id, columns.line_no, columns.state, columns.end_to_end_id, columns.settled_entry_id)
            .where(
                columns.territory_id == territory_id,
                (columns.settled_entry_id == entry_id) | (columns.returned_entry_id == entry_id),
            )
            .with_for_update()
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    is_debit = row["settled_entry_id"] == entry_id
    if is_debit and row["state"] == LineState.RETURNED.value:
        return str(row["end_to_end_id"])
    before = (
        {"state": LineState.ORDERED.value, "settled_entry_id": None}
        if is_debit
        else {"state": LineState.SETTLED.value, "returned_entry_id": None}
    )
    db.execute(
        update(payout_lines)
        .where(
            columns.territory_id == territory_id,
            columns.payout_id == row["payout_id"],
            columns.line_no == row["line_no"],
        )
        .values(**before)
    )
    if is_debit:
        db.execute(
            update(payouts)
            .where(
                payouts.c.territory_id == territory_id,
                payouts.c.id == row["payout_id"],
                payouts.c.state == PayoutState.SETTLED.value,
            )
            .values(state=PayoutState.SENT.value, settled_at_ms=None)
        )
    return None
