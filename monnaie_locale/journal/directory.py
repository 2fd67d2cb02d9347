"""Territories and accounts: opening them, finding them."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.prepared import select_among
from monnaie_locale.journal.errors import TerritoryUnknown
from monnaie_locale.journal.tables import accounts, ledger_heads, territories
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.openings import AccountOpening

NEVER = datetime.date(9999, 12, 31)
# Built once: it runs before every batch of postings.
LOCK = (
    select(ledger_heads.c.last_entry_id)
    .where(ledger_heads.c.territory_id == bindparam("territory_id"))
    .with_for_update()
)
# The order of the columns is that of the index on owners.
MERCHANT_ACCOUNTS = """
SELECT accounts.merchant_id, accounts.id FROM {wanted} CROSS JOIN accounts
WHERE accounts.territory_id = {p} AND accounts.wallet_id = 0 AND accounts.merchant_id = {value}
AND accounts.kind = {p} AND accounts.programme_id = 0
"""
# How many owners one SELECT names: below the parameter limits of both databases.
LOOKUP_MAX = 500
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
    highest = db.scalar(select(func.max(accounts.c.id)).where(accounts.c.territory_id == territory_id)) or 0
    opened = {owner: highest + number for number, owner in enumerate(missing, start=1)}
    openings = [
        opening_of(Account(account_id, owner, now_ms), territory_id=territory_id)
        for owner, account_id in opened.items()
    ]
    insert_rows(db, accounts, [(*astuple(opening), opening.leaf_hash()) for opening in openings])
    return found | opened


def find_accounts(db: Connection, *, territory_id: int, owners: Sequence[Owner]) -> dict[Owner, int]:
    """Return the accounts that exist among the owners'."""
    found: dict[Owner, int] = {}
    for start in range(0, len(owners), LOOKUP_MAX):
        wanted = set(owners[start : start + LOOKUP_MAX])
        rows = db.execute(
            select(accounts).where(
                accounts.c.territory_id == territory_id,
                accounts.c.wallet_id.in_({owner.wallet_id for owner in wanted}),
                accounts.c.merchant_id.in_({owner.merchant_id for owner in wanted}),
                accounts.c.kind.in_({int(owner.kind) for owner in wanted}),
                accounts.c.programme_id.in_({owner.programme_id for owner in wanted}),
            )
        )
        for row in rows.mappings():
            account = as_account(row)
            if account.owner in wanted:
                found[account.owner] = account.account_id
    return found


def merchant_account_ids(db: Connection, *, territory_id: int, merchant_ids: Sequence[int]) -> dict[int, int]:
    """Return the number of the account of what each of these shops is owed; shops without one are left out."""
    rows = select_among(db, MERCHANT_ACCOUNTS, merchant_ids, territory_id, int(AccountKind.MERCHANT))
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


def as_account(row: StoredRow) -> Account:
    """Return the account in a row of the accounts table."""
    owner = Owner(
        AccountKind(row["kind"]), row["programme_id"], row["wallet_id"], row["merchant_id"], row["expires_on"]
    )
    return Account(row["id"], owner, row["opened_at_ms"])
