"""Territories and accounts: opening them, finding them."""

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.driver import sent_ahead
from monnaie_locale.database.statistics import look_again
from monnaie_locale.journal.errors import TerritoryUnknown
from monnaie_locale.journal.tables import accounts, balances, ledger_heads, territories
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import opening_bytes
from monnaie_locale.ledger.merkle import hash_leaf
from monnaie_locale.ledger.openings import AccountOpening

NEVER = datetime.date(9999, 12, 31)
# Of a distribution's chunk: Python prepares the next accounts while PostgreSQL opens these.
OPENED_AT_ONCE = 256
# Built once: it runs before every batch of postings.
LOCK = (
    select(ledger_heads.c.last_entry_id)
    .where(ledger_heads.c.territory_id == bindparam("territory_id"))
    .with_for_update()
)
# The order of the columns is that of the index on owners.
# How many values one SELECT names one by one: below the parameter limits of both databases.
LOOKUP_MAX = 500
# Owners are found by the unique index of owners, all of a kind in one statement: a wallet or a shop varies, the rest is
# fixed. In SQLite, CROSS JOIN reads the wanted values first and finds each by the index.
SAME_BUT_ONE = {
    "sqlite": (
        "SELECT wanted.value, accounts.id FROM json_each(?) AS wanted CROSS JOIN accounts"
        " ON accounts.territory_id = ? AND accounts.{varying} = wanted.value AND accounts.{fixed} = ?"
        " AND accounts.kind = ? AND accounts.programme_id = ? AND accounts.expires_on = ?"
    ),
    "postgresql": (
        "SELECT {varying}, id FROM accounts WHERE {varying} = ANY((%s::text)::int[]) AND territory_id = %s"
        " AND {fixed} = %s AND kind = %s AND programme_id = %s AND expires_on = %s"
    ),
}
# What owners found together have in common: the shop of wallets or the wallet of shops, kind, programme, expiry.
Alike = tuple[int, AccountKind, int, datetime.date]
OWNED_BY_WALLETS = {"varying": "wallet_id", "fixed": "merchant_id"}
OWNED_BY_SHOPS = {"varying": "merchant_id", "fixed": "wallet_id"}
# A row as SQLAlchemy gives it, or the same fields read by somebody more careful (the verifier).
StoredRow = RowMapping | Mapping[str, Any]
# The accounts every territory has exactly one of, opened with it.
SINGLE_KINDS = (
    AccountKind.RESERVE,
    AccountKind.PAYOUT_TRANSIT,
    AccountKind.SUSPENSE_IN,
    AccountKind.SUSPENSE_OUT,
    AccountKind.BANK_CHARGES,
    AccountKind.RECONVERSION_FEES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """One CCAS's currency: its public names, its issuer, its reserve account."""

    territory_id: int
    code: str
    name: str
    currency_name: str
    host: str
    issuer_name: str
    issuer_siret: str
    issuer_street: str
    issuer_building: str
    issuer_postcode: str
    issuer_town: str
    reserve_iban: str
    reserve_bic: str
    ccas_name: str
    ccas_phone: str
    is_demo: bool

    @property
    def issuer_siren(self) -> str:
        """Return the first nine digits of the SIRET, which name the FEC file."""
        return self.issuer_siret[:9]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is; 0 where a part does not apply."""

    kind: AccountKind
    programme_id: int = 0
    wallet_id: int = 0
    merchant_id: int = 0
    expires_on: datetime.date = NEVER


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the books and its owner."""

    account_id: int
    owner: Owner
    opened_at_ms: int


def create_territory(db: Connection, *, territory: Territory, now_ms: int) -> None:
    """Open a territory's books: its head and the accounts it has exactly one of."""
    db.execute(insert(territories), {**asdict(territory), "created_at_ms": now_ms})
    db.execute(
        insert(ledger_heads),
        {
            "territory_id": territory.territory_id,
            "last_entry_id": 0,
            "reserve_cents": 0,
            "owed_cents": 0,
            "counted_entry_id": 0,
            "counted_line_no": 0,
        },
    )
    open_accounts(db, territory_id=territory.territory_id, owners=[Owner(kind) for kind in SINGLE_KINDS], now_ms=now_ms)


def has_territory(db: Connection) -> bool:
    """Return whether somebody's books are in a database that has their tables, of whatever schema."""
    return db.scalar(select(territories.c.territory_id).limit(1)) is not None


def territory_of(db: Connection, *, territory_id: int) -> Territory:
    """Return the territory; refuses territory_unknown."""
    columns = [column for column in territories.c if column.name != "created_at_ms"]
    row = db.execute(select(*columns).where(territories.c.territory_id == territory_id)).mappings().first()
    if row is None:
        raise TerritoryUnknown(territory_id=territory_id)
    return Territory(**row)


def lock_territory(db: Connection, *, territory_id: int) -> int:
    """Take the territory's posting lock until the end of the transaction; return the last entry's number.

    Everything that numbers entries or accounts takes it first, so numbers follow the order of commits.
    """
    last_entry_id = db.scalar(LOCK, {"territory_id": territory_id})
    if last_entry_id is None:
        raise TerritoryUnknown(territory_id=territory_id)
    return int(last_entry_id)


def open_account(db: Connection, *, territory_id: int, owner: Owner, now_ms: int) -> int:
    """Return the owner's account, opening it when it does not exist yet."""
    return open_accounts(db, territory_id=territory_id, owners=[owner], now_ms=now_ms)[owner]


def open_accounts(db: Connection, *, territory_id: int, owners: Iterable[Owner], now_ms: int) -> dict[Owner, int]:
    """Return the account of each owner, opening those that do not exist yet; set-based, for distributions."""
    wanted = list(dict.fromkeys(owners))
    lock_territory(db, territory_id=territory_id)
    found = find_accounts(db, territory_id=territory_id, owners=wanted)
    missing = [owner for owner in wanted if owner not in found]
    if not missing:
        return found
    opened = _open(
        db,
        territory_id=territory_id,
        owned=[(each.kind, each.programme_id, each.wallet_id, each.merchant_id, each.expires_on) for each in missing],
        now_ms=now_ms,
    )
    return found | dict(zip(missing, opened, strict=True))


def open_purses(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    expires_on: datetime.date,
    wallet_ids: Iterable[int],
    now_ms: int,
) -> dict[int, int]:
    """Return the purse of each wallet for a programme and an expiry, opening those that do not exist yet."""
    lock_territory(db, territory_id=territory_id)
    wanted = list(dict.fromkeys(wallet_ids))
    alike = (0, AccountKind.PURSE, programme_id, expires_on)
    found = _find(db, OWNED_BY_WALLETS, territory_id=territory_id, varying=wanted, alike=alike)
    missing = [wallet_id for wallet_id in wanted if wallet_id not in found]
    if not missing:
        return found
    opened = _open(
        db,
        territory_id=territory_id,
        owned=[(AccountKind.PURSE, programme_id, wallet_id, 0, expires_on) for wallet_id in missing],
        now_ms=now_ms,
    )
    return found | dict(zip(missing, opened, strict=True))


def recount_accounts(db: Connection) -> None:
    """Let PostgreSQL know what kinds of accounts there are, after many were opened; in a transaction of its own."""
    look_again(db, accounts, balances)


def find_accounts(db: Connection, *, territory_id: int, owners: Iterable[Owner]) -> dict[Owner, int]:
    """Return the accounts that exist among the owners'."""
    groups: dict[tuple[bool, Alike], dict[int, Owner]] = defaultdict(dict)
    for owner in owners:
        # No owner is both a wallet and a shop; what is neither is found as wallet 0.
        by_shop = owner.merchant_id != 0
        varying, fixed = (owner.merchant_id, owner.wallet_id) if by_shop else (owner.wallet_id, owner.merchant_id)
        groups[by_shop, (fixed, owner.kind, owner.programme_id, owner.expires_on)][varying] = owner
    found: dict[Owner, int] = {}
    for (by_shop, alike), wanted in groups.items():
        names = OWNED_BY_SHOPS if by_shop else OWNED_BY_WALLETS
        numbers = _find(db, names, territory_id=territory_id, varying=wanted, alike=alike)
        found.update({wanted[varying]: account_id for varying, account_id in numbers.items()})
    return found


def _find(
    db: Connection, names: Mapping[str, str], *, territory_id: int, varying: Iterable[int], alike: Alike
) -> dict[int, int]:
    """Return the accounts of those wallets, or shops, that have one, all else alike."""
    fixed, kind, programme_id, expires_on = alike
    rows = db.exec_driver_sql(
        SAME_BUT_ONE[db.dialect.name].format(**names),
        (_listed(db, varying), territory_id, fixed, int(kind), programme_id, expires_on.isoformat()),
    )
    return {row[0]: row[1] for row in rows}


def _open(
    db: Connection,
    *,
    territory_id: int,
    owned: Sequence[tuple[AccountKind, int, int, int, datetime.date]],
    now_ms: int,
) -> range:
    """Open accounts that do not exist, under the posting lock; return their numbers, in order and without a gap."""
    highest = db.scalar(select(func.max(accounts.c.id)).where(accounts.c.territory_id == territory_id)) or 0
    numbers = range(highest + 1, highest + 1 + len(owned))
    numbered = list(zip(numbers, owned, strict=True))
    with sent_ahead(db) if len(owned) > OPENED_AT_ONCE else nullcontext():
        for start in range(0, len(owned), OPENED_AT_ONCE):
            part = numbered[start : start + OPENED_AT_ONCE]
            insert_rows(db, accounts, [_opened(territory_id, *each, now_ms=now_ms) for each in part])
    return numbers


def _opened(
    territory_id: int, account_id: int, owner: tuple[AccountKind, int, int, int, datetime.date], *, now_ms: int
) -> tuple[object, ...]:
    """Return the row of an account that is opened."""
    kind, programme_id, wallet_id, merchant_id, expires_on = owner
    content = opening_bytes(
        territory_id, account_id, kind, programme_id, wallet_id, merchant_id, expires_on.isoformat(), now_ms
    )
    return (
        territory_id, account_id, int(kind), programme_id, wallet_id, merchant_id, expires_on, now_ms,
        hash_leaf(content),
    )  # fmt: skip


def programme_accounts(db: Connection, *, territory_id: int, kind: AccountKind) -> dict[int, int]:
    """Return, by programme, the account of this kind that belongs to a programme alone (funds, expired, guarantee)."""
    rows = db.execute(
        select(accounts.c.programme_id, accounts.c.id).where(
            accounts.c.territory_id == territory_id,
            accounts.c.wallet_id == 0,
            accounts.c.merchant_id == 0,
            accounts.c.kind == int(kind),
        )
    )
    return {row[0]: row[1] for row in rows}


def single_account(db: Connection, *, territory_id: int, kind: AccountKind) -> int:
    """Return the territory's one account of that kind (reserve, payouts in transit, suspense, charges)."""
    return find_accounts(db, territory_id=territory_id, owners=[Owner(kind)])[Owner(kind)]


def opening_of(account: Account, *, territory_id: int) -> AccountOpening:
    """Return the account as the log of openings hashes it."""
    owner = account.owner
    return AccountOpening(
        territory_id=territory_id,
        account_id=account.account_id,
        kind=owner.kind,
        programme_id=owner.programme_id,
        wallet_id=owner.wallet_id,
        merchant_id=owner.merchant_id,
        expires_on=owner.expires_on,
        opened_at_ms=account.opened_at_ms,
    )


def _listed(db: Connection, numbers: Iterable[int]) -> str:
    """Return numbers as one parameter: each driver would take a thousand of them one by one."""
    if db.dialect.name == "postgresql":
        return f"{{{','.join(map(str, numbers))}}}"
    return json.dumps(list(numbers))


def as_account(row: StoredRow) -> Account:
    """Return the account in a row of the accounts table."""
    owner = Owner(
        AccountKind(row["kind"]), row["programme_id"], row["wallet_id"], row["merchant_id"], row["expires_on"]
    )
    return Account(row["id"], owner, row["opened_at_ms"])
