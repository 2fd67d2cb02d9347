"""What must hold or change together with a posting, beside the journal.

A card that must still be active, a counter of payments without PIN, a payment request that is used once: the package
that owns them gives the posting companions. Those of one class are loaded together, judged one by one in the
order of the requests, and saved together, all inside the posting's transaction.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection

from monnaie_locale.database.prepared import Look
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.posting import Posted


class CompanionBatch(Protocol):
    """The state that the companions of one class share during a batch."""

    def check(self, companion: Any, transfers: Sequence[Transfer]) -> None:  # noqa: ANN401 - a companion of the class
        """Refuse the posting that carries this companion, or let it pass; nothing is changed yet."""

    def accept(self, companion: Any, posted: Posted) -> None:  # noqa: ANN401 - a companion of the class
        """Take the accepted posting into account, for those that follow in the batch."""

    def save(self, db: Connection) -> None:
        """Write what changed, in a few statements whose results nobody reads: they are sent ahead."""


class Companion(Protocol):
    """A value carried by a posting; its class knows how to load the shared state."""

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence[Any]) -> CompanionBatch:
        """Read and lock what these companions of the class need."""


@runtime_checkable
class LookedUp(Protocol):
    """A companion whose state is read in the same round trip as the books: those of every charge."""

    @classmethod
    def look(cls, *, territory_id: int, companions: Sequence[Any]) -> Look[Any]:
        """Return what these companions of the class need; it is read, and locked, under the posting lock."""

    @classmethod
    def loaded(
        cls,
        db: Connection,
        *,
        territory_id: int,
        companions: Sequence[Any],
        seen: Any,  # noqa: ANN401 - what its look reads
    ) -> CompanionBatch:
        """Return the shared state from what was seen; what is seldom needed may be read now."""
