"""What the audit trail keeps of shops and payouts: a digest of what was admitted, prepared, approved.

The trail is signed. Whoever changes an account number or a name in a row by hand cannot change it there: `verify` sees
that the row is no longer what two people saw.
"""

import hashlib
import json
from collections.abc import Iterable

from sqlalchemy import Connection, select

from merchants.tables import merchants, payout_lines, payouts

# What follows a payout's way to the bank and back is held by the journal, line by line.
PAYOUT_NAMES = ("id", "label", "cutoff_on", "message_id", "execution_on", "pain_version", "total_cents")
LINE_NAMES = (
    "line_no", "merchant_id", "amount_cents", "recovered_cents", "fee_cents", "end_to_end_id", "rf_reference", "iban",
    "bic", "name", "street", "building", "postcode", "town",
)  # fmt: skip
SHOP_NAMES = (
    "code", "name", "siret", "category", "iban", "bic", "street", "building", "postcode", "town", "debt_limit_cents",
    "admitted_by", "admitted_at_ms",
)  # fmt: skip


def payout_digests(db: Connection, *, territory_id: int, payout_id: int | None = None) -> dict[int, str]:
    """Return the SHA-256, in hexadecimal, of each payout as people and the bank see it, by its number; or of one."""
    heads = select(*(payouts.c[name] for name in PAYOUT_NAMES)).where(payouts.c.territory_id == territory_id)
    lines = select(payout_lines.c.payout_id, *(payout_lines.c[name] for name in LINE_NAMES)).where(
        payout_lines.c.territory_id == territory_id
    )
    if payout_id is not None:
        heads, lines = heads.where(payouts.c.id == payout_id), lines.where(payout_lines.c.payout_id == payout_id)
    digests = {row[0]: hashlib.sha256(_said(row)) for row in db.execute(heads)}
    for row in db.execute(lines.order_by(payout_lines.c.payout_id, payout_lines.c.line_no)):
        digests[row[0]].update(_said(row[1:]))
    return {number: digest.hexdigest() for number, digest in digests.items()}


def shop_digests(db: Connection, *, territory_id: int, merchant_id: int | None = None) -> dict[int, str]:
    """Return the SHA-256, in hexadecimal, of what the register says of each shop, by its number; or of one."""
    columns = (merchants.c.id, *(merchants.c[name] for name in SHOP_NAMES))
    query = select(*columns).where(merchants.c.territory_id == territory_id)
    if merchant_id is not None:
        query = query.where(merchants.c.id == merchant_id)
    return {row[0]: hashlib.sha256(_said(row)).hexdigest() for row in db.execute(query)}


def _said(row: Iterable[object]) -> bytes:
    return (json.dumps(tuple(row), default=str, ensure_ascii=True) + "\n").encode("ascii")
