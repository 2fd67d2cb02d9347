"""Reads of the merchants' side: shops, tills, payment requests, refunds, payouts."""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, and_, false, or_, select

from merchants.errors import MerchantUnknown, PaymentRequestUnknown, TillUnknown
from merchants.model import (
    Address,
    LineState,
    Merchant,
    OpenShop,
    PaymentRequest,
    Payout,
    PayoutFile,
    PayoutFileLine,
    PayoutLine,
    PayoutState,
    Till,
    TillAtTheCounter,
)
from merchants.payout_errors import PayoutLineUnknown, PayoutUnknown
from merchants.tables import (
    charge_refunds,
    merchants,
    payment_requests,
    payout_lines,
    payout_rejections,
    payouts,
    tills,
)
from monnaie_locale.database.prepared import Look, Rows, look
from monnaie_locale.journal.directory import Owner, find_accounts
from monnaie_locale.ledger.accounts import AccountKind

TILL_COLUMNS = [column for column in tills.c if column.name not in {"territory_id", "pairing_digest"}]
REQUEST_COLUMNS = [column for column in payment_requests.c if column.name not in {"territory_id", "code_digest"}]
PAYOUT_COLUMNS = [
    column
    for column in payouts.c
    if column.name not in {"territory_id", "sent_at_ms", "settled_at_ms", "cancelled_at_ms"}
]
MERCHANT_COLUMNS = [column for column in merchants.c if column.name != "territory_id"]
TILL_NAMES = [column.name for column in TILL_COLUMNS]
MERCHANT_NAMES = [column.name for column in MERCHANT_COLUMNS]
TILLS_WITH_SHOPS = f"""
SELECT {", ".join(f"tills.{column.name}" for column in TILL_COLUMNS)},
{", ".join(f"merchants.{column.name}" for column in MERCHANT_COLUMNS)}
FROM {{wanted}} CROSS JOIN tills CROSS JOIN merchants
WHERE tills.territory_id = {{p}} AND tills.id = {{value}}
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
"""  # noqa: S608 - names of our own columns
# What a charge needs of its till, and no more: in a batch, every value more is written and read as JSON. The account is
# looked up till by till. Joined, PostgreSQL takes "no wallet, a shop's kind" for a rare coincidence and begins with the
# accounts of all shops: with 200 of them, a batch of charges spent most of its time there.
TILLS_AT_THE_COUNTER = f"""
SELECT tills.id, tills.paired_at_ms IS NOT NULL AND tills.unpaired_at_ms IS NULL,
merchants.id, merchants.name, merchants.category, merchants.is_active, (
SELECT accounts.id FROM accounts WHERE accounts.territory_id = tills.territory_id AND accounts.wallet_id = 0
AND accounts.merchant_id = tills.merchant_id AND accounts.kind = {AccountKind.MERCHANT:d} AND accounts.programme_id = 0
) FROM {{wanted}} CROSS JOIN tills CROSS JOIN merchants
WHERE tills.territory_id = {{p}} AND tills.id = {{value}}
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
"""  # noqa: S608 - a constant of our own
ADDRESS_NAMES = ("street", "building", "postcode", "town")
LINE_COLUMNS = [
    *(column for column in payout_lines.c if column.name not in {"territory_id", "recovery_entry_id", *ADDRESS_NAMES}),
    payout_rejections.c.entry_id.label("rejected_entry_id"),
]
LINES: FromClause = payout_lines.outerjoin(
    payout_rejections,
    and_(
        payout_rejections.c.territory_id == payout_lines.c.territory_id,
        payout_rejections.c.payout_id == payout_lines.c.payout_id,
        payout_rejections.c.line_no == payout_lines.c.line_no,
    ),
)


def find_merchant(db: Connection, *, territory_id: int, merchant_id: int) -> Merchant:
    """Return one shop; refuses merchant_unknown."""
    row = _merchant_row(db, merchants.c.territory_id == territory_id, merchants.c.id == merchant_id)
    if row is None:
        raise MerchantUnknown(merchant_id=merchant_id)
    return as_merchant(row)


def merchant_by_code(db: Connection, *, territory_id: int, code: str) -> Merchant:
    """Return the shop of a short public code ("C0004"); refuses merchant_unknown."""
    row = _merchant_row(db, merchants.c.territory_id == territory_id, merchants.c.code == code.strip().upper())
    if row is None:
        raise MerchantUnknown(code=code[:20])
    return as_merchant(row)


def merchant_by_siret(db: Connection, *, territory_id: int, siret: str) -> Merchant | None:
    """Return the shop of a SIRET, or None."""
    row = _merchant_row(db, merchants.c.territory_id == territory_id, merchants.c.siret == siret)
    return None if row is None else as_merchant(row)


def list_merchants(
    db: Connection,
    *,
    territory_id: int,
    only_active: bool = False,
    categories: Collection[str] | None = None,
    after_id: int = 0,
    limit: int | None = None,
) -> list[Merchant]:
    """Return the shops in the order of their admission.

    Args:
        db: a connection.
        territory_id: whose shops.
        only_active: leave out suspended shops.
        categories: only these categories, all when None.
        after_id: continue a page after this number.
        limit: how many at most, all when None.

    """
    query = select(merchants).where(merchants.c.territory_id == territory_id, merchants.c.id > after_id)
    if only_active:
        query = query.where(merchants.c.is_active)
    if categories is not None:
        query = query.where(merchants.c.category.in_(list(categories)))
    rows = db.execute(query.order_by(merchants.c.id).limit(limit)).mappings()
    return [as_merchant(row) for row in rows]


def merchant_accounts(db: Connection, *, territory_id: int, merchant_id: int) -> tuple[int, int]:
    """Return the numbers of a shop's account and of what it owes; both are opened at its admission."""
    owners = [Owner(kind, merchant_id=merchant_id) for kind in (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT)]
    found = find_accounts(db, territory_id=territory_id, owners=owners)
    if len(found) < len(owners):
        raise MerchantUnknown(merchant_id=merchant_id)
    return found[owners[0]], found[owners[1]]


def find_till(db: Connection, *, territory_id: int, till_id: int) -> Till:
    """Return one till; refuses till_unknown."""
    row = (
        db.execute(select(*TILL_COLUMNS).where(tills.c.territory_id == territory_id, tills.c.id == till_id))
        .mappings()
        .first()
    )
    if row is None:
        raise TillUnknown(till_id=till_id)
    return Till(**row)


def tills_with_shops(
    db: Connection, *, territory_id: int, till_ids: Collection[int]
) -> dict[int, tuple[Till, Merchant]]:
    """Return those of the tills that exist, each with its shop; in one statement."""
    return look(db, Look(TILLS_WITH_SHOPS, list(till_ids), (territory_id,), _tills_with_shops))


def look_for_counters(*, territory_id: int, till_ids: Collection[int]) -> Look[dict[int, TillAtTheCounter]]:
    """Return what asks for what a charge needs of each till that exists."""
    return Look(TILLS_AT_THE_COUNTER, list(till_ids), (territory_id,), _at_the_counter)


def _at_the_counter(rows: Rows) -> dict[int, TillAtTheCounter]:
    return {
        till_id: TillAtTheCounter(bool(is_paired), OpenShop(shop_id, name, category), bool(is_active), account_id)
        for till_id, is_paired, shop_id, name, category, is_active, account_id in rows
    }


def _tills_with_shops(rows: Rows) -> dict[int, tuple[Till, Merchant]]:
    return {till.id: (till, merchant) for till, merchant in map(_till_with_shop, rows)}


def _till_with_shop(row: tuple[Any, ...]) -> tuple[Till, Merchant]:
    till_values, shop_values = row[: len(TILL_COLUMNS)], row[len(TILL_COLUMNS) :]
    shop = dict(zip(MERCHANT_NAMES, shop_values, strict=True))
    return (
        Till(**dict(zip(TILL_NAMES, till_values, strict=True))),
        as_merchant(shop | {"is_active": bool(shop["is_active"])}),
    )


def tills_of(db: Connection, *, territory_id: int, merchant_id: int) -> list[Till]:
    """Return a shop's tills, oldest first."""
    rows = db.execute(
        select(*TILL_COLUMNS)
        .where(tills.c.territory_id == territory_id, tills.c.merchant_id == merchant_id)
        .order_by(tills.c.id)
    ).mappings()
    return [Till(**row) for row in rows]


def till_by_pairing(db: Connection, *, territory_id: int, pairing_digest: bytes) -> Till | None:
    """Return the till that waits for this pairing code, expired or not, or None."""
    row = (
        db.execute(
            select(*TILL_COLUMNS)
            .where(tills.c.territory_id == territory_id, tills.c.pairing_digest == pairing_digest)
            .with_for_update()
        )
        .mappings()
        .first()
    )
    return None if row is None else Till(**row)


def find_request(db: Connection, *, territory_id: int, request_id: int) -> PaymentRequest:
    """Return one payment request; refuses payment_request_unknown."""
    return _request(db, payment_requests.c.territory_id == territory_id, payment_requests.c.id == request_id)


def request_by_code(db: Connection, *, territory_id: int, code_digest: bytes) -> PaymentRequest:
    """Return the payment request of a code's digest; refuses payment_request_unknown."""
    return _request(db, payment_requests.c.territory_id == territory_id, payment_requests.c.code_digest == code_digest)


def refunded_of(db: Connection, *, territory_id: int, charge_entry_ids: Collection[int]) -> dict[int, int]:
    """Return what was refunded so far of each of these charges that was refunded at all, in cents."""
    if not charge_entry_ids:
        return {}
    rows = db.execute(
        select(charge_refunds.c.charge_entry_id, charge_refunds.c.refunded_cents).where(
            charge_refunds.c.territory_id == territory_id,
            charge_refunds.c.charge_entry_id.in_(list(charge_entry_ids)),
        )
    )
    return {row[0]: row[1] for row in rows}


def refunds_noted(db: Connection, *, territory_id: int) -> dict[int, int]:
    """Return what is noted as refunded of every charge that was refunded, in cents."""
    query = select(charge_refunds.c.charge_entry_id, charge_refunds.c.refunded_cents)
    return {row[0]: row[1] for row in db.execute(query.where(charge_refunds.c.territory_id == territory_id))}


def find_payout(db: Connection, *, territory_id: int, payout_id: int, locked: bool = False) -> Payout:
    """Return a payout with its lines, locked until the end of the transaction when asked; refuses payout_unknown."""
    query = select(*PAYOUT_COLUMNS).where(payouts.c.territory_id == territory_id, payouts.c.id == payout_id)
    row = db.execute(query.with_for_update() if locked else query).mappings().first()
    if row is None:
        raise PayoutUnknown(payout_id=payout_id)
    return replace(as_payout(row), lines=tuple(lines_of(db, territory_id=territory_id, payout_id=payout_id)))


def list_payouts(db: Connection, *, territory_id: int, limit: int | None = None) -> list[Payout]:
    """Return the payouts without their lines, newest first."""
    rows = db.execute(
        select(*PAYOUT_COLUMNS).where(payouts.c.territory_id == territory_id).order_by(payouts.c.id.desc()).limit(limit)
    ).mappings()
    return [as_payout(row) for row in rows]


def lines_of(db: Connection, *, territory_id: int, payout_id: int) -> list[PayoutLine]:
    """Return the lines of a payout."""
    rows = db.execute(
        select(*LINE_COLUMNS)
        .select_from(LINES)
        .where(payout_lines.c.territory_id == territory_id, payout_lines.c.payout_id == payout_id)
        .order_by(payout_lines.c.line_no)
    ).mappings()
    return [as_line(row) for row in rows]


def lines_undebited(db: Connection, *, territory_id: int, settled_from_entry_id: int | None) -> list[PayoutLine]:
    """Return the lines that were ordered, newest payout first, and neither debited nor rejected before a certain entry.

    Lines that ended by an entry from `settled_from_entry_id` on are there too; None leaves out all that have ended.
    """

    def is_open(ended: ColumnElement[int | None]) -> ColumnElement[bool]:
        return or_(ended.is_(None), false() if settled_from_entry_id is None else ended >= settled_from_entry_id)

    rows = db.execute(
        select(*LINE_COLUMNS)
        .select_from(LINES)
        .where(
            payout_lines.c.territory_id == territory_id,
            payout_lines.c.order_entry_id.is_not(None),
            is_open(payout_lines.c.settled_entry_id),
            is_open(payout_rejections.c.entry_id),
        )
        .order_by(payout_lines.c.payout_id.desc(), payout_lines.c.line_no)
    ).mappings()
    return [as_line(row) for row in rows]


def open_lines(db: Connection, *, territory_id: int) -> list[tuple[PayoutLine, datetime.date]]:
    """Return the lines that were ordered, with their execution day: what a bank statement may confirm or return."""
    rows = db.execute(
        select(*LINE_COLUMNS, payouts.c.execution_on)
        .select_from(
            LINES.join(
                payouts,
                (payouts.c.territory_id == payout_lines.c.territory_id) & (payouts.c.id == payout_lines.c.payout_id),
            )
        )
        .where(
            payout_lines.c.territory_id == territory_id,
            payout_lines.c.state.in_(["ordered", "settled"]),
            or_(payout_rejections.c.entry_id.is_(None), payout_lines.c.state == "settled"),
        )
        .order_by(payout_lines.c.payout_id, payout_lines.c.line_no)
    ).mappings()
    return [(as_line({name: row[name] for name in row if name != "execution_on"}), row["execution_on"]) for row in rows]


def line_by_end_to_end(db: Connection, *, territory_id: int, end_to_end_id: str) -> PayoutLine:
    """Return the line that the bank names; refuses payout_line_unknown."""
    row = (
        db.execute(
            select(*LINE_COLUMNS)
            .select_from(LINES)
            .where(payout_lines.c.territory_id == territory_id, payout_lines.c.end_to_end_id == end_to_end_id)
            .with_for_update(of=payout_lines)
        )
        .mappings()
        .first()
    )
    if row is None:
        raise PayoutLineUnknown(end_to_end_id=end_to_end_id[:40])
    return as_line(row)


def payment_file(db: Connection, *, territory_id: int, payout_id: int) -> PayoutFile:
    """Return an approved payout as the bank is asked for it; refuses payout_unknown.

    A payout that nobody approved has no approval instant: its file is refused by `payouts.operations.payment_file`.
    """
    payout = find_payout(db, territory_id=territory_id, payout_id=payout_id)
    address_columns = [payout_lines.c[name] for name in ADDRESS_NAMES]
    addresses = {
        row["line_no"]: Address(**{name: row[name] for name in ADDRESS_NAMES})
        for row in db.execute(
            select(payout_lines.c.line_no, *address_columns).where(
                payout_lines.c.territory_id == territory_id, payout_lines.c.payout_id == payout_id
            )
        ).mappings()
    }
    return PayoutFile(
        message_id=payout.message_id,
        execution_on=payout.execution_on,
        pain_version=payout.pain_version,
        approved_at_ms=payout.approved_at_ms or 0,
        total_cents=payout.total_cents,
        lines=tuple(
            PayoutFileLine(
                end_to_end_id=line.end_to_end_id,
                amount_cents=line.amount_cents,
                name=line.name,
                iban=line.iban,
                bic=line.bic,
                address=addresses[line.line_no],
                rf_reference=line.rf_reference,
            )
            for line in payout.lines
        ),
    )


def as_merchant(row: RowMapping | dict[str, Any]) -> Merchant:
    """Return the shop in a row."""
    plain = {name: row[name] for name in row if name not in {"territory_id", "street", "building", "postcode", "town"}}
    address = Address(street=row["street"], building=row["building"], postcode=row["postcode"], town=row["town"])
    return Merchant(**plain, address=address)


def as_payout(row: RowMapping) -> Payout:
    """Return the payout in a row, without its lines."""
    return Payout(**{**row, "state": PayoutState(row["state"])})


def as_line(row: RowMapping | dict[str, Any]) -> PayoutLine:
    """Return the payout line in a row; one that the bank rejected stays "ordered" in its row, for it was."""
    is_rejected = row["rejected_entry_id"] is not None and row["state"] == LineState.ORDERED.value
    values: dict[str, Any] = {**row, "state": LineState.REJECTED if is_rejected else LineState(row["state"])}
    return PayoutLine(**values)


def _merchant_row(db: Connection, *conditions: object) -> RowMapping | None:
    return db.execute(select(merchants).where(*conditions)).mappings().first()  # type: ignore[arg-type]


def _request(db: Connection, *conditions: object) -> PaymentRequest:
    rows: Sequence[RowMapping] = (
        db.execute(select(*REQUEST_COLUMNS).where(*conditions)).mappings().all()  # type: ignore[arg-type]
    )
    if not rows:
        raise PaymentRequestUnknown
    return PaymentRequest(**rows[0])
