"""Check a PIN: a try is taken, and committed, before the PIN is looked at.

So no more than five wrong PINs are evaluated in a row, also by parallel requests, several processes, or across a
restart in the middle of a check. A right PIN gives the five tries back.

The checks of one card come one after the other within a process: six payments at once with the right PIN would
otherwise hold six tries together, and the sixth be told that the card is locked. Between processes that is still
possible with more than five of them; it heals as soon as one of the checks is over.
"""

import threading

from sqlalchemy import Connection, Engine, update

from monnaie_locale.database.transaction import transact
from monnaie_locale.keyring import Keyring
from wallets.card_token import DECIMAL_DIGITS, PIN_LENGTH
from wallets.errors import CardRefused, PinLocked, PinMalformed
from wallets.model import PIN_TRIES_MAX, Card, CardState
from wallets.tables import cards

# A card waits for its own turn, and for that of one card in 64 at most. Nothing is counted here: the tries are counted
# in the database, whatever this process does.
_TURNS = tuple(threading.Lock() for _ in range(64))


def check_pin_form(pin: str) -> str:
    """Return the PIN when it is four digits; refuses pin_malformed, which says nothing of any card."""
    if len(pin) != PIN_LENGTH or not set(pin) <= set(DECIMAL_DIGITS):
        raise PinMalformed
    return pin


def prove_holder(engine: Engine, keyring: Keyring, *, territory_id: int, card: Card | None, pin: str) -> Card:
    """Return the card when the PIN is its own.

    Args:
        engine: the try is taken in a transaction of its own.
        keyring: evaluates the hash.
        territory_id: whose card.
        card: as found, or None when no card was.
        pin: as typed.

    Refuses, in this order: pin_malformed, card_refused (unknown, not active), pin_locked, card_refused (wrong PIN).
    Unknown, blocked and wrong cost one evaluation each, so that they take the same time. Locked is said: the holder
    must know to go to the desk, and who learns that a card exists by locking it has lost it.

    """
    check_pin_form(pin)
    if card is None or not card.is_active:
        keyring.waste_time(pin)
        raise CardRefused
    with _TURNS[card.card_id % len(_TURNS)]:
        hashed = transact(engine, _take_try, territory_id=territory_id, card_id=card.card_id)
        if hashed is None:
            raise PinLocked
        if not keyring.check_secret(hashed, pin):
            raise CardRefused
        transact(engine, _give_tries_back, territory_id=territory_id, card_id=card.card_id, hashed=hashed)
    return card


def _take_try(db: Connection, *, territory_id: int, card_id: int) -> str | None:
    """Take one try and return the hash to evaluate, or None when none is left."""
    hashed: str | None = db.scalar(
        update(cards)
        .where(
            cards.c.territory_id == territory_id,
            cards.c.id == card_id,
            cards.c.state == CardState.ACTIVE,
            cards.c.tries_left > 0,
        )
        .values(tries_left=cards.c.tries_left - 1)
        .returning(cards.c.pin_hash)
    )
    return hashed


def _give_tries_back(db: Connection, *, territory_id: int, card_id: int, hashed: str) -> None:
    # Only for the PIN that was checked: the desk may have given a new one in the meantime.
    db.execute(
        update(cards)
        .where(cards.c.territory_id == territory_id, cards.c.id == card_id, cards.c.pin_hash == hashed)
        .values(tries_left=PIN_TRIES_MAX)
    )
