"""Find the transfer to a shop that an entry belongs to, or that pays for one."""

import datetime

from sqlalchemy import Connection, or_, select

from merchants.model import PayoutLine
from merchants.queries import LINE_COLUMNS, LINES, as_line
from merchants.tables import payout_lines, payout_rejections, payouts


def payout_line_of_entry(db: Connection, *, territory_id: int, entry_id: int) -> PayoutLine | None:
    """Return the transfer that an entry ordered, settled, returned or gave back, or None."""
    columns = payout_lines.c
    query = (
        select(*LINE_COLUMNS)
        .select_from(LINES)
        .where(
            columns.territory_id == territory_id,
            or_(
                columns.order_entry_id == entry_id,
                columns.settled_entry_id == entry_id,
                columns.returned_entry_id == entry_id,
                payout_rejections.c.entry_id == entry_id,
            ),
        )
    )
    row = db.execute(query).mappings().first()
    return None if row is None else as_line(row)


def payout_line_that_pays(
    db: Connection, *, territory_id: int, merchant_id: int, entry_id: int, accounted_on: datetime.date
) -> PayoutLine | None:
    """Return the first transfer ordered to a shop after an entry and for its day, or None when none was.

    Args:
        db: a connection.
        territory_id: whose books.
        merchant_id: the shop.
        entry_id: what the shop took.
        accounted_on: the day on which that counts: a transfer is of what was taken until its cutoff.

    """
    columns = payout_lines.c
    query = (
        select(*LINE_COLUMNS)
        .select_from(
            LINES.join(payouts, (payouts.c.territory_id == columns.territory_id) & (payouts.c.id == columns.payout_id))
        )
        .where(
            columns.territory_id == territory_id,
            columns.merchant_id == merchant_id,
            columns.order_entry_id > entry_id,
            payouts.c.cutoff_on >= accounted_on,
        )
        .order_by(columns.order_entry_id)
        .limit(1)
    )
    row = db.execute(query).mappings().first()
    return None if row is None else as_line(row)
