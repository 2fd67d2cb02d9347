"""What shops took from the purses of some programmes, whatever became of it since."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, func, select, true

from monnaie_locale.journal.tables import accounts, journal_entries, transfers
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind

# A shop that was paid out gives back by what it owes.
GIVING_KINDS = (int(AccountKind.MERCHANT), int(AccountKind.MERCHANT_DEBT))
# Where a refund goes once its purse has expired.
AFTER_EXPIRY = (int(AccountKind.EXPIRED), int(AccountKind.PROGRAMME_FUNDS))
ENTRIES_PER_READ = 500


def taken_from_purses(
    db: Connection,
    *,
    territory_id: int,
    programme_ids: Collection[int],
    year: int,
    after_on: datetime.date | None,
    through_on: datetime.date,
    entry_ids: Sequence[int] | None = None,
) -> dict[tuple[int, int], int]:
    """Return what each shop took from purses less what it gave back of it, in cents, by (shop, programme).

    What is given back after a purse expired goes where its units went, and counts as much.

    Args:
        db: a connection.
        territory_id: whose books.
        programme_ids: of the purses.
        year: in which the purses expire.
        after_on: only entries accounted after this day; None for all.
        through_on: only entries accounted until this day.
        entry_ids: only these entries, such as all those of one shop; None reads every transfer.

    """
    first_on = datetime.date.min if after_on is None else after_on + datetime.timedelta(days=1)
    net: dict[tuple[int, int], int] = defaultdict(int)
    late: list[tuple[int, int, int, int]] = []
    days = {"first_on": first_on, "through_on": through_on}
    for among in _parts(entry_ids):
        for key, cents in _net_of_purses(db, territory_id, programme_ids, among, year=year, **days).items():
            net[key] += cents
        late += _given_back_late(db, territory_id, programme_ids, among, **days)
    from_year = _of_purses_of(db, territory_id, {charge for charge, *_ in late}, year=year)
    for charge, merchant_id, programme_id, cents in late:
        if (charge, programme_id) in from_year:
            net[merchant_id, programme_id] -= cents
    return dict(net)


def _parts(entry_ids: Sequence[int] | None) -> list[ColumnElement[bool]]:
    """Return conditions on transfers that name these entries, some hundred at a time; one that names none for all."""
    if entry_ids is None:
        return [true()]
    return [
        transfers.c.entry_id.in_(entry_ids[start : start + ENTRIES_PER_READ])
        for start in range(0, len(entry_ids), ENTRIES_PER_READ)
    ]


def _net_of_purses(
    db: Connection,
    territory_id: int,
    programme_ids: Collection[int],
    among: ColumnElement[bool],
    *,
    year: int,
    first_on: datetime.date,
    through_on: datetime.date,
) -> dict[tuple[int, int], int]:
    """Return what each shop took from purses less what it gave back to them."""
    purse, shop = accounts.alias("purse"), accounts.alias("shop")
    ours = transfers.c.territory_id
    conditions: list[ColumnElement[bool]] = [
        ours == territory_id,
        among,
        purse.c.kind == int(AccountKind.PURSE),
        purse.c.programme_id.in_(list(programme_ids)),
        purse.c.expires_on.between(datetime.date(year, 1, 1), datetime.date(year, 12, 31)),
        shop.c.kind.in_(GIVING_KINDS),
        journal_entries.c.accounted_on.between(first_on, through_on),
    ]
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
    return net


def _given_back_late(
    db: Connection,
    territory_id: int,
    programme_ids: Collection[int],
    among: ColumnElement[bool],
    *,
    first_on: datetime.date,
    through_on: datetime.date,
) -> list[tuple[int, int, int, int]]:
    """Return what shops gave back to programmes whose purses had expired: (charge, shop, programme, cents)."""
    shop, target = accounts.alias("shop"), accounts.alias("target")
    ours = transfers.c.territory_id
    rows = db.execute(
        select(journal_entries.c.reference, shop.c.merchant_id, target.c.programme_id, transfers.c.amount_cents)
        .join(target, (target.c.territory_id == ours) & (target.c.id == transfers.c.credit_account_id))
        .join(shop, (shop.c.territory_id == ours) & (shop.c.id == transfers.c.debit_account_id))
        .join(
            journal_entries, (journal_entries.c.territory_id == ours) & (journal_entries.c.id == transfers.c.entry_id)
        )
        .where(
            ours == territory_id,
            among,
            target.c.kind.in_(AFTER_EXPIRY),
            target.c.programme_id.in_(list(programme_ids)),
            shop.c.kind.in_(GIVING_KINDS),
            journal_entries.c.kind == int(EntryKind.REFUND),
            journal_entries.c.accounted_on.between(first_on, through_on),
        )
    )
    # "CHARGE:12" names what is refunded.
    found = ((row[0].rpartition(":")[2], *row[1:]) for row in rows)
    return [
        (int(number), merchant_id, programme_id, cents)
        for number, merchant_id, programme_id, cents in found
        if number.isdecimal()
    ]


def _of_purses_of(db: Connection, territory_id: int, charges: Collection[int], *, year: int) -> set[tuple[int, int]]:
    """Return which of these charges were paid by purses that expire in a year: (charge, programme)."""
    found: set[tuple[int, int]] = set()
    wanted = sorted(charges)
    for start in range(0, len(wanted), ENTRIES_PER_READ):
        rows = db.execute(
            select(transfers.c.entry_id, accounts.c.programme_id)
            .join(
                accounts,
                (accounts.c.territory_id == transfers.c.territory_id) & (accounts.c.id == transfers.c.debit_account_id),
            )
            .where(
                transfers.c.territory_id == territory_id,
                transfers.c.entry_id.in_(wanted[start : start + ENTRIES_PER_READ]),
                accounts.c.kind == int(AccountKind.PURSE),
                accounts.c.expires_on.between(datetime.date(year, 1, 1), datetime.date(year, 12, 31)),
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found
