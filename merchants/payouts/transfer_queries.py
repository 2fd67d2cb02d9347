"""Read the transfers ordered to the shops, of all payouts at once."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from merchants.queries import LINES
from merchants.tables import payout_lines, payout_rejections, payouts


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedTransfer:
    """A transfer that was ordered, and the entries of what became of it; amounts in cents."""

    end_to_end_id: str
    message_id: str
    payout_id: int
    merchant_id: int
    amount_cents: int
    execution_on: datetime.date
    prepared_at_ms: int
    order_entry_id: int
    settled_entry_id: int | None
    returned_entry_id: int | None
    rejected_entry_id: int | None


def rejected_fees(db: Connection, *, territory_id: int) -> dict[str, int]:
    """Return the issuer's fee on each transfer that the bank rejected, in cents, by its end-to-end identifier."""
    rows = db.execute(
        select(payout_lines.c.end_to_end_id, payout_lines.c.fee_cents)
        .select_from(LINES)
        .where(payout_lines.c.territory_id == territory_id, payout_rejections.c.entry_id.is_not(None))
    )
    return {row[0]: row[1] for row in rows}


def transfers_since(db: Connection, *, territory_id: int, prepared_from_ms: int) -> list[OrderedTransfer]:
    """Return the transfers ordered, oldest first: those prepared since an instant, and older ones still under way."""
    lines, heads = payout_lines.c, payouts.c
    rows = db.execute(
        select(
            lines.end_to_end_id, heads.message_id, lines.payout_id, lines.merchant_id, lines.amount_cents,
            heads.execution_on, heads.prepared_at_ms, lines.order_entry_id, lines.settled_entry_id,
            lines.returned_entry_id, payout_rejections.c.entry_id.label("rejected_entry_id"),
        )
        .select_from(LINES)
        .join(payouts, (heads.territory_id == lines.territory_id) & (heads.id == lines.payout_id))
        .where(
            lines.territory_id == territory_id,
            lines.order_entry_id.is_not(None),
            or_(heads.prepared_at_ms >= prepared_from_ms, lines.state != "settled"),
        )
        .order_by(lines.payout_id, lines.line_no)
    ).mappings()  # fmt: skip
    return [OrderedTransfer(**row) for row in rows]
