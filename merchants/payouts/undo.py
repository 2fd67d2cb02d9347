"""Take back a bank's step on a payout line: its entry is reversed already, the line goes back where it was."""

from sqlalchemy import Connection, select, update

from merchants.model import LineState, PayoutState
from merchants.queries import LINES
from merchants.tables import payout_lines, payout_rejections, payouts


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
            select(
                columns.payout_id, columns.line_no, columns.state, columns.end_to_end_id, columns.settled_entry_id,
                payout_rejections.c.entry_id.label("rejected_entry_id"),
            )
            .select_from(LINES)
            .where(
                columns.territory_id == territory_id,
                (columns.settled_entry_id == entry_id) | (columns.returned_entry_id == entry_id),
            )
            .with_for_update(of=payout_lines)
        )
        .mappings()
        .first()
    )  # fmt: skip
    if row is None:
        return None
    is_debit = row["settled_entry_id"] == entry_id
    if is_debit and row["state"] == LineState.RETURNED.value:
        return str(row["end_to_end_id"])
    key = (columns.territory_id == territory_id, columns.payout_id == row["payout_id"])
    state, entry = (LineState.ORDERED, "settled_entry_id") if is_debit else (LineState.SETTLED, "returned_entry_id")
    db.execute(
        update(payout_lines).where(*key, columns.line_no == row["line_no"]).values({"state": state.value, entry: None})
    )
    # A rejected line waits for no bank: it is rejected again, and its payout stays settled.
    if is_debit and row["rejected_entry_id"] is None:
        _send_again(db, territory_id, row["payout_id"])
    return None


def _send_again(db: Connection, territory_id: int, payout_id: int) -> None:
    """Let a payout that was settled wait for its bank again."""
    db.execute(
        update(payouts)
        .where(
            payouts.c.territory_id == territory_id,
            payouts.c.id == payout_id,
            payouts.c.state == PayoutState.SETTLED.value,
        )
        .values(state=PayoutState.SENT.value, settled_at_ms=None)
    )
