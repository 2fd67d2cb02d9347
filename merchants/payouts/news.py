"""What the bank says of transfers before its statement does: noted, shown, and a rejection given back to the shop.

Only a rejection moves the books, for no statement will ever show it: the order's entry is reversed. What is debited or
comes back is on a camt.053, and moves them then.
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select

from merchants.model import LineNews, LineState, PaymentStatus, PayoutLine
from merchants.payouts.operations import CALLER, follow_lines
from merchants.queries import find_payout, lines_of
from merchants.tables import payout_lines, payout_news, payout_rejections, payouts
from monnaie_locale.journal.post import post
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posting, request_digest
from monnaie_locale.ledger.reversal import mirror

NEWS_NAMES = ("payout_id", "line_no", "status", "reason", "told_on")
REASON_LENGTH_MAX = 35
LOOKUP_MAX = 5_000


def hear(
    db: Connection, *, territory_id: int, bank_message_id: int, news: Sequence[LineNews], now: datetime.datetime
) -> list[PayoutLine]:
    """Note what a message of the bank says of our transfers; return the lines that it rejected, given back.

    Args:
        db: the transaction.
        territory_id: whose books.
        bank_message_id: the message, noted before.
        news: in the order of the message; of lines that exist.
        now: aware UTC; a rejection is accounted today.

    """
    rows = [
        {
            "territory_id": territory_id,
            "bank_message_id": bank_message_id,
            "news_no": number,
            "payout_id": each.payout_id,
            "line_no": each.line_no,
            "status": each.status.value,
            "reason": each.reason[:REASON_LENGTH_MAX],
            "told_on": each.told_on,
        }
        for number, each in enumerate(news, start=1)
    ]
    if rows:
        db.execute(insert(payout_news), rows)
    rejected: list[PayoutLine] = []
    for payout_id in sorted({each.payout_id for each in news}):
        find_payout(db, territory_id=territory_id, payout_id=payout_id, locked=True)
        lines = {line.line_no: line for line in lines_of(db, territory_id=territory_id, payout_id=payout_id)}
        refused = {
            each.line_no: each.reason
            for each in news
            if each.payout_id == payout_id and each.status is PaymentStatus.REJECTED
        }
        for line_no, reason in refused.items():
            if lines[line_no].state is LineState.ORDERED:
                _give_back(db, territory_id, lines[line_no], reason=reason, now=now)
                rejected.append(lines[line_no])
        if any(line.state is not LineState.PREPARED for line in lines.values()):
            follow_lines(db, territory_id, payout_id, now_ms=instant_ms(now))
    return rejected


def _give_back(db: Connection, territory_id: int, line: PayoutLine, *, reason: str, now: datetime.datetime) -> None:
    """Reverse the order of a line: the shop is owed again, and nothing of it is in transit."""
    order = entry_of(db, territory_id=territory_id, entry_id=line.order_entry_id or 0).entry
    posted = post(
        db,
        Posting(
            territory_id=territory_id,
            caller=CALLER,
            idempotency_key=f"payout:{line.payout_id}:{line.line_no}:rejected",
            request_digest=request_digest(operation="rejected", line=line.end_to_end_id),
            kind=EntryKind.REVERSAL,
            draws=mirror(order),
            happened_at_ms=instant_ms(now),
            reverses_entry_id=order.entry_id,
            reference=line.end_to_end_id,
        ),
        recorded_at_ms=instant_ms(now),
    )
    db.execute(
        insert(payout_rejections),
        {
            "territory_id": territory_id,
            "payout_id": line.payout_id,
            "line_no": line.line_no,
            "entry_id": posted.entry.entry_id,
            "reason": reason[:REASON_LENGTH_MAX],
        },
    )


def news_of(db: Connection, *, territory_id: int, payout_id: int) -> dict[int, LineNews]:
    """Return the last thing that the bank said of each line of a payout, by the line's number."""
    rows = db.execute(
        select(*(payout_news.c[name] for name in NEWS_NAMES))
        .where(payout_news.c.territory_id == territory_id, payout_news.c.payout_id == payout_id)
        .order_by(payout_news.c.told_on, payout_news.c.bank_message_id, payout_news.c.news_no)
    ).mappings()
    return {row["line_no"]: LineNews(**{**row, "status": PaymentStatus(row["status"])}) for row in rows}


def news_digests(db: Connection, *, territory_id: int, bank_message_id: int | None = None) -> dict[int, str]:
    """Return the SHA-256, in hexadecimal, of the news of each message of the bank that has any, by its number."""
    columns = payout_news.c
    query = (
        select(columns.bank_message_id, *(columns[name] for name in NEWS_NAMES))
        .where(columns.territory_id == territory_id)
        .order_by(columns.bank_message_id, columns.news_no)
    )
    if bank_message_id is not None:
        query = query.where(columns.bank_message_id == bank_message_id)
    digests: dict[int, hashlib._Hash] = {}
    for number, *said in db.execute(query):
        digests.setdefault(number, hashlib.sha256()).update(json.dumps(said, default=str).encode())
    return {number: digest.hexdigest() for number, digest in digests.items()}


def rejections_unsaid(db: Connection, *, territory_id: int) -> list[tuple[int, int]]:
    """Return the lines (payout, number) noted as rejected for a reason that no message of the bank gave."""
    said = select(payout_news.c.payout_id, payout_news.c.line_no, payout_news.c.reason).where(
        payout_news.c.territory_id == territory_id, payout_news.c.status == PaymentStatus.REJECTED.value
    )
    reasons = {tuple(row) for row in db.execute(said)}
    noted = select(payout_rejections.c.payout_id, payout_rejections.c.line_no, payout_rejections.c.reason).where(
        payout_rejections.c.territory_id == territory_id
    )
    return sorted((row[0], row[1]) for row in db.execute(noted) if tuple(row) not in reasons)


def lines_named(db: Connection, *, territory_id: int, end_to_end_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the payout and the number of the lines that carry these identifiers; an unknown one is left out."""
    found: dict[str, tuple[int, int]] = {}
    wanted = sorted(end_to_end_ids)
    # A statement has no more than 65 535 parameters on PostgreSQL, fewer on SQLite; a bank's message may name more.
    for start in range(0, len(wanted), LOOKUP_MAX):
        rows = db.execute(
            select(payout_lines.c.end_to_end_id, payout_lines.c.payout_id, payout_lines.c.line_no).where(
                payout_lines.c.territory_id == territory_id,
                payout_lines.c.end_to_end_id.in_(wanted[start : start + LOOKUP_MAX]),
            )
        )
        found.update((row[0], (row[1], row[2])) for row in rows)
    return found


def lines_of_order(db: Connection, *, territory_id: int, order_ids: Collection[str]) -> list[PayoutLine]:
    """Return the lines of the payouts that the bank knows by one of these identifiers; none is an answer."""
    found = db.scalars(
        select(payouts.c.id).where(payouts.c.territory_id == territory_id, payouts.c.message_id.in_(list(order_ids)))
    ).all()
    return [line for each in found for line in lines_of(db, territory_id=territory_id, payout_id=each)]
