"""What merchants tell wallets: the names of shops, and which ones take the currency for what."""

from collections.abc import Collection

from sqlalchemy import Connection

from merchants.model import Merchant
from merchants.queries import list_merchants
from monnaie_locale.programmes.model import Category
from wallets.shops import Shop


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


def _shown(shop: Merchant) -> Shop:
    street = " ".join(part for part in (shop.address.building, shop.address.street) if part)
    town = " ".join(part for part in (shop.address.postcode, shop.address.town) if part)
    return Shop(
        name=shop.name,
        category=Category(shop.category),
        address=", ".join(part for part in (street, town) if part),
    )
