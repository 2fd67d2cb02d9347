"""How a distribution's file finds its wallets without knowing wallets: the package that owns them answers."""

from collections.abc import Collection
from typing import Protocol

from sqlalchemy import Connection

EXTENSION = "programmes.wallet_directory"


class WalletDirectory(Protocol):
    """What `wallets` tells programmes."""

    def wallets_by_reference(self, db: Connection, *, territory_id: int, references: Collection[str]) -> dict[str, int]:
        """Return the open wallet of each household whose file reference is known; the others are left out."""

    def holder_references(self, db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> dict[int, str]:
        """Return what the desk calls the holder of each wallet: the file reference of the household."""
