"""Each shop's monthly statement, read from its accounts."""

import datetime
from collections.abc import Mapping

from sqlalchemy import Connection

from merchants.model import Merchant, Movement, PayoutLine
from merchants.queries import lines_of, list_payouts, merchant_accounts
from merchants.statement import month_movements
from monnaie_locale.documents.model import LogHead, MerchantParty, MerchantStatement, StatementLine
from monnaie_locale.exports.labels import ENTRY_LABELS
from monnaie_locale.exports.paper import issuer_of
from monnaie_locale.journal.account_history import movement_before
from monnaie_locale.journal.directory import Territory
from monnaie_locale.ledger.periods import Month, moment_of, paris_date

PAID_STATES = frozenset({"approved", "sent", "settled"})
LATE_NOTE = "reçu le {:%d/%m}"


# What a month pays one shop: its line, and the execution day.
Paid = tuple[PayoutLine, datetime.date]


def shop_statement(
    db: Connection,
    *,
    territory: Territory,
    merchant: Merchant,
    month: Month,
    head: LogHead | None,
    paid: Mapping[int, Paid],
) -> MerchantStatement:
    """Return a shop's month: what was owed, each operation, what the month's payout pays.

    Args:
        db: a connection that sees one state of the books.
        territory: whose currency.
        merchant: the shop.
        month: the month, by the accounting dates.
        head: the signed head to print, or None.
        paid: what the month pays each shop, of `paid_in`.

    """
    territory_id = territory.territory_id
    accounts = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant.id)
    opening_cents = sum(
        movement_before(db, territory_id=territory_id, account_id=account_id, day=month.first_day)
        for account_id in accounts
    )
    payout = paid.get(merchant.id)
    movements = [
        movement
        for movement in month_movements(db, territory_id=territory_id, merchant_id=merchant.id, month=month)
        if movement.amount_cents and (payout is None or movement.entry_id != payout[0].order_entry_id)
    ]
    return MerchantStatement(
        issuer=issuer_of(territory),
        merchant=_party(merchant),
        currency_name=territory.currency_name,
        month=month,
        opening_cents=opening_cents,
        lines=tuple(_line(movement) for movement in movements),
        payout_cents=0 if payout is None else payout[0].amount_cents,
        payout_on=None if payout is None else payout[1],
        payout_reference="" if payout is None else payout[0].rf_reference,
        head=head,
        is_demo=territory.is_demo,
    )


def _party(merchant: Merchant) -> MerchantParty:
    return MerchantParty(
        name=merchant.name,
        siret=merchant.siret,
        address_lines=(
            f"{merchant.address.building} {merchant.address.street}".strip(),
            f"{merchant.address.postcode} {merchant.address.town}".strip(),
        ),
        iban=merchant.iban,
    )


def _line(movement: Movement) -> StatementLine:
    happened_on = paris_date(movement.happened_at_ms)
    recorded_on = paris_date(movement.recorded_at_ms)
    return StatementLine(
        number=str(movement.entry_id),
        happened_at=moment_of(movement.happened_at_ms),
        kind=ENTRY_LABELS[movement.kind],
        amount_cents=movement.amount_cents,
        note=LATE_NOTE.format(recorded_on) if recorded_on > happened_on else "",
    )


def paid_in(db: Connection, *, territory_id: int, month: Month, through_entry_id: int | None = None) -> dict[int, Paid]:
    """Return what the newest payout ordered for the month pays each shop, by the shop's number.

    `through_entry_id`: no payout ordered after this entry is told, so that a closed month's statement never changes.
    """
    paid: dict[int, Paid] = {}
    for payout in list_payouts(db, territory_id=territory_id):
        if payout.state.value not in PAID_STATES or Month.of(payout.cutoff_on) != month:
            continue
        for line in lines_of(db, territory_id=territory_id, payout_id=payout.id):
            is_told = through_entry_id is None or (line.order_entry_id or 0) <= through_entry_id
            if is_told:
                paid.setdefault(line.merchant_id, (line, payout.execution_on))
    return paid
