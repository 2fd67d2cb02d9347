"""What happened to a wallet, as its holder reads it: newest first, one line an event."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.journal.account_history import entries_touching
from monnaie_locale.journal.queries import entries_by_number, owners_of, purses_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Posted
from wallets.holders.wording import told
from wallets.paying.card_list import codes_of_wallet
from wallets.shops import ShopDirectory

EVENTS = {
    EntryKind.DISTRIBUTION: "event_aid",
    EntryKind.CHARGE: "event_charge",
    EntryKind.REFUND: "event_refund",
    EntryKind.EXPIRY: "event_expiry",
    EntryKind.WALLET_MOVE: "event_move",
    EntryKind.REVERSAL: "event_reversal",
}
OTHER_EVENT = "event_other"
SHOP_KINDS = frozenset({AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT})


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One event of a wallet, named by a sentence of `wallets.holders.wording`.

    `amount_cents` is signed: + received, − spent; `entry_hash` is its leaf of the log. `guaranteed_cents` is what an
    offline guarantee paid of a purchase that cost more than the wallet held, all of it when no purse moved;
    `returned_cents` what a refund gave back to it since.
    """

    entry_id: int
    entry_hash: str
    at_ms: int
    event: str
    shop: str
    amount_cents: int
    is_charge: bool
    guaranteed_cents: int
    returned_cents: int

    @property
    def label(self) -> str:
        """Return what happened, in French."""
        return told(self.event, language="fr")


def history_of(
    db: Connection,
    *,
    territory_id: int,
    wallet_id: int,
    shops: ShopDirectory,
    limit: int,
    before_entry_id: int | None = None,
) -> list[HistoryLine]:
    """Return the last `limit` events of a wallet, newest first; `before_entry_id` continues a page."""
    purses = purses_of(db, territory_id=territory_id, wallet_id=wallet_id)
    account_ids = {purse.account_id for purse in purses}
    found = entries_touching(
        db, territory_id=territory_id, account_ids=account_ids, before_entry_id=before_entry_id, limit=limit
    )
    # What a guarantee paid alone moved no purse: only the code that was shown says whose purchase it was.
    codes = codes_of_wallet(db, territory_id=territory_id, wallet_id=wallet_id)
    offline = shops.charges_offline(
        db, territory_id=territory_id, codes=codes, below_entry_id=before_entry_id, limit=limit
    )
    apart = set(offline) - {posted.entry.entry_id for posted in found}
    found += entries_by_number(db, territory_id=territory_id, entry_ids=sorted(apart))
    found = sorted(found, key=lambda posted: posted.entry.entry_id, reverse=True)[:limit]
    guaranteed = {posted.entry.entry_id: cents for posted in found if (cents := _guaranteed_cents(posted))}
    refunded = shops.refunded_of(db, territory_id=territory_id, charge_entry_ids=list(guaranteed))
    merchants = _merchants(db, territory_id=territory_id, found=found)
    names = shops.names_of(db, territory_id=territory_id, merchant_ids=set(merchants.values()))
    return [
        HistoryLine(
            entry_id=posted.entry.entry_id,
            entry_hash=posted.leaf_hash.hex(),
            at_ms=posted.entry.happened_at_ms,
            event=EVENTS.get(posted.entry.kind, OTHER_EVENT),
            shop=names.get(merchants.get(posted.entry.entry_id, 0), ""),
            amount_cents=_moved_cents(posted, account_ids),
            is_charge=posted.entry.kind is EntryKind.CHARGE,
            guaranteed_cents=guaranteed.get(posted.entry.entry_id, 0),
            # A refund gives back to the guarantee first.
            returned_cents=min(guaranteed.get(posted.entry.entry_id, 0), refunded.get(posted.entry.entry_id, 0)),
        )
        for posted in found
    ]


def _merchants(db: Connection, *, territory_id: int, found: Collection[Posted]) -> dict[int, int]:
    """Return the merchant on the other side of each entry that has one."""
    sides: dict[int, int] = {}
    for posted in found:
        for line in posted.entry.transfers:
            if line.credit_kind in SHOP_KINDS:
                sides[posted.entry.entry_id] = line.credit_account_id
            elif line.debit_kind in SHOP_KINDS:
                sides[posted.entry.entry_id] = line.debit_account_id
    owners = owners_of(db, territory_id=territory_id, account_ids=set(sides.values()))
    return {entry_id: owners[account_id].merchant_id for entry_id, account_id in sides.items()}


def _guaranteed_cents(posted: Posted) -> int:
    return sum(line.amount_cents for line in posted.entry.transfers if line.debit_kind is AccountKind.OFFLINE_GUARANTEE)


def _moved_cents(posted: Posted, account_ids: Collection[int]) -> int:
    received = sum(line.amount_cents for line in posted.entry.transfers if line.credit_account_id in account_ids)
    spent = sum(line.amount_cents for line in posted.entry.transfers if line.debit_account_id in account_ids)
    return received - spent
