"""What each shop is to be paid, and the line of a payout that pays it."""

import datetime
from collections import defaultdict

from sqlalchemy import Connection

from merchants.cap_claims import claims_kept
from merchants.model import LineState, Merchant, PayoutTerms
from merchants.queries import list_merchants
from merchants.redemption import Redemption, end_to_end_id, redeem, rf_reference
from monnaie_locale.journal.queries import accounts_of, credited_after
from monnaie_locale.ledger.accounts import AccountKind


def shops_due(
    db: Connection, *, territory_id: int, cutoff_on: datetime.date, terms: PayoutTerms
) -> list[tuple[Merchant, Redemption]]:
    """Return the shops to pay and how much: what they have, less what came in after the day and what is kept back.

    What went out since, by refunds or an earlier payout, is taken from the older units first. Kept back are the CAP
    claims that the shop has not certified (`cap_claims.claims_kept`).
    """
    kept: dict[int, int] = defaultdict(int)
    for claim in claims_kept(db, territory_id=territory_id, through_on=cutoff_on):
        kept[claim.merchant_id] += claim.amount_cents
    held: dict[int, int] = {}
    debts: dict[int, int] = {}
    later = credited_after(db, territory_id=territory_id, kind=AccountKind.MERCHANT, day=cutoff_on)
    kinds = (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT)
    for account, balance in accounts_of(db, territory_id=territory_id, kinds=kinds):
        if account.owner.kind is AccountKind.MERCHANT_DEBT:
            debts[account.owner.merchant_id] = -balance.net_credit_cents
        else:
            held[account.owner.merchant_id] = balance.net_credit_cents - later.get(account.account_id, 0)
    due = []
    for merchant in list_merchants(db, territory_id=territory_id):
        redemption = redeem(
            balance_cents=max(0, held.get(merchant.id, 0) - kept[merchant.id]),
            debt_cents=debts.get(merchant.id, 0),
            minimum_cents=terms.minimum_cents,
            fee_basis_points=terms.fee_basis_points,
        )
        if redemption.paid_cents:
            due.append((merchant, redemption))
    return due


def line_row(merchant: Merchant, redemption: Redemption, *, at: tuple[int, int, int], code: str) -> dict[str, object]:
    """Return the row of a payout's line, all that the bank's file needs copied into it.

    Args:
        merchant: the shop, as it is now.
        redemption: what it is paid.
        at: territory, payout and number of the line.
        code: of the territory; it begins the identifiers.

    """
    territory_id, payout_id, line_no = at
    return {
        "territory_id": territory_id,
        "payout_id": payout_id,
        "line_no": line_no,
        "merchant_id": merchant.id,
        "amount_cents": redemption.paid_cents,
        "recovered_cents": redemption.recovered_cents,
        "fee_cents": redemption.fee_cents,
        "end_to_end_id": end_to_end_id(territory_code=code, payout_id=payout_id, line_no=line_no),
        "rf_reference": rf_reference(territory_id=territory_id, payout_id=payout_id, line_no=line_no),
        "iban": merchant.iban,
        "bic": merchant.bic,
        "name": merchant.name,
        "street": merchant.address.street,
        "building": merchant.address.building,
        "postcode": merchant.address.postcode,
        "town": merchant.address.town,
        "state": LineState.PREPARED.value,
    }
