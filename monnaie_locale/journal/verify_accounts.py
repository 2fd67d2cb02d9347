"""Verify the openings of accounts: numbers without a gap, owners as they were opened, the log that the heads signed."""

from collections.abc import Iterator, MutableMapping, Sequence
from hashlib import sha256

from sqlalchemy import Connection, select

from monnaie_locale.journal.directory import as_account, opening_of
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.journal.tables import accounts
from monnaie_locale.journal.verify_log import Finding, RebuiltLog
from monnaie_locale.journal.verify_rows import UNREADABLE, as_date, as_leaf, raw_columns
from monnaie_locale.journal.verify_scan import UNFIT, iso_day, raw_rows
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import opening_bytes
from monnaie_locale.ledger.merkle import LEAF_PREFIX

# Calling an enumeration costs ten times a dictionary.
KINDS = {int(kind): kind for kind in AccountKind}
OPENINGS = """
SELECT id, kind, programme_id, wallet_id, merchant_id, expires_on, opened_at_ms, leaf_hash
FROM accounts WHERE territory_id = {territory_id} ORDER BY id
"""


def check_accounts(
    db: Connection,
    *,
    territory_id: int,
    heads: Sequence[LogHead],
    kinds: MutableMapping[int, AccountKind],
    carefully: bool = False,
) -> Iterator[Finding]:
    """Yield what is wrong with the accounts, and fill `kinds` with the kind of each by its number.

    As for the entries, a fast reading recognises what is right, and only what it cannot is read again row by row.
    """
    log = RebuiltLog({head.accounts_size: head.accounts_root for head in heads}, word="accounts", french="Les comptes")
    sound = None if carefully else _sound(db, territory_id)
    if sound is None:
        yield from _read_carefully(db, territory_id, log, kinds)
    else:
        leaves, found = sound
        kinds.update(found)
        for leaf in leaves:
            yield from log.append(leaf)
    yield from log.end()


def _sound(db: Connection, territory_id: int) -> tuple[list[bytes], dict[int, AccountKind]] | None:
    """Return the leaves and the kinds when every account is as it was opened, else None."""
    kinds: dict[int, AccountKind] = {}
    leaves: list[bytes] = []
    # It must stay an integer: SQLite keeps 0.5 in an integer column.
    total = 0
    try:
        rows = raw_rows(db, OPENINGS.format(territory_id=int(territory_id)))
        for expected, row in enumerate(rows, start=1):
            number, kind, programme, wallet, merchant, expires_on, opened_at_ms, leaf = row
            content = opening_bytes(
                territory_id, number, kind, programme, wallet, merchant, iso_day(expires_on), opened_at_ms
            )
            if number != expected or sha256(LEAF_PREFIX + content).digest() != leaf:
                return None
            total += programme + wallet + merchant + opened_at_ms
            kinds[number] = KINDS[kind]
            leaves.append(leaf)
    except UNFIT:
        return None
    return (leaves, kinds) if type(total) is int else None


def _read_carefully(
    db: Connection, territory_id: int, log: RebuiltLog, kinds: MutableMapping[int, AccountKind]
) -> Iterator[Finding]:
    rows = db.execute(
        select(*raw_columns(accounts)).where(accounts.c.territory_id == territory_id).order_by(accounts.c.id)
    ).mappings()
    for expected, row in enumerate(rows, start=1):
        subject = f"account {row['id']}"
        if row["id"] != expected:
            yield Finding("account_number_gap", subject, f"La numérotation des comptes a un trou avant le {row['id']}.")
        try:
            account = as_account(dict(row) | {"expires_on": as_date(row["expires_on"])})
        except UNREADABLE:
            yield Finding("row_unreadable", subject, f"La ligne du compte {row['id']} est illisible.")
        else:
            kinds[account.account_id] = account.owner.kind
            if opening_of(account, territory_id=territory_id).leaf_hash() != row["leaf_hash"]:
                yield Finding("account_altered", subject, f"Le compte {row['id']} n’est plus celui qui a été ouvert.")
        yield from log.append(as_leaf(row["leaf_hash"]))
