"""Hear what the bank says of our transfers apart from its statements: camt.054, camt.052, pain.002, pacs.004."""

import datetime
from collections.abc import Sequence

from sqlalchemy import Connection, insert

from merchants.model import LineNews, PaymentStatus, PayoutLine
from merchants.payouts.news import hear, lines_named, lines_of_order, news_digests
from merchants.queries import find_payout
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.reconciliation.errors import BankMessageNotOurs, StatementAlreadyImported
from monnaie_locale.reconciliation.formats.model import BankFile, PaymentNews
from monnaie_locale.reconciliation.model import HeardNews, ImportReport
from monnaie_locale.reconciliation.queries import message_known
from monnaie_locale.reconciliation.tables import bank_messages

NOTHING_OF_OURS = "Rien sur nos virements : seul le relevé de compte (camt.053 ou CFONB 120) entre dans les comptes."


def hear_message(
    db: Connection, *, territory_id: int, file: BankFile, digest: bytes, actor: str, now: datetime.datetime
) -> ImportReport:
    """Note a message of the bank and its news; give back what it rejected.

    Args:
        db: a connection in a transaction that holds the territory.
        territory_id: whose transfers.
        file: of `formats.reading.read_bank_file`, one that is not booked.
        digest: SHA-256 of the file.
        actor: who imports, "staff:3".
        now: aware UTC.

    Refuses, in this order: statement_already_imported, bank_message_not_ours (an answer to an order of somebody else).

    """
    if message_known(db, territory_id=territory_id, file_digest=digest):
        raise StatementAlreadyImported(statement_id=file.message_id or file.format)
    told = _told(db, territory_id, file.news)
    if not told and not file.reports:
        raise BankMessageNotOurs
    number = _store(db, territory_id, file, digest, actor=actor, now=now)
    news = [each for each, _ in told]
    rejected = {
        (line.payout_id, line.line_no)
        for line in hear(db, territory_id=territory_id, bank_message_id=number, news=news, now=now)
    }
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="statement.hear", target=f"bank-message:{number}",
        detail={
            "format": file.format, "news": len(news), "rejected": len(rejected),
            "sha256": news_digests(db, territory_id=territory_id, bank_message_id=number).get(number, ""),
        },
    )  # fmt: skip
    heard = tuple(
        HeardNews(
            end_to_end_id=line.end_to_end_id,
            amount_cents=line.amount_cents,
            status=each.status,
            reason=each.reason,
            is_given_back=each.status is PaymentStatus.REJECTED and (each.payout_id, each.line_no) in rejected,
        )
        for each, line in told
    )
    return ImportReport(
        statements=(), matches=(), warnings=() if heard else (NOTHING_OF_OURS,), format=file.format, news=heard
    )


def _store(
    db: Connection, territory_id: int, file: BankFile, digest: bytes, *, actor: str, now: datetime.datetime
) -> int:
    """Note the message itself; return its number."""
    number = next_id(db, bank_messages, territory_id=territory_id)
    db.execute(
        insert(bank_messages),
        {
            "territory_id": territory_id,
            "id": number,
            "file_digest": digest,
            "format": file.format,
            "message_id": file.message_id,
            "imported_by": actor,
            "imported_at_ms": instant_ms(now),
        },
    )
    return number


def _told(db: Connection, territory_id: int, news: Sequence[PaymentNews]) -> list[tuple[LineNews, PayoutLine]]:
    """Return the news of our own lines. What is said of one payment goes before what is said of its whole order."""
    single = [each for each in news if each.end_to_end_id]
    named = lines_named(db, territory_id=territory_id, end_to_end_ids=[each.end_to_end_id for each in single])
    lines: dict[tuple[int, int], PayoutLine] = {}
    for payout_id in sorted({payout_id for payout_id, _ in named.values()}):
        for line in find_payout(db, territory_id=territory_id, payout_id=payout_id).lines:
            lines[payout_id, line.line_no] = line
    found: dict[tuple[int, int], LineNews] = {}
    # The batch is narrower than the message: the last word stands.
    for each in (each for each in news if not each.end_to_end_id):
        for line in lines_of_order(db, territory_id=territory_id, order_ids=each.order_ids):
            lines[line.payout_id, line.line_no] = line
            found[line.payout_id, line.line_no] = _news(each, line.payout_id, line.line_no)
    for each in single:
        if each.end_to_end_id in named:
            found[named[each.end_to_end_id]] = _news(each, *named[each.end_to_end_id])
    return [(found[key], lines[key]) for key in sorted(found)]


def _news(each: PaymentNews, payout_id: int, line_no: int) -> LineNews:
    return LineNews(payout_id=payout_id, line_no=line_no, status=each.status, reason=each.reason, told_on=each.told_on)
