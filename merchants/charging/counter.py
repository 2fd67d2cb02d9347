"""Everything that must be known before a charge is authorised, read for all the tills that ask at the same time."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from merchants.errors import MerchantSuspended, MerchantUnknown, TillUnknown, TillUnpaired
from merchants.model import OpenShop, TillAtTheCounter
from merchants.queries import look_for_counters
from monnaie_locale.database.prepared import look, look_together
from monnaie_locale.identity.queries import look_for_api_keys
from monnaie_locale.journal.queries import look_for_keys, posted_under
from monnaie_locale.ledger.posting import Posted
from wallets.codes.phone_code import ShownCode
from wallets.paying.card_reading import (
    ReadCard,
    as_read,
    cards_behind,
    heirs_of_ended,
    look_for_other_purses,
    looks_for_cards,
)


class Asked(NamedTuple):
    """A charge that is about to be authorised; `api_key_digest` of the till's key, when nobody has read it yet.

    `is_offline`: taken offline, so that its card's wallet may have been merged into another since.
    """

    territory_id: int
    host: str
    key_digest: bytes
    till_id: int
    card_code: ShownCode
    api_key_digest: bytes | None = None
    is_offline: bool = False


class Seen(NamedTuple):
    """What is known of it: what its key had posted, the till and its shop with its account, the card."""

    till_id: int
    posted: Posted | None
    till: TillAtTheCounter | None
    card: ReadCard
    is_key_good: bool = True

    def open_shop(self) -> tuple[OpenShop, int]:
        """Return the shop and its account when both till and shop may work.

        Refuses till_unknown, till_unpaired, merchant_suspended.
        """
        if self.till is None:
            raise TillUnknown(till_id=self.till_id)
        is_paired, shop, is_active, account_id = self.till
        if not is_paired:
            raise TillUnpaired
        if not is_active:
            raise MerchantSuspended
        if account_id is None:
            raise MerchantUnknown(merchant_id=shop.id)
        return shop, account_id


def at_the_counter(db: Connection, asked: Sequence[Asked]) -> list[Seen]:
    """Return what is known of each of these charges, in their order; a few statements, however many they are."""
    towns = {(one.territory_id, one.host) for one in asked}
    if len(towns) > 1:
        # One process serves one town; should it ever serve two, each is read apart.
        return [seen for one in asked for seen in at_the_counter(db, [one])]
    ((territory_id, host),) = towns
    codes = [one.card_code for one in asked]
    good_keys, numbers, tills, by_digest, purses, programmes = look_together(
        db,
        look_for_api_keys(
            territory_id=territory_id, token_digests={one.api_key_digest for one in asked if one.api_key_digest}
        ),
        look_for_keys(territory_id=territory_id, key_digests=[one.key_digest for one in asked]),
        look_for_counters(territory_id=territory_id, till_ids={one.till_id for one in asked}),
        *looks_for_cards(territory_id=territory_id, codes=codes),
    )
    posted = posted_under(db, numbers, territory_id)
    found = cards_behind(db, territory_id=territory_id, host=host, codes=codes, by_digest=by_digest)
    offline = [card for one, card in zip(asked, found, strict=True) if one.is_offline]
    heirs = heirs_of_ended(db, territory_id=territory_id, cards=offline)
    others = look(db, look_for_other_purses(territory_id=territory_id, codes=codes, cards=found, heirs=heirs))
    cards = as_read(codes, found, purses=purses | others, programmes=programmes, heirs=heirs)
    return [
        Seen(
            till_id=one.till_id,
            posted=posted.get(one.key_digest),
            till=tills.get(one.till_id),
            card=card,
            is_key_good=one.api_key_digest is None or one.api_key_digest in good_keys,
        )
        for one, card in zip(asked, cards, strict=True)
    ]
