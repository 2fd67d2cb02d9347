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


@dataclass(frozen=True, slots=True)
class CodesOfWallet:
    """What a wallet was ever paid with: the hashes of its cards' codes, and its phones."""

    token_digests: tuple[bytes, ...]
    phone_ids: tuple[int, ...]


class ShopDirectory(Protocol):
    """What `merchants` tells wallets; set as `app.extensions[wallets.shops.EXTENSION]`."""

    def names_of(self, db: Connection, *, territory_id: int, merchant_ids: Collection[int]) -> dict[int, str]:
        """Return the public name of each merchant."""

    def shops_accepting(self, db: Connection, *, territory_id: int, categories: Collection[Category]) -> list[Shop]:
        """Return the shops of these categories that take the currency today, in alphabetical order."""

    def charges_offline(
        self, db: Connection, *, territory_id: int, codes: CodesOfWallet, below_entry_id: int | None, limit: int
    ) -> list[int]:
        """Return the numbers of the last charges taken offline by these codes and paid, whatever paid them."""

    def refunded_of(self, db: Connection, *, territory_id: int, charge_entry_ids: Collection[int]) -> dict[int, int]:
        """Return what was refunded of each of these charges that was refunded at all, in cents."""


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

    def charges_offline(
        self, db: Connection, *, territory_id: int, codes: CodesOfWallet, below_entry_id: int | None, limit: int
    ) -> list[int]:
        """Return nothing."""
        del db, territory_id, codes, below_entry_id, limit
        return []

    def refunded_of(self, db: Connection, *, territory_id: int, charge_entry_ids: Collection[int]) -> dict[int, int]:
        """Return nothing."""
        del db, territory_id, charge_entry_ids
        return {}


def no_receipt(_entry_id: int) -> str:
    """Return no address: no shops were connected."""
    return ""
