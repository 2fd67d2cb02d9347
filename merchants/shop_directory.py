"""What merchants tell wallets: the names of shops, and which ones take the currency for what."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from merchants.model import Merchant
from merchants.offline.signing import phone_digest
from merchants.queries import list_merchants, refunded_of
from merchants.tables import offline_charges
from monnaie_locale.journal.account_history import NUMBER_MAX
from monnaie_locale.programmes.model import Category
from wallets.shops import CodesOfWallet, Shop


class AdmittedShops:
    """The directory of the admitted shops."""

    def names_of(self, db: Connection, *, territory_id: int, merchant_ids: Collection[int]) -> dict[int, str]:
        """Return the public name of each merchant."""
        wanted = set(merchant_ids)
        found = list_merchants(db, territory_id=territory_id)
        return {shop.id: shop.name for shop in found if shop.id in wanted}

    def shops_accepting(self, db: Connection, *, territory_id: int, categories: Collection[Category]) -> list[Shop]:
        """Return the active shops of these categories, in alphabetical order."""
        found = list_merchants(db, territory_id=territory_id, only_active=True, categories=list(categories))
        return sorted((_shown(shop) for shop in found), key=lambda shop: shop.name.casefold())

    def charges_offline(
        self, db: Connection, *, territory_id: int, codes: CodesOfWallet, below_entry_id: int | None, limit: int
    ) -> list[int]:
        """Return the numbers of the last charges taken offline by these codes and paid, newest first."""
        digests = [*codes.token_digests, *(phone_digest(phone_id) for phone_id in codes.phone_ids)]
        query = select(offline_charges.c.entry_id).where(
            offline_charges.c.territory_id == territory_id,
            offline_charges.c.card_digest.in_(digests),
            offline_charges.c.entry_id < (NUMBER_MAX if below_entry_id is None else below_entry_id),
        )
        return list(db.scalars(query.order_by(offline_charges.c.entry_id.desc()).limit(limit)))

    def refunded_of(self, db: Connection, *, territory_id: int, charge_entry_ids: Collection[int]) -> dict[int, int]:
        """Return what was refunded of each of these charges that was refunded at all, in cents."""
        return refunded_of(db, territory_id=territory_id, charge_entry_ids=charge_entry_ids)


def _shown(shop: Merchant) -> Shop:
    street = " ".join(part for part in (shop.address.building, shop.address.street) if part)
    town = " ".join(part for part in (shop.address.postcode, shop.address.town) if part)
    return Shop(
        name=shop.name,
        category=Category(shop.category),
        address=", ".join(part for part in (street, town) if part),
    )
