"""Read the offline guarantees of programmes: what they hold, what two people moved, what they paid and where."""

import datetime
from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, RowMapping, select

from monnaie_locale.journal.account_history import numbers_touching
from monnaie_locale.journal.directory import Owner, find_accounts, programme_accounts
from monnaie_locale.journal.queries import balance_of, entries_by_number, numbers_accounted, owners_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind, Transfer
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.errors import GuaranteeMoveUnknown
from monnaie_locale.programmes.model import GuaranteeMove, GuaranteeMoveKind, GuaranteeMoveState, GuaranteeUse
from monnaie_locale.programmes.tables import guarantee_moves


def guarantee_accounts(db: Connection, *, territory_id: int) -> dict[int, int]:
    """Return the guarantee account of each programme that was ever given one."""
    return programme_accounts(db, territory_id=territory_id, kind=AccountKind.OFFLINE_GUARANTEE)


def guarantee_of(db: Connection, *, territory_id: int, programme_id: int) -> int:
    """Return the cents that the programme's guarantee holds; 0 when it was never funded."""
    account_id = _account(db, territory_id, programme_id)
    return 0 if account_id is None else balance_of(db, territory_id=territory_id, account_id=account_id)


def guarantee_moves_of(
    db: Connection, *, territory_id: int, programme_id: int | None = None, state: GuaranteeMoveState | None = None
) -> list[GuaranteeMove]:
    """Return the moves of guarantees, newest first: of one programme, or in one state, when asked."""
    query = (
        select(guarantee_moves)
        .where(guarantee_moves.c.territory_id == territory_id)
        .order_by(guarantee_moves.c.id.desc())
    )
    if programme_id is not None:
        query = query.where(guarantee_moves.c.programme_id == programme_id)
    if state is not None:
        query = query.where(guarantee_moves.c.state == state)
    return [_as_move(row) for row in db.execute(query).mappings()]


def guarantee_move_of(db: Connection, *, territory_id: int, move_id: int, lock: bool = False) -> GuaranteeMove:
    """Return one move, locked until the end of the transaction when asked; refuses guarantee_move_unknown."""
    query = select(guarantee_moves).where(
        guarantee_moves.c.territory_id == territory_id, guarantee_moves.c.id == move_id
    )
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise GuaranteeMoveUnknown(move_id=move_id)
    return _as_move(row)


def guarantee_uses(db: Connection, *, territory_id: int, programme_id: int, since: datetime.date) -> list[GuaranteeUse]:
    """Return what the programme's guarantee paid by month and shop, from the month of `since` on, newest month first.

    By the accounting date. It reads the account's own history: as much work as the guarantee paid, not as the town did.
    """
    account_id = _account(db, territory_id, programme_id)
    bounds = numbers_accounted(db, territory_id=territory_id, first_day=since.replace(day=1))
    if account_id is None or bounds is None:
        return []
    paid_cents: dict[tuple[Month, int], int] = defaultdict(int)
    charges: dict[tuple[Month, int], set[int]] = defaultdict(set)
    numbers = numbers_touching(db, territory_id=territory_id, account_ids=[account_id], above=bounds[0] - 1)
    for posted in entries_by_number(db, territory_id=territory_id, entry_ids=numbers):
        entry = posted.entry
        for line, signed_cents in _paid(entry.transfers, account_id):
            shop_account = line.credit_account_id if signed_cents > 0 else line.debit_account_id
            key = Month.of(entry.accounted_on), shop_account
            paid_cents[key] += signed_cents
            if entry.kind is EntryKind.CHARGE:
                charges[key].add(entry.entry_id)
    owners = owners_of(db, territory_id=territory_id, account_ids={shop for _, shop in paid_cents})
    return _by_shop(paid_cents, charges, owners)


def _paid(transfers: tuple[Transfer, ...], account_id: int) -> Iterator[tuple[Transfer, int]]:
    """Yield the transfers between the guarantee and a shop: + what it paid, − what a refund gave back."""
    for line in transfers:
        if line.debit_account_id == account_id and line.credit_kind is AccountKind.MERCHANT:
            yield line, line.amount_cents
        elif line.credit_account_id == account_id and line.debit_kind in SHOP_KINDS:
            yield line, -line.amount_cents


def _by_shop(
    paid_cents: dict[tuple[Month, int], int], charges: dict[tuple[Month, int], set[int]], owners: dict[int, Owner]
) -> list[GuaranteeUse]:
    """Return the sums by shop: a shop that was paid out gives back by another account than the one it was paid on."""
    cents: dict[tuple[Month, int], int] = defaultdict(int)
    counts: dict[tuple[Month, int], int] = defaultdict(int)
    for (month, account_id), amount_cents in paid_cents.items():
        shop = month, owners[account_id].merchant_id
        cents[shop] += amount_cents
        counts[shop] += len(charges.get((month, account_id), ()))
    uses = [
        GuaranteeUse(month=month, merchant_id=merchant_id, paid_cents=paid, charge_count=counts[month, merchant_id])
        for (month, merchant_id), paid in cents.items()
    ]
    return sorted(uses, key=lambda use: (use.month.first_day.toordinal(), -use.merchant_id), reverse=True)


SHOP_KINDS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})


def _account(db: Connection, territory_id: int, programme_id: int) -> int | None:
    owner = Owner(AccountKind.OFFLINE_GUARANTEE, programme_id)
    return find_accounts(db, territory_id=territory_id, owners=[owner]).get(owner)


def _as_move(row: RowMapping) -> GuaranteeMove:
    return GuaranteeMove(
        move_id=row["id"],
        programme_id=row["programme_id"],
        kind=GuaranteeMoveKind(row["kind"]),
        amount_cents=row["amount_cents"],
        state=GuaranteeMoveState(row["state"]),
        prepared_by=row["prepared_by"],
        prepared_at_ms=row["prepared_at_ms"],
        approved_by=row["approved_by"],
        ended_at_ms=row["ended_at_ms"],
        entry_id=row["entry_id"],
    )
