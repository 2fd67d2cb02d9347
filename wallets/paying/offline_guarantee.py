"""What a charge taken offline may draw on beside the purses, and what it may when its card has ended since. Pure.

The shop could ask nobody: neither what the card held, nor whether it still was one.

* The purses pay first. The guarantees of the programmes of those purses pay the rest, in the order in which the purses
  pay, each down to what it holds. A programme of which the card has no purse that pays at this shop on that day
  guarantees nothing, nor does one that would have asked for the PIN of this amount.
* A card that ended after the charge paid while it was good: its purses pay, as those of a charge made online a minute
  before its holder reported it. Its household may have been merged into another since: what was moved pays where it is,
  from the purses of the same programme and day.
* A card that had ended before the charge pays nothing: who has reported a card bears nothing that happens to it
  afterwards (Code monétaire et financier, L133-20). The guarantees pay all of it, since the till could not know; only
  for three days, the longest that a till may be away. An older end it could have learned.
"""

import datetime
from collections.abc import Iterable, Mapping
from enum import Enum

from monnaie_locale.journal.queries import PurseBalance
from monnaie_locale.programmes.model import Programme
from monnaie_locale.programmes.rules import needs_pin
from wallets.model import Card

# As long as an offline charge may take to come in.
END_UNKNOWN_MAX = datetime.timedelta(hours=72)
END_UNKNOWN_MAX_MS = END_UNKNOWN_MAX // datetime.timedelta(milliseconds=1)


class CardEnd(Enum):
    """When the card of an offline charge ended, by the hour of the charge; ACTIVE too when the till had to know."""

    ACTIVE = "active"
    BEFORE = "before"
    AFTER = "after"


def end_of(card: Card | None, *, happened_at_ms: int) -> CardEnd:
    """Return when a card ended, as a till without network is judged by it; an unknown card has nothing to end."""
    if card is None or card.ended_at_ms is None:
        return CardEnd.ACTIVE
    if card.ended_at_ms > happened_at_ms:
        return CardEnd.AFTER
    return CardEnd.BEFORE if happened_at_ms - card.ended_at_ms <= END_UNKNOWN_MAX_MS else CardEnd.ACTIVE


def guarantees_behind(
    purses: Iterable[PurseBalance],
    programmes: Mapping[int, Programme],
    guarantees: Mapping[int, int],
    *,
    amount_cents: int,
) -> tuple[int, ...]:
    """Return the guarantee accounts behind a charge, each once, in the order in which they pay.

    Args:
        purses: those that pay at the shop on the day of the charge, in their order, empty ones included.
        programmes: by number.
        guarantees: the guarantee account of each programme that has one.
        amount_cents: the whole charge.

    """
    behind = (
        guarantees[purse.programme_id]
        for purse in purses
        if purse.programme_id in guarantees and not needs_pin(programmes[purse.programme_id], amount_cents=amount_cents)
    )
    return tuple(dict.fromkeys(behind))
