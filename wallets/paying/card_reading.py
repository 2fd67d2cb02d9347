"""What is known behind the codes that are shown: the cards, their purses, the rules of their money."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection

from monnaie_locale.database.prepared import Look, look, look_together
from monnaie_locale.journal.queries import PurseBalance, look_for_purses, purses_by_wallet
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.programmes.model import Programme
from monnaie_locale.programmes.queries import look_for_programmes
from wallets import queries
from wallets.codes.card_token import CardCode
from wallets.codes.phone_code import PhoneCode, ShownCode, is_genuine
from wallets.model import Card
from wallets.move_queries import merged_into
from wallets.phone_register import phones_among

# Each once, whatever the number of cards that a wallet shows.
PURSES_OF_CARDS = """
SELECT DISTINCT accounts.id, accounts.programme_id, accounts.wallet_id, accounts.expires_on,
balances.credits_cents - balances.debits_cents
FROM {wanted} CROSS JOIN cards CROSS JOIN accounts CROSS JOIN balances
WHERE cards.territory_id = {p} AND cards.token_digest = {digest} AND accounts.territory_id = cards.territory_id
AND accounts.wallet_id = cards.wallet_id AND accounts.merchant_id = 0 AND accounts.kind = {p}
AND balances.territory_id = accounts.territory_id AND balances.account_id = accounts.id
"""
NO_WALLET = 0
Purses = defaultdict[int, list[PurseBalance]]
NO_HEIRS: Mapping[int, int] = MappingProxyType({})


class ReadCard(NamedTuple):
    """A card as it was found: by the secret of its QR, by its number alone, or by the code of one of its phones.

    `phone_code` is that code; the card is None when the code is not genuine or the phone was taken away.
    """

    card: Card | None
    code_key: str
    is_number: bool
    phone_code: PhoneCode | None
    purses: tuple[PurseBalance, ...]
    programmes: Mapping[int, Programme]


def read_cards(db: Connection, *, territory_id: int, host: str, codes: Sequence[ShownCode]) -> list[ReadCard]:
    """Return what is known behind each of these codes, in their order: the card, its purses, the rules of its money."""
    by_digest, purses, programmes = look_together(db, *looks_for_cards(territory_id=territory_id, codes=codes))
    cards = cards_behind(db, territory_id=territory_id, host=host, codes=codes, by_digest=by_digest)
    others = look(db, look_for_other_purses(territory_id=territory_id, codes=codes, cards=cards))
    return as_read(codes, cards, purses=purses | others, programmes=programmes)


def looks_for_cards(
    *, territory_id: int, codes: Sequence[ShownCode]
) -> tuple[Look[dict[bytes, Card]], Look[Purses], Look[dict[int, Programme]]]:
    """Return what `read_cards` asks first, for who asks more at once: cards and purses by secrets, and the rules."""
    digests = {code.digest for code in codes if isinstance(code, CardCode) and code.digest is not None}
    return (
        queries.look_for_cards(territory_id=territory_id, token_digests=digests),
        Look(PURSES_OF_CARDS, list(digests), (territory_id, int(AccountKind.PURSE)), purses_by_wallet),
        look_for_programmes(territory_id=territory_id),
    )


def cards_behind(
    db: Connection, *, territory_id: int, host: str, codes: Sequence[ShownCode], by_digest: Mapping[bytes, Card]
) -> list[Card | None]:
    """Return the card behind each code: found by its secret already, by its number, or by one of its phones."""
    by_phone = _cards_by_phone(db, territory_id=territory_id, host=host, codes=codes)
    return [
        by_phone.get(code)
        if isinstance(code, PhoneCode)
        else by_digest.get(code.digest)
        if code.digest is not None
        else queries.card_by_number(db, territory_id=territory_id, number=code.number)
        for code in codes
    ]


def look_for_other_purses(
    *,
    territory_id: int,
    codes: Sequence[ShownCode],
    cards: Sequence[Card | None],
    heirs: Mapping[int, int] = NO_HEIRS,
) -> Look[Purses]:
    """Return what is asked next: for cards not found by a secret, and for heirs; mostly for nobody, and not asked.

    An invented number must cost what another does: it asks for what nobody has.
    """
    wallet_ids = {
        NO_WALLET if card is None else card.wallet_id
        for code, card in zip(codes, cards, strict=True)
        if isinstance(code, PhoneCode) or code.digest is None
    }
    return look_for_purses(territory_id=territory_id, wallet_ids=wallet_ids | set(heirs.values()))


def heirs_of_ended(db: Connection, *, territory_id: int, cards: Sequence[Card | None]) -> dict[int, int]:
    """Return the wallet that each ended card's wallet was merged into since, for charges taken before that."""
    wallet_ids = {card.wallet_id for card in cards if card is not None and not card.is_active}
    return merged_into(db, territory_id=territory_id, wallet_ids=wallet_ids)


def as_read(
    codes: Sequence[ShownCode],
    cards: Sequence[Card | None],
    *,
    purses: Mapping[int, Sequence[PurseBalance]],
    programmes: Mapping[int, Programme],
    heirs: Mapping[int, int] = NO_HEIRS,
) -> list[ReadCard]:
    """Return what was found behind each code, put together; `heirs` as in `heirs_of_ended`."""
    return [
        ReadCard(
            card=card,
            code_key=code.key,
            is_number=isinstance(code, CardCode) and code.digest is None,
            phone_code=code if isinstance(code, PhoneCode) else None,
            purses=() if card is None else _purses_behind(card.wallet_id, purses, heirs),
            programmes=programmes,
        )
        for code, card in zip(codes, cards, strict=True)
    ]


def _purses_behind(
    wallet_id: int, purses: Mapping[int, Sequence[PurseBalance]], heirs: Mapping[int, int]
) -> tuple[PurseBalance, ...]:
    """Return the wallet's purses, and of the wallet it became those into which its own went."""
    own = tuple(purses.get(wallet_id, ()))
    if wallet_id not in heirs:
        return own
    went = {(purse.programme_id, purse.expires_on) for purse in own}
    there = purses.get(heirs[wallet_id], ())
    return own + tuple(purse for purse in there if (purse.programme_id, purse.expires_on) in went)


def _cards_by_phone(
    db: Connection, *, territory_id: int, host: str, codes: Sequence[ShownCode]
) -> dict[PhoneCode, Card]:
    """Return the card behind each phone's code that is genuine and whose phone is still bound."""
    shown = [code for code in codes if isinstance(code, PhoneCode)]
    if not shown:
        return {}
    phones = phones_among(db, territory_id=territory_id, phone_ids={code.phone_id for code in shown})
    card_of = {
        code: phone.card_id
        for code in shown
        if (phone := phones.get(code.phone_id)) is not None
        and phone.is_active
        and is_genuine(code, host=host, public_key=phone.public_key)
    }
    cards = queries.cards_among(db, territory_id=territory_id, card_ids=set(card_of.values()))
    by_id = {card.card_id: card for card in cards}
    return {code: by_id[card_id] for code, card_id in card_of.items()}
