"""The files of a month that other programs and people read, made from the books; nothing is written."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from merchants.payouts.operations import payment_file
from merchants.statements.month import ORDERED_STATES
from monnaie_locale.documents import sheet_csv
from monnaie_locale.documents.merchant_statement import Detail, merchant_statement
from monnaie_locale.documents.model import MerchantStatement
from monnaie_locale.documents.sheet import Standing
from monnaie_locale.exports.beancount import beancount_parts
from monnaie_locale.exports.books import book_entries, closing_balances, ledger_accounts, opening_entry
from monnaie_locale.exports.fec import fec_file_name, fec_parts
from monnaie_locale.exports.hledger import hledger_parts
from monnaie_locale.exports.model import sound
from monnaie_locale.exports.one_pass import Feed, OnePass
from monnaie_locale.exports.payment_order import payment_order
from monnaie_locale.exports.registers import Registers
from monnaie_locale.exports.shop_statements import month_statements, paid_in, statement_sheet
from monnaie_locale.exports.trial_balance import TrialBalanceCount, write_trial_balance
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.journal.period_balances import balances_at_end
from monnaie_locale.journal.periods import first_moves
from monnaie_locale.journal.queries import head_of
from monnaie_locale.ledger.periods import Month

DECEMBER = 12
ONE_DAY = datetime.timedelta(days=1)
ENTRIES_PER_PART = 500
# About five pages: a shop that had more operations reads a line a day.
LINES_ON_PAPER_MAX = 200
BEANCOUNT_NAME = "journal.beancount"
TRIAL_BALANCE_NAME = "trial-balance.csv"
PAYOUTS_NAME, PAYOUTS_MEDIA_TYPE = "payouts.xml", "application/xml"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file to give: its name, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """A file given part by part; the connection that its parts read from stays open until the last one.

    `feed` is what it takes its entries from when it shares them with others; a file that is `is_apart` needs no
    connection and may be made in another thread.
    """

    name: str
    media_type: str
    parts: Iterator[bytes]
    feed: Feed | None = None
    is_apart: bool = False

    @classmethod
    def of(cls, file: ExportFile) -> "StreamedFile":
        """Return a file that is in memory already."""
        return cls(file.name, file.media_type, iter((file.content,)))

    def whole(self) -> ExportFile:
        """Return the file in memory."""
        return ExportFile(self.name, self.media_type, b"".join(self.parts))


def fec_of(db: Connection, *, territory_id: int, year: int, last_day: datetime.date | None = None) -> ExportFile:
    """Return the FEC in memory; as `fec_stream_of`."""
    return fec_stream_of(db, territory_id=territory_id, year=year, last_day=last_day).whole()


def fec_stream_of(
    db: Connection, *, territory_id: int, year: int, last_day: datetime.date | None = None
) -> StreamedFile:
    """Return the FEC of a calendar year, or of its beginning up to `last_day`, under its legal name.

    Refuses siren_malformed, and what `fec.fec_parts` refuses.
    """
    territory = territory_of(db, territory_id=territory_id)
    first_day, closes_on = datetime.date(year, 1, 1), datetime.date(year, DECEMBER, 31)
    last_day = min(last_day or closes_on, closes_on)
    return StreamedFile(
        name=fec_file_name(siren=territory.issuer_siren, closes_on=closes_on),
        media_type="text/plain; charset=utf-8",
        parts=fec_parts(
            entries=book_entries(db, territory_id=territory_id, first_day=first_day, last_day=last_day),
            first_day=first_day,
            last_day=last_day,
            opening=opening_entry(db, territory_id=territory_id, first_day=first_day),
        ),
    )


def books_through(
    db: Connection, *, territory_id: int, last_day: datetime.date, first_day: datetime.date | None = None
) -> OnePass:
    """Return one reading of the entries accounted up to a day, for several files."""
    entries = book_entries(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    return OnePass(entries, last=head_of(db, territory_id=territory_id).last_entry_id)


def hledger_of(db: Connection, *, territory_id: int, year: int, last_day: datetime.date | None = None) -> StreamedFile:
    """Return the hledger journal of a calendar year, or of its beginning up to `last_day`, every balance asserted."""
    territory = territory_of(db, territory_id=territory_id)
    first_day, closes_on = datetime.date(year, 1, 1), datetime.date(year, DECEMBER, 31)
    last_day = min(last_day or closes_on, closes_on)
    return StreamedFile(
        name=f"journal-{year}.hledger",
        media_type="text/plain; charset=utf-8",
        parts=hledger_parts(
            title=f"{territory.name} – {territory.currency_name} – {year}",
            entries=book_entries(db, territory_id=territory_id, first_day=first_day, last_day=last_day),
            opening=opening_entry(db, territory_id=territory_id, first_day=first_day),
            balances=closing_balances(db, territory_id=territory_id, last_day=last_day),
            closed_on=last_day,
        ),
    )


def month_entries_stream_of(month: Month, one_pass: OnePass) -> StreamedFile:
    """Return the entries of a month in the format of the FEC; `one_pass` is of `books_through` the month.

    The law knows one file, of the whole accounting year (LPF A47 A-1): a month's has neither its name nor balances
    brought forward. The entries of the twelve months are those of the year's. Refuses what `fec.fec_parts` refuses.
    """
    feed = one_pass.feed()
    parts = fec_parts(entries=feed, first_day=month.first_day, last_day=month.last_day)
    return StreamedFile(f"ecritures-{month}.txt", "text/plain; charset=utf-8", parts, feed=feed)


def beancount_of(db: Connection, *, territory_id: int, last_day: datetime.date) -> ExportFile:
    """Return the Beancount journal since the books began, in memory; as `beancount_stream_of`."""
    return beancount_since_the_beginning(db, territory_id=territory_id, last_day=last_day).whole()


def beancount_since_the_beginning(db: Connection, *, territory_id: int, last_day: datetime.date) -> StreamedFile:
    """Return the Beancount journal of all entries accounted up to a day; as `beancount_stream_of`."""
    territory = territory_of(db, territory_id=territory_id)
    return beancount_stream_of(db, territory=territory, last_day=last_day)


def beancount_stream_of(
    db: Connection,
    *,
    territory: Territory,
    last_day: datetime.date,
    first_day: datetime.date | None = None,
    one_pass: OnePass | None = None,
    account_count: int | None = None,
) -> StreamedFile:
    """Return the Beancount journal of a period, every balance asserted, after those brought forward into it.

    Args:
        db: a connection that sees one state of the books.
        territory: whose books.
        last_day: the last day of the period.
        first_day: its first day; None is the beginning of the books, so that nothing is brought forward.
        one_pass: of `books_through` the period, for several files; None reads the books for this one.
        account_count: how many accounts there were when the period was closed; None tells of all there are.

    """
    territory_id = territory.territory_id
    balances = tuple(
        each
        for each in closing_balances(db, territory_id=territory_id, last_day=last_day)
        if account_count is None or each.account.account_id <= account_count
    )
    if first_day is None:
        opening, moved_on = None, first_moves(db, territory_id=territory_id, last_day=last_day)
    else:
        opening = opening_entry(db, territory_id=territory_id, first_day=first_day)
        moved_on = {each.account.account_id: first_day for each in balances}
    one_pass = one_pass or books_through(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    feed = one_pass.feed()
    parts = beancount_parts(
        title=f"{territory.name} – {territory.currency_name}",
        entries=feed,
        accounts={each.account.account_id: each.account for each in balances},
        moved_on=moved_on,
        balances=balances,
        closed_on=last_day,
        opening=opening,
    )
    return StreamedFile(BEANCOUNT_NAME, "text/plain; charset=utf-8", parts, feed=feed)


def year_beancount_of(
    db: Connection, *, territory_id: int, year: int, last_day: datetime.date | None = None
) -> StreamedFile:
    """Return the Beancount journal of a calendar year, or of its beginning, after the balances brought forward."""
    first_day, closes_on = datetime.date(year, 1, 1), datetime.date(year, DECEMBER, 31)
    last_day = min(last_day or closes_on, closes_on)
    territory = territory_of(db, territory_id=territory_id)
    file = beancount_stream_of(db, territory=territory, first_day=first_day, last_day=last_day)
    return replace(file, name=f"journal-{year}.beancount")


def year_files(
    db: Connection, *, territory_id: int, year: int, last_day: datetime.date | None = None
) -> Iterator[StreamedFile]:
    """Yield what other programs read of a calendar year, or of its beginning: the FEC, the hledger and Beancount books.

    Refuses as `fec_stream_of`.
    """
    for make in (fec_stream_of, hledger_of, year_beancount_of):
        yield make(db, territory_id=territory_id, year=year, last_day=last_day)


def trial_balance_of(db: Connection, *, territory_id: int, last_day: datetime.date) -> ExportFile:
    """Return the trial balance of all entries accounted up to a day, as CSV."""
    one_pass = books_through(db, territory_id=territory_id, last_day=last_day)
    return trial_balance_stream_of(one_pass).whole()


def trial_balance_stream_of(one_pass: OnePass, *, before: TrialBalanceCount | None = None) -> StreamedFile:
    """Return the trial balance of all entries of a pass, as CSV; `before` is what earlier entries counted."""
    feed = one_pass.feed()
    parts = _trial_balance_parts(feed, before or TrialBalanceCount())
    return StreamedFile(TRIAL_BALANCE_NAME, "text/csv; charset=utf-8", parts, feed=feed)


def counted_before(db: Connection, *, territory_id: int, first_day: datetime.date) -> TrialBalanceCount:
    """Return the trial balance of what was accounted before a day, under the codes of that day, as it was kept."""
    counting = TrialBalanceCount()
    accounts = ledger_accounts(db, territory_id=territory_id, day=first_day)
    before = balances_at_end(db, territory_id=territory_id, last_day=first_day - ONE_DAY)
    for account_id, balance in before.items():
        counting.count(accounts[account_id], debit_cents=balance.debits_cents, credit_cents=balance.credits_cents)
    return counting


def _trial_balance_parts(feed: Feed, counting: TrialBalanceCount) -> Iterator[bytes]:
    for rank, entry in enumerate(sound(entries=feed), start=1):
        counting.add(entry)
        if rank % ENTRIES_PER_PART == 0:
            # Nothing to write yet: the other files of the pass take their turn.
            yield b""
    yield write_trial_balance(balance=counting.balance())


def payment_order_of(db: Connection, *, territory_id: int, payout_id: int, name: str = PAYOUTS_NAME) -> ExportFile:
    """Return the bank's file of an approved payout; refuses payout_unknown, payout_state_wrong."""
    territory = territory_of(db, territory_id=territory_id)
    payout = payment_file(db, territory_id=territory_id, payout_id=payout_id)
    return ExportFile(name, PAYOUTS_MEDIA_TYPE, payment_order(territory=territory, payout=payout))


def payment_orders_of(registers: Registers, month: Month) -> list[ExportFile]:
    """Return the bank's files of the payouts of a month; a second one in the month has its number in its name."""
    ordered = [
        payout
        for payout in reversed(registers.payouts)
        if payout.state in ORDERED_STATES and Month.of(payout.cutoff_on) == month
    ]
    return [
        ExportFile(
            PAYOUTS_NAME if rank == 1 else f"payouts-{rank}.xml",
            PAYOUTS_MEDIA_TYPE,
            payment_order(territory=registers.territory, payout=registers.payment_files[payout.id]),
        )
        for rank, payout in enumerate(ordered, start=1)
    ]


def shop_statements_of(
    db: Connection, *, registers: Registers, month: Month, standing: Standing, through_entry_id: int | None = None
) -> Iterator[StreamedFile]:
    """Yield one PDF for each shop that has something to read: an operation, a payout or a balance.

    A shop with more operations than LINES_ON_PAPER_MAX reads a line a day, and beside it a CSV with all of them.

    Args:
        db: a connection that sees one state of the books.
        registers: the shops, the payouts.
        month: the month.
        standing: the date of the documents, and the head that they bear.
        through_entry_id: as `paid_in`.

    """
    paid = paid_in(db, registers, month=month, through_entry_id=through_entry_id)
    for shop in month_statements(db, registers=registers, month=month, standing=standing, paid=paid):
        is_long = len(shop.statement.lines) > LINES_ON_PAPER_MAX
        yield StreamedFile(
            f"statement-{shop.code}-{month}.pdf",
            "application/pdf",
            _printed(shop.statement, standing.created_at, Detail.DAYS if is_long else Detail.OPERATIONS),
            is_apart=True,
        )
        if is_long:
            sheet = statement_sheet(shop, standing=standing)
            name = f"statement-{shop.code}-{month}.csv"
            yield StreamedFile(name, sheet_csv.MEDIA_TYPE, sheet_csv.csv_parts(sheet), is_apart=True)


def _printed(statement: MerchantStatement, created_at: datetime.datetime, detail: Detail) -> Iterator[bytes]:
    yield merchant_statement(statement, created_at=created_at, detail=detail)
