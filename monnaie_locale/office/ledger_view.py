"""The journal in words: each entry's transfers with the names of their accounts."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.queries import list_merchants
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.exports.labels import ENTRY_LABELS, auxiliary_label
from monnaie_locale.journal.directory import Owner
from monnaie_locale.journal.queries import owners_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.posting import Posted
from monnaie_locale.programmes.queries import programmes_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One account of a transfer: its number, its code and its words."""

    account_id: int
    code: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transfer of an entry, in words."""

    debit: Side
    credit: Side
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry, in words."""

    posted: Posted
    label: str
    moves: tuple[Move, ...]


def views(db: Connection, *, territory_id: int, found: Sequence[Posted]) -> list[EntryView]:
    """Return the entries in words; a shop has its name, a wallet only its number."""
    numbers = {
        account_id
        for posted in found
        for line in posted.entry.transfers
        for account_id in (line.debit_account_id, line.credit_account_id)
    }
    known = sides(db, territory_id=territory_id, account_ids=numbers)
    return [
        EntryView(
            posted=posted,
            label=ENTRY_LABELS[posted.entry.kind],
            moves=tuple(
                Move(
                    debit=known[line.debit_account_id],
                    credit=known[line.credit_account_id],
                    amount_cents=line.amount_cents,
                )
                for line in posted.entry.transfers
            ),
        )
        for posted in found
    ]


def sides(db: Connection, *, territory_id: int, account_ids: Iterable[int]) -> dict[int, Side]:
    """Return accounts in words, by number, under the codes of the newest chart."""
    chart = chart_of(db, territory_id=territory_id, day=datetime.date.max)
    owners = owners_of(db, territory_id=territory_id, account_ids=set(account_ids))
    shops = {shop.id: shop.name for shop in list_merchants(db, territory_id=territory_id)}
    programmes = {key: each.name for key, each in programmes_by_id(db, territory_id=territory_id).items()}
    return {
        account_id: Side(
            account_id=account_id,
            code=chart.issuer(owner.kind).code,
            label=_words(owner, chart.issuer(owner.kind).french, shops, programmes),
        )
        for account_id, owner in owners.items()
    }


def _words(owner: Owner, general: str, shops: dict[int, str], programmes: dict[int, str]) -> str:
    if owner.kind is AccountKind.PURSE:
        programme = programmes.get(owner.programme_id, f"dispositif {owner.programme_id}")
        return f"Porte-monnaie {owner.wallet_id}, {programme}, jusqu’au {owner.expires_on:%d/%m/%Y}"
    if owner.merchant_id:
        return f"{general} : {shops.get(owner.merchant_id, f'commerçant {owner.merchant_id}')}"
    if owner.programme_id:
        return f"{general} : {programmes.get(owner.programme_id, f'dispositif {owner.programme_id}')}"
    return f"{general} ({auxiliary_label(owner)})" if auxiliary_label(owner) else general
