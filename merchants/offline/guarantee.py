"""What a programme's offline guarantee paid, by month and shop, with the names of the shops."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.queries import list_merchants
from monnaie_locale.ledger.periods import Month, instant_ms, paris_date
from monnaie_locale.programmes.guarantee_queries import guarantee_uses

SHOWN_FOR = datetime.timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuaranteePaid:
    """What a guarantee paid at a shop in a month, refunds deducted, in cents; over how many charges."""

    month: Month
    merchant_id: int
    merchant_name: str
    paid_cents: int
    charge_count: int


def guarantee_paid(
    db: Connection, *, territory_id: int, programme_id: int, now: datetime.datetime
) -> list[GuaranteePaid]:
    """Return what the guarantee of a programme paid in the last year, newest month first."""
    names = {shop.id: shop.name for shop in list_merchants(db, territory_id=territory_id)}
    since = paris_date(instant_ms(now)) - SHOWN_FOR
    return [
        GuaranteePaid(
            month=use.month,
            merchant_id=use.merchant_id,
            merchant_name=names[use.merchant_id],
            paid_cents=use.paid_cents,
            charge_count=use.charge_count,
        )
        for use in guarantee_uses(db, territory_id=territory_id, programme_id=programme_id, since=since)
    ]
