"""What shops took from the purses of some programmes, whatever became of it since."""

import datetime
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, select

from monnaie_locale.journal.tables import accounts, journal_entries, transfers
from monnaie_locale.ledger.accounts import AccountKind


def taken_from_purses(
    db: Connection,
    *,
    territory_id: int,
    programme_ids: Collection[int],
    year: int,
    after_on: datetime.date | None,
    through_on: datetime.date,
) -> dict[tuple[int, int], int]:
    """Return what each shop took from purses less what it gave back to them, in cents, by (shop, programme).

    Args:
        db: a connection.
        territory_id: whose books.
        programme_ids: of the purses.
        year: in which the purses expire.
        after_on: only entries accounted after this day; None for all.
        through_on: only entries accounted until this day.

    """
    purse, shop = accounts.alias("purse"), accounts.alias("shop")
    ours = transfers.c.territory_id
    conditions: list[ColumnElement[bool]] = [
        ours == territory_id,
        purse.c.kind == int(AccountKind.PURSE),
        purse.c.programme_id.in_(list(programme_ids)),
        purse.c.expires_on.between(datetime.date(year, 1, 1), datetime.date(year, 12, 31)),
        shop.c.kind == int(AccountKind.MERCHANT),
        journal_entries.c.accounted_on <= through_on,
    ]
    if after_on is not None:
        conditions.append(journal_entries.c.accounted_on > after_on)
    net: dict[tuple[int, int], int] = defaultdict(int)
    taken = (transfers.c.debit_account_id, transfers.c.credit_account_id, 1)
    given_back = (transfers.c.credit_account_id, transfers.c.debit_account_id, -1)
    for of_purse, of_shop, sign in (taken, given_back):
        rows = db.execute(
            select(shop.c.merchant_id, purse.c.programme_id, func.sum(transfers.c.amount_cents))
            .join(purse, (purse.c.territory_id == ours) & (purse.c.id == of_purse))
            .join(shop, (shop.c.territory_id == ours) & (shop.c.id == of_shop))
            .join(
                journal_entries,
                (journal_entries.c.territory_id == ours) & (journal_entries.c.id == transfers.c.entry_id),
            )
            .where(*conditions)
            .group_by(shop.c.merchant_id, purse.c.programme_id)
        )
        for merchant_id, programme_id, cents in rows:
            net[merchant_id, programme_id] += sign * int(cents)
    return dict(net)
