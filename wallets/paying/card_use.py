"""What a payment does to its card, in the payment's own transaction: still active, within the limits without PIN.

Source of the limits: technical regulation (EU) 2018/389, article 11.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from monnaie_locale.database.bulk import array_of
from monnaie_locale.database.driver import execute
from monnaie_locale.database.prepared import Look, Rows
from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.posting import Posted
from wallets.errors import CardRefused, PinRequired
from wallets.model import (
    UNPINNED_COUNT_MAX,
    UNPINNED_PAYMENT_MAX_CENTS,
    UNPINNED_TOTAL_MAX_CENTS,
    CardState,
)

LOAD = """
SELECT cards.id, cards.state, cards.unpinned_count, cards.unpinned_cents
FROM {wanted} CROSS JOIN cards WHERE cards.territory_id = {p} AND cards.id = {value}
ORDER BY cards.id {lock} cards
"""
SAVE_ON_SQLITE = """
UPDATE cards SET unpinned_count = used.value ->> 1, unpinned_cents = used.value ->> 2
FROM json_each(?) AS used WHERE cards.territory_id = ? AND cards.id = used.value ->> 0
"""
SAVE_ON_POSTGRESQL = """
UPDATE cards SET unpinned_count = used.times, unpinned_cents = used.cents
FROM unnest(%s::integer[], %s::smallint[], %s::bigint[]) AS used(id, times, cents)
WHERE cards.territory_id = %s AND cards.id = used.id
"""


class CardUse(NamedTuple):
    """The companion of a payment: which card, with or without PIN, and which purses ask for one.

    `may_have_ended` is of a payment taken offline, whose card may have ended before it came in; the limits hold then
    as before, since whoever found a card would otherwise pay at every till that is away.
    """

    card_id: int
    with_pin: bool
    pin_account_ids: frozenset[int] = frozenset()
    may_have_ended: bool = False

    @classmethod
    def look(cls, *, territory_id: int, companions: Sequence["CardUse"]) -> Look[Rows]:
        """Return what locks the cards of the batch, in the order of their numbers, and reads their counters."""
        return Look(LOAD, sorted({use.card_id for use in companions}), (territory_id,), list)

    @classmethod
    def loaded(cls, db: Connection, *, territory_id: int, companions: Sequence["CardUse"], seen: Rows) -> "CardUses":
        """Return the counters seen."""
        del db, companions  # all was seen
        counters = {row[0]: Unpinned(row[2], row[3]) for row in seen}
        ended = frozenset(row[0] for row in seen if row[1] != CardState.ACTIVE)
        return CardUses(territory_id=territory_id, counters=counters, ended=ended)


@dataclass(frozen=True, slots=True)
class Unpinned:
    """What a card paid since its last PIN: how many times, how many cents."""

    count: int
    cents: int

    def needs_pin(self, *, amount_cents: int) -> bool:
        """Tell whether one more payment without PIN would pass a limit."""
        return (
            amount_cents > UNPINNED_PAYMENT_MAX_CENTS
            or self.count + 1 > UNPINNED_COUNT_MAX
            or self.cents + amount_cents > UNPINNED_TOTAL_MAX_CENTS
        )


@dataclass(slots=True, kw_only=True)
class CardUses:
    """The counters of the cards of one batch of postings, and which of them have ended."""

    territory_id: int
    counters: dict[int, Unpinned]
    ended: frozenset[int] = frozenset()
    changed: set[int] = field(default_factory=set)

    def check(self, companion: CardUse, transfers: Sequence[Transfer]) -> None:
        """Refuse card_refused when the card ended meanwhile, pin_required when a limit would be passed."""
        counters = self.counters.get(companion.card_id)
        if counters is None or (companion.card_id in self.ended and not companion.may_have_ended):
            raise CardRefused
        if companion.with_pin:
            return
        if any(line.debit_account_id in companion.pin_account_ids for line in transfers):
            raise PinRequired
        if counters.needs_pin(amount_cents=_paid_cents(transfers)):
            raise PinRequired

    def accept(self, companion: CardUse, posted: Posted) -> None:
        """Count the payment, or start again at zero after a PIN."""
        counters = self.counters[companion.card_id]
        if companion.with_pin:
            after = Unpinned(0, 0)
        else:
            paid_cents = _paid_cents(posted.entry.transfers)
            after = Unpinned(counters.count + 1, counters.cents + paid_cents)
        if after != counters:
            self.counters[companion.card_id] = after
            self.changed.add(companion.card_id)

    def save(self, db: Connection) -> None:
        """Write the counters that changed, in one statement."""
        card_ids = sorted(self.changed)
        if not card_ids:
            return
        used = [(card_id, self.counters[card_id].count, self.counters[card_id].cents) for card_id in card_ids]
        if db.dialect.name == "postgresql":
            execute(db, SAVE_ON_POSTGRESQL, (*map(array_of, zip(*used, strict=True)), self.territory_id))
        else:
            execute(db, SAVE_ON_SQLITE, (json.dumps(used), self.territory_id))


def _paid_cents(transfers: Sequence[Transfer]) -> int:
    return sum(line.amount_cents for line in transfers)
