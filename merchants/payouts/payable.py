"""What each shop is to be paid, and the line of a payout that pays it."""

import datetime
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select

from merchants.model import LineState, Merchant, PayoutLine, PayoutTerms
from merchants.payouts.cap_claims import claims_kept
from merchants.payouts.redemption import Redemption, end_to_end_id, redeem, rf_reference
from merchants.queries import list_merchants
from merchants.tables import rejected_debits
from monnaie_locale.journal.queries import accounts_of, credited_after
from monnaie_locale.ledger.accounts import AccountKind


def shops_due(
    db: Connection, *, territory_id: int, cutoff_on: datetime.date, terms: PayoutTerms
) -> list[tuple[Merchant, Redemption]]:
    """Return the shops to pay and how much: what they have, less what came in after the day and what is kept back.

    What went out since, by refunds or an earlier payout, is taken from the older units first (`kept_back`: the rest).
    """
    kept = kept_back(db, territory_id=territory_id, through_on=cutoff_on)
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


def kept_back(db: Connection, *, territory_id: int, through_on: datetime.date) -> dict[int, int]:
    """Return the cents that each shop holds and is not paid, 0 for the others.

    They are the CAP claims accounted until the day that it has not certified (`cap_claims.claims_kept`), and what the
    bank debited though it had rejected the transfer, as long as nobody has said what that debit is.
    """
    kept: dict[int, int] = defaultdict(int)
    for claim in claims_kept(db, territory_id=territory_id, through_on=through_on):
        kept[claim.merchant_id] += claim.amount_cents
    columns = rejected_debits.c
    for merchant_id, cents in db.execute(
        select(columns.merchant_id, columns.waiting_cents).where(columns.territory_id == territory_id)
    ):
        kept[merchant_id] += int(cents)
    return kept


def first_short(
    db: Connection, *, territory_id: int, lines: Sequence[PayoutLine], through_on: datetime.date
) -> PayoutLine | None:
    """Return the first line that its shop's balance does not cover any more beside what is kept back, or None."""
    kept = kept_back(db, territory_id=territory_id, through_on=through_on)
    held = {
        account.owner.merchant_id: balance.net_credit_cents
        for account, balance in accounts_of(db, territory_id=territory_id, kinds=[AccountKind.MERCHANT])
    }
    for line in lines:
        taken_cents = line.amount_cents + line.fee_cents + line.recovered_cents
        if taken_cents > held.get(line.merchant_id, 0) - kept[line.merchant_id]:
            return line
    return None


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
