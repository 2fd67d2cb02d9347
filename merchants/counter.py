"""Everything that must be known before a charge is authorised, read for all the tills that ask at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.errors import MerchantSuspended, MerchantUnknown, TillUnknown, TillUnpaired
from merchants.model import Merchant, Till
from merchants.queries import tills_with_shops
from monnaie_locale.identity.queries import find_api_keys
from monnaie_locale.journal.directory import merchant_account_ids
from monnaie_locale.journal.queries import posted_by_keys
from monnaie_locale.ledger.posting import Posted
from wallets.authorisation import ReadCard, read_cards
from wallets.phone_code import ShownCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A charge that is about to be authorised; `api_key_digest` of the till's key, when nobody has read it yet."""

    territory_id: int
    host: str
    key_digest: bytes
    till_id: int
    card_code: ShownCode
    api_key_digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of it: what its key had posted, the till and its shop with its account, the card."""

    till_id: int
    posted: Posted | None
    till_and_shop: tuple[Till, Merchant] | None
    account_id: int | None
    card: ReadCard
    is_key_good: bool = True

    def open_shop(self) -> tuple[Merchant, int]:
        """Return the shop and its account when both till and shop may work.

        Refuses till_unknown, till_unpaired, merchant_suspended.
        """
        if self.till_and_shop is None:
            raise TillUnknown(till_id=self.till_id)
        till, merchant = self.till_and_shop
        if not till.is_paired:
            raise TillUnpaired
        if not merchant.is_active:
            raise MerchantSuspended
        if self.account_id is None:
            raise MerchantUnknown(merchant_id=merchant.id)
        return merchant, self.account_id


def at_the_counter(db: Connection, asked: Sequence[Asked]) -> list[Seen]:
    """Return what is known of each of these charges, in their order; a few statements, however many they are."""
    towns = {(one.territory_id, one.host) for one in asked}
    if len(towns) > 1:
        # One process serves one town; should it ever serve two, each is read apart.
        return [seen for one in asked for seen in at_the_counter(db, [one])]
    ((territory_id, host),) = towns
    good_keys = find_api_keys(
        db, territory_id=territory_id, token_digests={one.api_key_digest for one in asked if one.api_key_digest}
    )
    posted = posted_by_keys(db, territory_id=territory_id, key_digests=[one.key_digest for one in asked])
    tills = tills_with_shops(db, territory_id=territory_id, till_ids={one.till_id for one in asked})
    shop_ids = sorted({merchant.id for _, merchant in tills.values()})
    account_ids = merchant_account_ids(db, territory_id=territory_id, merchant_ids=shop_ids)
    cards = read_cards(db, territory_id=territory_id, host=host, codes=[one.card_code for one in asked])
    return [
        Seen(
            till_id=one.till_id,
            posted=posted.get(one.key_digest),
            till_and_shop=tills.get(one.till_id),
            account_id=account_ids.get(tills[one.till_id][1].id) if one.till_id in tills else None,
            card=card,
            is_key_good=one.api_key_digest is None or one.api_key_digest in good_keys,
        )
        for one, card in zip(asked, cards, strict=True)
    ]
