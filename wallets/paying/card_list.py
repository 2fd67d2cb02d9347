"""What a shop's device may know of cards while the network is away: which have ended, how much each pays without PIN.

Neither says what a card holds. A card is named by the start of the hash of its code: who holds no card cannot make one.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monnaie_locale.database.prepared import look
from monnaie_locale.journal.directory import LOOKUP_MAX
from monnaie_locale.journal.queries import PurseBalance, look_for_purses
from monnaie_locale.programmes.model import Category, Programme
from monnaie_locale.programmes.queries import programmes_by_id
from monnaie_locale.programmes.rules import eligible_purses, needs_pin
from wallets import queries
from wallets.model import Card
from wallets.paying.card_use import Unpinned
from wallets.phone_register import phones_of_wallet
from wallets.shops import CodesOfWallet
from wallets.tables import cards

# What a device is told of a card, in cents and as its place here: steps this wide tell nothing of a balance.
CAP_STEPS_CENTS = (0, 500, 1_000, 2_000, 5_000)


@dataclass(frozen=True, slots=True)
class ListedCard:
    """A card: the hash of its code, and a place in `CAP_STEPS_CENTS`."""

    token_digest: bytes
    cap_code: int


@dataclass(frozen=True, slots=True)
class CardList:
    """The cards that pay, and the hashes of the codes of those that have ended."""

    paying: tuple[ListedCard, ...]
    ended: tuple[bytes, ...]


def cap_code(card: Card, purses: Iterable[PurseBalance], programmes: Mapping[int, Programme]) -> int:
    """Return the highest step that the card pays without its PIN, whatever it holds; 0 when there is none.

    Args:
        card: active.
        purses: those that pay at the shop today, empty ones included.
        programmes: by number. If one that pays here asks for the PIN at an amount, that amount is not for offline.

    """
    behind = [programmes[purse.programme_id] for purse in purses]
    if not behind or card.is_locked:
        return 0
    used = Unpinned(card.unpinned_count, card.unpinned_cents)
    for code in range(len(CAP_STEPS_CENTS) - 1, 0, -1):
        cents = CAP_STEPS_CENTS[code]
        asks = used.needs_pin(amount_cents=cents) or any(needs_pin(each, amount_cents=cents) for each in behind)
        if not asks:
            return code
    return 0


def cards_for_a_shop(
    db: Connection,
    *,
    territory_id: int,
    card_ids: Collection[int],
    category: Category,
    day: datetime.date,
    ended_max: int,
) -> CardList:
    """Return the cards of the wallets that these cards are of, and those that ended: theirs, and the town's last ones.

    Args:
        db: a connection.
        territory_id: whose cards.
        card_ids: seen at the shop.
        category: what the shop is.
        day: in Paris.
        ended_max: how many of the town's ended cards, the last ones first.

    """
    wallet_ids = {card.wallet_id for card in queries.cards_among(db, territory_id=territory_id, card_ids=card_ids)}
    active = queries.active_cards(db, territory_id=territory_id, wallet_ids=wallet_ids)
    purses = look(db, look_for_purses(territory_id=territory_id, wallet_ids=wallet_ids))
    programmes = programmes_by_id(db, territory_id=territory_id)
    digests = _digests(db, territory_id, [card.card_id for card in active.values()])
    paying = (
        ListedCard(
            digests[card.card_id],
            cap_code(
                card, eligible_purses(purses[wallet_id], programmes=programmes, category=category, day=day), programmes
            ),
        )
        for wallet_id, card in active.items()
    )
    ended = {*_ended_of(db, territory_id, wallet_ids), *_last_ended(db, territory_id, ended_max)}
    return CardList(tuple(sorted(paying, key=lambda each: each.token_digest)), tuple(sorted(ended)))


def codes_of_wallet(db: Connection, *, territory_id: int, wallet_id: int) -> CodesOfWallet:
    """Return what a wallet was ever paid with: every card it had, and their phones."""
    of_wallet = (cards.c.territory_id == territory_id, cards.c.wallet_id == wallet_id)
    digests = db.scalars(select(cards.c.token_digest).where(*of_wallet).order_by(cards.c.id))
    phones = phones_of_wallet(db, territory_id=territory_id, wallet_id=wallet_id)
    return CodesOfWallet(tuple(bytes(digest) for digest in digests), tuple(phone.phone_id for phone in phones))


def _digests(db: Connection, territory_id: int, card_ids: list[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for start in range(0, len(card_ids), LOOKUP_MAX):
        chunk = card_ids[start : start + LOOKUP_MAX]
        rows = db.execute(
            select(cards.c.id, cards.c.token_digest).where(cards.c.territory_id == territory_id, cards.c.id.in_(chunk))
        )
        found.update({row[0]: bytes(row[1]) for row in rows})
    return found


def _ended_of(db: Connection, territory_id: int, wallet_ids: Collection[int]) -> list[bytes]:
    ordered = sorted(wallet_ids)
    found: list[bytes] = []
    for start in range(0, len(ordered), LOOKUP_MAX):
        its = (
            cards.c.territory_id == territory_id,
            cards.c.wallet_id.in_(ordered[start : start + LOOKUP_MAX]),
            cards.c.ended_at_ms.is_not(None),
        )
        found += [bytes(digest) for digest in db.scalars(select(cards.c.token_digest).where(*its))]
    return found


def _last_ended(db: Connection, territory_id: int, ended_max: int) -> list[bytes]:
    query = (
        select(cards.c.token_digest)
        .where(cards.c.territory_id == territory_id, cards.c.ended_at_ms.is_not(None))
        .order_by(cards.c.ended_at_ms.desc())
        .limit(ended_max)
    )
    return [bytes(digest) for digest in db.scalars(query)]
