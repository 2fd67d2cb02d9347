"""What documents say that is not in the ledger, as of one moment: the town, its shops, its programmes, its payouts.

The documents of a period take it as a value, so that those of a closed month can be given what the registers said then.
"""

import datetime
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from merchants.model import Merchant, Payout, PayoutFile
from merchants.payouts.operations import payment_file
from merchants.queries import lines_of, list_merchants, list_payouts
from merchants.statements.month import ORDERED_STATES
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.journal.queries import numbers_accounted
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.programmes.model import Programme
from monnaie_locale.programmes.queries import programmes_by_id

LOOK_BACK = datetime.timedelta(days=62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """The registers; `payouts` are those of the period with their lines, the newest first, `payment_files` by number.

    A payout is of the period when it pays what was taken by one of its days, or was ordered on one of them.
    """

    territory: Territory
    merchants: tuple[Merchant, ...]
    programmes: tuple[Programme, ...]
    payouts: tuple[Payout, ...]
    payment_files: dict[int, PayoutFile]


def registers_of(db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date) -> Registers:
    """Return what the registers say now that the documents of a period need; both days included."""
    bounds = numbers_accounted(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    first, last = bounds or (1, 0)
    payouts = []
    for payout in list_payouts(db, territory_id=territory_id):
        # Orders are accounted when they are approved: nothing approved long before the period was ordered in it.
        if payout.approved_at_ms is None or paris_date(payout.approved_at_ms) < first_day - LOOK_BACK:
            continue
        lines = tuple(lines_of(db, territory_id=territory_id, payout_id=payout.id))
        is_due = payout.state in ORDERED_STATES and first_day <= payout.cutoff_on <= last_day
        if is_due or any(line.order_entry_id and first <= line.order_entry_id <= last for line in lines):
            payouts.append(replace(payout, lines=lines))
    return Registers(
        territory=territory_of(db, territory_id=territory_id),
        merchants=tuple(list_merchants(db, territory_id=territory_id)),
        programmes=tuple(programmes_by_id(db, territory_id=territory_id).values()),
        payouts=tuple(payouts),
        payment_files={
            payout.id: payment_file(db, territory_id=territory_id, payout_id=payout.id)
            for payout in payouts
            if payout.state in ORDERED_STATES
        },
    )
