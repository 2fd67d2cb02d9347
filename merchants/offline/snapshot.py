"""The list of cards that a shop's tills keep for when the network is away: signed by the town, for a day (DESIGN §6).

It holds the start of the hash of each card's code, and how much the card pays without its PIN, in wide steps: no name,
no number, no balance. A till reads two things in it. A card that has ended is refused at once; and a card that would
ask for its PIN later, when nobody is there to type it, is not taken for more than it pays without.

The service believes nothing of it: what a till sends is judged by the books (`merchants.offline.charges`).
"""

import base64
import datetime
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.model import Merchant
from merchants.queries import merchant_accounts
from monnaie_locale.journal.account_history import entries_touching
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms, moment_of, paris_date
from monnaie_locale.programmes.model import Category
from wallets.paying.card_list import CAP_STEPS_CENTS, CardList, ListedCard, cards_for_a_shop

# The town's key signs other things too: nothing else that it signs begins with this line.
FIRST_LINE = "monnaie-locale till-snapshot 1\n"
LIFE = datetime.timedelta(hours=24)
# Within an hour the same cards give the same text, which a device does not fetch twice.
ISSUED_EVERY_MS = 60 * 60 * 1000
SEEN_WITHIN = datetime.timedelta(days=90)
ENTRIES_READ_MAX = 1_000
ENDED_MAX = 2_000
# 96 bits: with a list of thousands taken from a shop's device, half as many could be searched for a code that fits.
MARK_BYTES = 12
CARD_REFERENCE = "CARD:"


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """A text and the Ed25519 signature (RFC 8032) of its bytes by the town."""

    text: str
    signature: bytes


def snapshot_text(*, host: str, merchant_id: int, issued_at_ms: int, listed: CardList) -> str:
    """Return what is signed: a first line that nothing else begins with, then JSON.

    A card is 16 characters of base64url, and for one that pays the digit of its cap after them.
    """
    says = {
        "host": host,
        "merchant": merchant_id,
        "issued_at_ms": issued_at_ms,
        "expires_at_ms": issued_at_ms + LIFE // datetime.timedelta(milliseconds=1),
        "caps_cents": CAP_STEPS_CENTS,
        "cards": "".join(_paying(card) for card in listed.paying),
        "denied": "".join(_mark(digest) for digest in listed.ended),
    }
    return FIRST_LINE + json.dumps(says, separators=(",", ":"))


def snapshot_of(
    db: Connection, *, territory_id: int, host: str, merchant: Merchant, sign: Callable[[bytes], bytes],
    now: datetime.datetime,
) -> SignedSnapshot:  # fmt: skip
    """Return a shop's list as it stands: the cards of the wallets seen there lately, and the cards that have ended.

    Args:
        db: a connection.
        territory_id: whose books.
        host: the public name of the service.
        merchant: the shop.
        sign: the keyring's.
        now: aware UTC.

    """
    now_ms = instant_ms(now)
    listed = cards_for_a_shop(
        db,
        territory_id=territory_id,
        card_ids=_seen_lately(db, territory_id=territory_id, merchant_id=merchant.id, now=now),
        category=Category(merchant.category),
        day=paris_date(now_ms),
        ended_max=ENDED_MAX,
    )
    issued_at_ms = now_ms - now_ms % ISSUED_EVERY_MS
    text = snapshot_text(host=host, merchant_id=merchant.id, issued_at_ms=issued_at_ms, listed=listed)
    return SignedSnapshot(text, sign(text.encode()))


def _seen_lately(db: Connection, *, territory_id: int, merchant_id: int, now: datetime.datetime) -> Collection[int]:
    """Return the cards of the shop's last charges, as their entries name them."""
    own_id, _ = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
    found = entries_touching(db, territory_id=territory_id, account_ids=[own_id], limit=ENTRIES_READ_MAX)
    return {
        int(posted.entry.reference.removeprefix(CARD_REFERENCE))
        for posted in found
        if posted.entry.kind is EntryKind.CHARGE
        and posted.entry.reference.startswith(CARD_REFERENCE)
        and moment_of(posted.entry.happened_at_ms) >= now - SEEN_WITHIN
    }


def _paying(card: ListedCard) -> str:
    return f"{_mark(card.token_digest)}{card.cap_code}"


def _mark(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:MARK_BYTES]).decode()
