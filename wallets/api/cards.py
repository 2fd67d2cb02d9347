"""Wallets and cards over JSON.

The answers that hold a PIN or a card's code are given once and never stored: the three endpoints that give them are
not of the "stored" kind. Asked again with the same key, issuing and replacing refuse (the wallet has its card), and
a PIN is drawn anew: the last one given is the one that works.
"""

import datetime
from typing import Literal

from flask import current_app
from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Body, Reply
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.directory import territory_of
from wallets import errors, queries, shops
from wallets.codes.card_token import card_url
from wallets.holders.history import history_of
from wallets.model import Card, CardState, IssuedCard
from wallets.operations import cards

blueprint = api_blueprint("cards_api", __name__)


class PurseReply(Reply):
    """What a wallet holds of one programme until one date."""

    programme_id: int
    programme_name: str
    expires_on: datetime.date
    balance_cents: int


class CardReply(Reply):
    """A card, without its secrets."""

    card_id: int
    wallet_id: int
    number: str
    state: CardState
    is_locked: bool
    issued_at_ms: int
    ended_at_ms: int | None


class WalletReply(Reply):
    """A wallet, its purses and its cards."""

    wallet_id: int
    household_id: int
    is_open: bool
    purses: list[PurseReply]
    cards: list[CardReply]


class OwnWalletReply(Reply):
    """What the holder of the card has left."""

    purses: list[PurseReply]


class EventReply(Reply):
    """One event of a wallet; the amount is signed: + received, − spent."""

    entry_id: int
    at_ms: int
    label: str
    shop: str
    amount_cents: int
    guaranteed_cents: int = Field(description="What an offline guarantee paid beside the wallet")


class HistoryReply(Reply):
    """A page of events, newest first."""

    events: list[EventReply]
    next_cursor: str | None


class BlockBody(Body):
    """Why a card is blocked."""

    reason: Literal["lost", "stolen", "damaged", "other"] = "lost"


class IssuedReply(Reply):
    """A card just made, with its secrets: they are given once."""

    card_id: int
    wallet_id: int
    number: str
    url: str
    pin: str


class PinReply(Reply):
    """A new PIN, given once."""

    card_id: int
    number: str
    pin: str


@endpoint(
    blueprint,
    "GET",
    "/wallets/<int:wallet_id>",
    summary="Show a wallet",
    permission=Permission.VIEW_WALLETS,
    answers=WalletReply,
    refusals=(errors.WalletUnknown,),
)
def show_wallet(db: Connection, *, call: Call, wallet_id: int) -> WalletReply:
    """Show a wallet with its purses, empty and expired ones included, and every card it had."""
    del call
    wallet = queries.wallet_of(db, territory_id=_town(), wallet_id=wallet_id)
    return WalletReply(
        wallet_id=wallet_id,
        household_id=wallet.household_id,
        is_open=wallet.closed_at_ms is None,
        purses=_purses(db, wallet_id),
        cards=[_card(card) for card in queries.cards_of(db, territory_id=_town(), wallet_id=wallet_id)],
    )


@endpoint(
    blueprint,
    "GET",
    "/wallets/<int:wallet_id>/history",
    summary="List the events of a wallet",
    permission=Permission.VIEW_WALLETS,
    query=PageQuery,
    answers=HistoryReply,
    refusals=(errors.WalletUnknown,),
)
def wallet_history(db: Connection, *, query: PageQuery, call: Call, wallet_id: int) -> HistoryReply:
    """List what a wallet received and spent, newest first."""
    del call
    queries.wallet_of(db, territory_id=_town(), wallet_id=wallet_id)
    directory: shops.ShopDirectory = current_app.extensions[shops.EXTENSION]
    position = read_cursor(query.cursor)
    lines = history_of(
        db,
        territory_id=_town(),
        wallet_id=wallet_id,
        shops=directory,
        limit=query.limit + 1,
        before_entry_id=None if position is None else int(position[0]),
    )
    events = [
        EventReply(
            entry_id=line.entry_id,
            at_ms=line.at_ms,
            label=line.label,
            shop=line.shop,
            amount_cents=line.amount_cents,
            guaranteed_cents=line.guaranteed_cents,
        )
        for line in lines[: query.limit]
    ]
    more = len(lines) > query.limit
    return HistoryReply(events=events, next_cursor=write_cursor((events[-1].entry_id,)) if more else None)


@endpoint(
    blueprint,
    "GET",
    "/own-wallet",
    summary="Show the holder's own wallet",
    permission=Permission.VIEW_OWN_WALLET,
    answers=OwnWalletReply,
)
def own_wallet(db: Connection, *, call: Call) -> OwnWalletReply:
    """Show what the holder who is signed in has left."""
    del call
    card = queries.card_of(db, territory_id=_town(), card_id=access.subject().id)
    return OwnWalletReply(purses=_purses(db, card.wallet_id))


@endpoint(
    blueprint,
    "POST",
    "/wallets/<int:wallet_id>/cards",
    summary="Issue a wallet's card",
    permission=Permission.MANAGE_WALLETS,
    answers=IssuedReply,
    status=201,
    refusals=(errors.WalletUnknown, errors.WalletClosed, errors.WalletHasCard),
    idempotent="journal",
)
def issue_card(*, call: Call, wallet_id: int) -> IssuedReply:
    """Issue the card and give its secrets once; the same key again is refused, the wallet has its card."""
    rt = runtime.current()
    secrets = cards.draw_secrets(count=1, keyring=rt.keyring, random_bytes=rt.random_bytes)
    (issued,) = transact(
        rt.engine,
        cards.issue_cards,
        territory_id=rt.territory_id,
        wallet_ids=[wallet_id],
        secrets=secrets,
        random_bytes=rt.random_bytes,
        actor=call.caller,
        now=call.now,
    )
    return _issued(issued)


@endpoint(
    blueprint,
    "POST",
    "/cards/<int:card_id>/block",
    summary="Block a card",
    permission=Permission.MANAGE_WALLETS,
    body=BlockBody,
    answers=CardReply,
    refusals=(errors.CardUnknown, errors.CardEnded),
    idempotent="stored",
)
def block_card(db: Connection, *, body: BlockBody, call: Call, card_id: int) -> CardReply:
    """Block a card at once and for ever; what it holds stays in the wallet."""
    cards.block_card(db, territory_id=_town(), card_id=card_id, actor=call.caller, now=call.now, reason=body.reason)
    return _card(queries.card_of(db, territory_id=_town(), card_id=card_id))


@endpoint(
    blueprint,
    "POST",
    "/cards/<int:card_id>/replace",
    summary="Replace a card",
    permission=Permission.MANAGE_WALLETS,
    answers=IssuedReply,
    status=201,
    refusals=(errors.CardUnknown, errors.CardEnded, errors.WalletClosed, errors.WalletHasCard),
    idempotent="journal",
)
def replace_card(*, call: Call, card_id: int) -> IssuedReply:
    """Give the wallet another card; the old one stops at once, the balance does not move."""
    rt = runtime.current()
    issued = transact(
        rt.engine,
        cards.replace_card,
        territory_id=rt.territory_id,
        card_id=card_id,
        keyring=rt.keyring,
        random_bytes=rt.random_bytes,
        actor=call.caller,
        now=call.now,
    )
    return _issued(issued)


@endpoint(
    blueprint,
    "POST",
    "/cards/<int:card_id>/pin",
    summary="Give a card a new PIN",
    permission=Permission.MANAGE_WALLETS,
    answers=PinReply,
    refusals=(errors.CardUnknown, errors.CardEnded),
    idempotent="secret",
)
def reset_pin(db: Connection, *, call: Call, card_id: int) -> PinReply:
    """Give a card a new PIN and its five tries; the old PIN stops at once.

    The same key again is refused: a second PIN would make void the slip that was just printed.
    """
    rt = runtime.current()
    new = cards.reset_pin(
        db,
        territory_id=rt.territory_id,
        card_id=card_id,
        keyring=rt.keyring,
        random_bytes=rt.random_bytes,
        actor=call.caller,
        now=call.now,
    )
    return PinReply(card_id=new.card_id, number=new.number, pin=new.pin)


def _town() -> int:
    return runtime.current().territory_id


def _purses(db: Connection, wallet_id: int) -> list[PurseReply]:
    return [
        PurseReply(
            programme_id=purse.programme_id,
            programme_name=purse.programme_name,
            expires_on=purse.expires_on,
            balance_cents=purse.balance_cents,
        )
        for purse in queries.purse_views(db, territory_id=_town(), wallet_id=wallet_id)
    ]


def _card(card: Card) -> CardReply:
    return CardReply(
        card_id=card.card_id,
        wallet_id=card.wallet_id,
        number=card.number,
        state=card.state,
        is_locked=card.is_locked,
        issued_at_ms=card.issued_at_ms,
        ended_at_ms=card.ended_at_ms,
    )


def _issued(issued: IssuedCard) -> IssuedReply:
    rt = runtime.current()
    with reading(rt.engine) as db:
        host = territory_of(db, territory_id=rt.territory_id).host
    return IssuedReply(
        card_id=issued.card_id,
        wallet_id=issued.wallet_id,
        number=issued.number,
        url=card_url(host=host, token=issued.token),
        pin=issued.pin,
    )
