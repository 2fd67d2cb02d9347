"""What wallets need to know of shops, without knowing merchants: the package that owns them answers."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from monnaie_locale.programmes.model import Category

EXTENSION = "wallets.shop_directory"
# A function from the number of a charge to the address of its receipt, or to "" where nobody gives receipts.
RECEIPTS = "wallets.receipt_path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop as the public sees it."""

    name: str
    category: Category
    address: str = ""


class ShopDirectory(Protocol):
    """What `merchants` tells wallets; set as `app.extensions[wallets.shops.EXTENSION]`."""

    def names_of(self, db: Connection, *, territory_id: int, merchant_ids: Collection[int]) -> dict[int, str]:
        """Return the public name of each merchant."""

    def shops_accepting(self, db: Connection, *, territory_id: int, categories: Collection[Category]) -> list[Shop]:
        """Return the shops of these categories that take the currency today, in alphabetical order."""


class NoShops:
    """The directory of a service where no shops were connected: it knows none."""

    def names_of(self, db: Connection, *, territory_id: int, merchant_ids: Collection[int]) -> dict[int, str]:
        """Return nothing."""
        del db, territory_id, merchant_ids
        return {}

    def shops_accepting(self, db: Connection, *, territory_id: int, categories: Collection[Category]) -> list[Shop]:
        """Return nothing."""
        del db, territory_id, categories
        return []


def no_receipt(_entry_id: int) -> str:
    """Return no address: no shops were connected."""
    return ""
