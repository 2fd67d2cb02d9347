"""The files of a month that other programs and people read, made from the books; nothing is written."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.model import PayoutState
from merchants.payouts import payment_file
from merchants.queries import list_merchants, list_payouts
from monnaie_locale.documents.merchant_statement import merchant_statement
from monnaie_locale.documents.model import LogHead
from monnaie_locale.exports.beancount import write_beancount
from monnaie_locale.exports.books import book_entries, closing_balances, opening_entry
from monnaie_locale.exports.fec import fec_file_name, fec_parts
from monnaie_locale.exports.hledger import hledger_parts
from monnaie_locale.exports.payment_order import payment_order
from monnaie_locale.exports.shop_statements import paid_in, shop_statement
from monnaie_locale.exports.trial_balance import trial_balance, write_trial_balance
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.ledger.periods import Month

DECEMBER = 12
BEANCOUNT_NAME = "journal.beancount"
TRIAL_BALANCE_NAME = "trial-balance.csv"
PAYOUTS_NAME = "payouts.xml"
ORDERED_STATES = frozenset({PayoutState.APPROVED, PayoutState.SENT, PayoutState.SETTLED})


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file to give: its name, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """A file given part by part; the connection that its parts read from stays open until the last one."""

    name: str
    media_type: str
    parts: Iterator[bytes]

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


def beancount_of(db: Connection, *, territory_id: int, last_day: datetime.date) -> ExportFile:
    """Return the Beancount journal of all entries accounted up to a day, every balance asserted."""
    territory = territory_of(db, territory_id=territory_id)
    journal = write_beancount(
        title=f"{territory.name} – {territory.currency_name}",
        entries=book_entries(db, territory_id=territory_id, first_day=None, last_day=last_day),
        balances=closing_balances(db, territory_id=territory_id, last_day=last_day),
        closed_on=last_day,
    )
    return ExportFile(BEANCOUNT_NAME, "text/plain; charset=utf-8", journal.encode())


def trial_balance_of(db: Connection, *, territory_id: int, last_day: datetime.date) -> ExportFile:
    """Return the trial balance of all entries accounted up to a day, as CSV."""
    entries = book_entries(db, territory_id=territory_id, first_day=None, last_day=last_day)
    return ExportFile(
        TRIAL_BALANCE_NAME, "text/csv; charset=utf-8", write_trial_balance(balance=trial_balance(entries=entries))
    )


def payment_order_of(db: Connection, *, territory_id: int, payout_id: int, name: str = PAYOUTS_NAME) -> ExportFile:
    """Return the bank's file of an approved payout; refuses payout_unknown, payout_state_wrong."""
    territory = territory_of(db, territory_id=territory_id)
    payout = payment_file(db, territory_id=territory_id, payout_id=payout_id)
    return ExportFile(name, "application/xml", payment_order(territory=territory, payout=payout))


def payment_orders_of(db: Connection, *, territory_id: int, month: Month) -> list[ExportFile]:
    """Return the bank's files of the payouts of a month; a second one in the month has its number in its name."""
    ordered = [
        payout
        for payout in reversed(list_payouts(db, territory_id=territory_id))
        if payout.state in ORDERED_STATES and Month.of(payout.cutoff_on) == month
    ]
    return [
        payment_order_of(
            db,
            territory_id=territory_id,
            payout_id=payout.id,
            name=PAYOUTS_NAME if rank == 1 else f"payouts-{rank}.xml",
        )
        for rank, payout in enumerate(ordered, start=1)
    ]


def shop_statements_of(
    db: Connection,
    *,
    territory: Territory,
    month: Month,
    head: LogHead | None,
    created_at: datetime.datetime,
    through_entry_id: int | None = None,
) -> list[ExportFile]:
    """Return one PDF for each shop that has something to read: an operation, a payout or a balance.

    `through_entry_id` as in `paid_in`.
    """
    files = []
    paid = paid_in(db, territory_id=territory.territory_id, month=month, through_entry_id=through_entry_id)
    for merchant in list_merchants(db, territory_id=territory.territory_id):
        statement = shop_statement(db, territory=territory, merchant=merchant, month=month, head=head, paid=paid)
        if not (statement.lines or statement.payout_cents or statement.opening_cents):
            continue
        files.append(
            ExportFile(
                f"statement-{merchant.code}-{month}.pdf",
                "application/pdf",
                merchant_statement(statement, created_at=created_at),
            )
        )
    return files
