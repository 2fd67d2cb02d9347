"""A receipt as its holder opens it, and the refund that the holder asks the shop for. Asking moves no money."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from merchants.errors import ReceiptUnknown, RefundExceedsCharge
from merchants.model import Merchant
from merchants.queries import find_merchant, refunded_of
from merchants.tables import refund_requests
from monnaie_locale.journal.queries import entries_by_number, entry_of, owners_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import EntryUnknown
from monnaie_locale.ledger.periods import instant_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReceipt:
    """A charge as whoever holds its receipt sees it: nothing of the card, nor of what is left on it."""

    entry_id: int
    merchant: Merchant
    amount_cents: int
    refunded_cents: int
    happened_at_ms: int
    entry_hash: str
    is_asked: bool

    @property
    def refundable_cents(self) -> int:
        """Return what may still be given back."""
        return self.amount_cents - self.refunded_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund that was asked for and that the shop has not answered."""

    charge_entry_id: int
    asked_at_ms: int
    happened_at_ms: int
    amount_cents: int
    refundable_cents: int


def shown_receipt(db: Connection, *, territory_id: int, entry_id: int) -> ShownReceipt:
    """Return the receipt of a charge; refuses receipt_unknown."""
    try:
        posted = entry_of(db, territory_id=territory_id, entry_id=entry_id)
    except EntryUnknown as error:
        raise ReceiptUnknown from error
    entry = posted.entry
    if entry.kind is not EntryKind.CHARGE:
        raise ReceiptUnknown
    account_id = entry.transfers[0].credit_account_id
    owner = owners_of(db, territory_id=territory_id, account_ids=[account_id])[account_id]
    refunded = refunded_of(db, territory_id=territory_id, charge_entry_ids=[entry_id])
    asked = select(refund_requests.c.charge_entry_id).where(
        refund_requests.c.territory_id == territory_id, refund_requests.c.charge_entry_id == entry_id
    )
    return ShownReceipt(
        entry_id=entry_id,
        merchant=find_merchant(db, territory_id=territory_id, merchant_id=owner.merchant_id),
        amount_cents=entry.amount_cents,
        refunded_cents=refunded.get(entry_id, 0),
        happened_at_ms=entry.happened_at_ms,
        entry_hash=posted.leaf_hash.hex(),
        is_asked=db.scalar(asked) is not None,
    )


def ask_refund(db: Connection, *, territory_id: int, entry_id: int, now: datetime.datetime) -> ShownReceipt:
    """Ask the shop for a refund, once a charge: asking again changes nothing.

    Refuses: receipt_unknown, refund_exceeds_charge (all of it was given back).
    """
    receipt = shown_receipt(db, territory_id=territory_id, entry_id=entry_id)
    if receipt.is_asked:
        return receipt
    if not receipt.refundable_cents:
        raise RefundExceedsCharge(refundable_cents=0)
    db.execute(
        insert(refund_requests),
        {
            "territory_id": territory_id,
            "charge_entry_id": entry_id,
            "merchant_id": receipt.merchant.id,
            "asked_at_ms": instant_ms(now),
        },
    )
    return shown_receipt(db, territory_id=territory_id, entry_id=entry_id)


def open_requests(db: Connection, *, territory_id: int, merchant_id: int) -> list[RefundRequest]:
    """Return what a shop was asked to give back and has neither given back nor answered, oldest first."""
    rows = db.execute(
        select(refund_requests.c.charge_entry_id, refund_requests.c.asked_at_ms).where(
            refund_requests.c.territory_id == territory_id,
            refund_requests.c.merchant_id == merchant_id,
            refund_requests.c.closed_at_ms.is_(None),
        )
    )
    asked_at_ms: dict[int, int] = {row[0]: row[1] for row in rows}
    refunded = refunded_of(db, territory_id=territory_id, charge_entry_ids=asked_at_ms)
    requests = [
        RefundRequest(
            charge_entry_id=posted.entry.entry_id,
            asked_at_ms=asked_at_ms[posted.entry.entry_id],
            happened_at_ms=posted.entry.happened_at_ms,
            amount_cents=posted.entry.amount_cents,
            refundable_cents=posted.entry.amount_cents - refunded.get(posted.entry.entry_id, 0),
        )
        for posted in entries_by_number(db, territory_id=territory_id, entry_ids=list(asked_at_ms))
    ]
    return [one for one in requests if one.refundable_cents]


def close_request(
    db: Connection, *, territory_id: int, merchant_id: int, charge_entry_id: int, now: datetime.datetime
) -> None:
    """Take a request out of the shop's list, answered or not; another shop's is unknown. Refuses: receipt_unknown."""
    closed = db.execute(
        update(refund_requests)
        .where(
            refund_requests.c.territory_id == territory_id,
            refund_requests.c.merchant_id == merchant_id,
            refund_requests.c.charge_entry_id == charge_entry_id,
            refund_requests.c.closed_at_ms.is_(None),
        )
        .values(closed_at_ms=instant_ms(now))
    )
    if closed.rowcount == 0:
        raise ReceiptUnknown
