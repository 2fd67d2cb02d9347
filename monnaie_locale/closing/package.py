"""All the files of a month, as they were kept or made anew: for the demo, the command line and the download."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from merchants.queries import list_merchants
from monnaie_locale.closing.certificate import certified_head
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.documents import are_kept, stored_documents
from monnaie_locale.closing.facts import facts_of
from monnaie_locale.closing.frozen import Said, said_of
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.queries import close_of_month, reopened_closes, reopening_of
from monnaie_locale.closing.rapprochement import reconciliation_of
from monnaie_locale.closing.sheets import MONTH_SHEETS, MonthBooks, month_books, month_sheet
from monnaie_locale.documents.model import LogHead
from monnaie_locale.documents.reconciliation_statement import reconciliation_statement
from monnaie_locale.documents.sheet import Sheet
from monnaie_locale.exports.finishing import whole
from monnaie_locale.exports.operations import (
    ExportFile,
    StreamedFile,
    beancount_stream_of,
    books_through,
    counted_before,
    month_entries_stream_of,
    payment_orders_of,
    shop_statements_of,
    trial_balance_stream_of,
)
from monnaie_locale.exports.paper import printed_head
from monnaie_locale.exports.sheets.rendering import Format, streaming
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.periods import Month, moment_of

CERTIFICATE_NAME = "close-certificate.json"
RECONCILIATION_NAME = "reconciliation.pdf"
UNVERIFIED = Verdict(0, ())
# The sheet that has every entry takes them from the reading that it shares with the books.
SHARED_SHEET = ("journal", Format.CSV)
OTHER_FILES = 8


def month_package(
    db: Connection, *, territory_id: int, month: Month, public_key_pem: str, now: datetime.datetime
) -> list[ExportFile]:
    """Return every file of a month in memory; as `month_files`."""
    files = month_files(db, territory_id=territory_id, month=month, public_key_pem=public_key_pem, now=now)
    return list(whole(files))


def month_files(
    db: Connection, *, territory_id: int, month: Month, public_key_pem: str, now: datetime.datetime
) -> Iterator[StreamedFile]:
    """Yield every file of a month: books, bank orders, shops' statements, rapprochement, certificate when closed.

    Those of a closed month, once they are kept, are given as they were rendered. Arguments as `month_documents`.
    """
    close_id = kept_close_id(db, territory_id=territory_id, month=month)
    if close_id is not None:
        yield from stored_documents(db, territory_id=territory_id, close_id=close_id)
        return
    yield from month_documents(db, territory_id=territory_id, month=month, public_key_pem=public_key_pem, now=now)


def kept_close_id(db: Connection, *, territory_id: int, month: Month) -> int | None:
    """Return the close whose documents are kept of a month, or None: open, or not rendered yet."""
    close = close_of_month(db, territory_id=territory_id, month=month)
    if close is None or not close.is_closed or not are_kept(db, territory_id=territory_id, close_id=close.close_id):
        return None
    return close.close_id


def month_documents(
    db: Connection, *, territory_id: int, month: Month, public_key_pem: str, now: datetime.datetime
) -> Iterator[StreamedFile]:
    """Yield every file of a month, each to be made part by part, by `exports.finishing`.

    The documents of a closed month are dated at its close and bear the head signed then.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month.
        public_key_pem: the installation's key, whose fingerprint is printed.
        now: the present instant, aware; the date of the documents of an open month.

    """
    close = close_of_month(db, territory_id=territory_id, month=month)
    said = said_of(db, territory_id=territory_id, month=month, close=close)
    is_closed = close is not None and close.is_closed
    created_at = now if close is None or close.closed_at_ms is None else moment_of(close.closed_at_ms)
    head = head_for(db, territory_id=territory_id, close=close, public_key_pem=public_key_pem)
    books = month_books(db, said=said, month=month, close=close, head=head, created_at=created_at)
    yield from _books_of(db, territory_id, books)
    yield from map(StreamedFile.of, payment_orders_of(said.registers, month))
    # Of a closed month as at its close: what the suspens look for too.
    differences = books.scope.once(open_differences, month=month)
    yield StreamedFile.of(
        reconciliation_file(
            db,
            territory_id=territory_id,
            month=month,
            close=close,
            head=head,
            created_at=created_at,
            said=replace(said, differences=differences),
        )
    )
    for name in MONTH_SHEETS:
        for wanted in Format:
            if (name, wanted) != SHARED_SHEET:
                yield streaming(partial(_sheet, books, name), wanted)
    yield from shop_statements_of(
        db,
        registers=said.registers,
        month=month,
        standing=books.scope.standing,
        through_entry_id=certified_head(close.certificate).size if close is not None and is_closed else None,
    )
    if close is not None and is_closed:
        yield StreamedFile.of(certificate_file(close))
        yield from map(StreamedFile.of, superseded_files(db, territory_id=territory_id, month=month))


def _books_of(db: Connection, territory_id: int, books: MonthBooks) -> Iterator[StreamedFile]:
    """Yield the files that take every entry of the month: they share one reading, and read no earlier month again."""
    month, close = books.month, books.close
    first_day, last_day = month.first_day, month.last_day
    is_closed = close is not None and close.is_closed
    one_pass = books_through(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    yield month_entries_stream_of(month, one_pass)
    yield beancount_stream_of(
        db,
        territory=books.scope.territory,
        first_day=first_day,
        last_day=last_day,
        one_pass=one_pass,
        account_count=certified_head(close.certificate).accounts_size if close is not None and is_closed else None,
    )
    before = counted_before(db, territory_id=territory_id, first_day=first_day)
    yield trial_balance_stream_of(one_pass, before=before)
    feed = one_pass.feed()
    shared = replace(books, scope=replace(books.scope, feed=feed))
    yield streaming(partial(_sheet, shared, SHARED_SHEET[0]), SHARED_SHEET[1], feed=feed)


def document_count_max(db: Connection, *, territory_id: int) -> int:
    """Return how many files a month may have, for who shows how far they are."""
    shops = len(list_merchants(db, territory_id=territory_id))
    return len(MONTH_SHEETS) * len(Format) + OTHER_FILES + 2 * shops


def _sheet(books: MonthBooks, name: str, lines_max: int | None) -> Sheet:
    return month_sheet(books, name=name, lines_max=lines_max)


def head_for(db: Connection, *, territory_id: int, close: Close | None, public_key_pem: str) -> LogHead | None:
    """Return the head to print: the one that the close signed, else the newest."""
    if close is None or not close.is_closed:
        return printed_head(latest_head(db, territory_id=territory_id), public_key_pem=public_key_pem)
    return printed_head(certified_head(close.certificate), public_key_pem=public_key_pem)


def reconciliation_file(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    close: Close | None,
    head: LogHead | None,
    created_at: datetime.datetime,
    said: Said,
) -> ExportFile:
    """Return the état de rapprochement of a month, as PDF; `said` is of `frozen.said_of`, for the month."""
    closed_at_ms = None if close is None else close.closed_at_ms
    state = reconciliation_of(
        db,
        registers=said.registers,
        facts=facts_of(
            db,
            territory_id=territory_id,
            month=month,
            verdict=UNVERIFIED,
            as_of_ms=closed_at_ms,
            differences=said.differences,
        ),
        close=close,
        head=head,
    )
    content = reconciliation_statement(state, created_at=created_at)
    return ExportFile(RECONCILIATION_NAME, "application/pdf", content)


def certificate_file(close: Close) -> ExportFile:
    """Return the signed certificate of a closed month."""
    return ExportFile(CERTIFICATE_NAME, "application/json", close.certificate.encode())


def superseded_files(db: Connection, *, territory_id: int, month: Month) -> list[ExportFile]:
    """Return the certificates that a month had before it was reopened, each with the act that undid it."""
    files = []
    for close in reversed(reopened_closes(db, territory_id=territory_id, month=month)):
        reopening = reopening_of(db, territory_id=territory_id, close_id=close.close_id)
        files.append(
            ExportFile(f"close-certificate-{close.close_id}.json", "application/json", close.certificate.encode())
        )
        if reopening is not None:
            files.append(ExportFile(f"reopening-act-{close.close_id}.json", "application/json", reopening.act.encode()))
    return files
