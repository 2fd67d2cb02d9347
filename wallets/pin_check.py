"""Check a PIN: a try is taken, and committed, before the PIN is looked at.

So no more than five wrong PINs are evaluated in a row, also by parallel requests, several processes, or across a
restart in the middle of a check. A right PIN gives the five tries back.

Unknown, blocked and wrong get one answer after the same work: one row written, one evaluation. For no card the row is
a decoy. A card number can be invented, so behind a number a locked card answers like an unknown one too, with a decoy:
"locked" would tell that the number exists. Behind the code of a QR, which nobody can invent, locked is said: the holder
must know to go to the desk.

The checks of one card come one after the other within a process: six payments at once with the right PIN would
otherwise hold six tries together, and the sixth be told that the card is locked. Between processes that may still
happen, so whoever finds no try left looks again for a moment before saying so.
"""

import datetime
import threading
import time
import zlib
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection, Engine, select, text, update

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import audit
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.keyring import Keyring, is_old_hash
from wallets import queries
from wallets.codes.card_token import DECIMAL_DIGITS, PIN_LENGTH, is_trivial_pin
from wallets.errors import CardRefused, PinLocked, PinMalformed, PinTrivial
from wallets.model import PIN_TRIES_MAX, Card, CardState
from wallets.tables import HASHED_BEFORE, cards

# A card waits for its own turn, and for that of one card in 64 at most. Nothing is counted here: the tries are counted
# in the database, whatever this process does.
PLACES = 64
_TURNS = tuple(threading.Lock() for _ in range(PLACES))
# Longer than a few evaluations take; a card that is locked for good says so half a second later.
LOOKS_MAX = 10
LOOK_EVERY_S = 0.05
# Whoever plays with a locked card makes no more threads wait than these; the next ones are told at once.
_LOOKERS = threading.BoundedSemaphore(4)

# SQLite and PostgreSQL read this alike; the count means nothing, it changes so that a row is really written.
WRITE_DECOY = text("""
INSERT INTO decoy_tries (territory_id, place, tries) VALUES (:territory_id, :place, 1)
ON CONFLICT (territory_id, place) DO UPDATE SET tries = decoy_tries.tries + 1
""")


def check_pin_form(pin: str) -> str:
    """Return the PIN when it is four digits; refuses pin_malformed, which says nothing of any card."""
    if len(pin) != PIN_LENGTH or not set(pin) <= set(DECIMAL_DIGITS):
        raise PinMalformed
    return pin


def check_chosen_pin(pin: str, *, card_number: str) -> str:
    """Return the PIN when a holder may choose it; refuses pin_malformed, pin_trivial (also digits of the card)."""
    check_pin_form(pin)
    if is_trivial_pin(pin) or pin in card_number:
        raise PinTrivial
    return pin


def prove_holder(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    card: Card | None,
    pin: str,
    code_key: str,
    now: datetime.datetime,
    is_number: bool = False,
) -> Card:
    """Return the card when the PIN is its own.

    Args:
        engine: the try is taken in a transaction of its own.
        keyring: evaluates the hash.
        territory_id: whose card.
        card: as found, or None when no card was.
        pin: as typed.
        code_key: what tells the code that was shown from others, `CardCode.key`.
        now: aware UTC; a right PIN whose hash is an old one is hashed again, which the audit trail notes.
        is_number: the card was named by its number, which anybody can invent.

    Refuses, in this order: pin_malformed, pin_locked (behind the code of a QR only), card_refused (unknown, not
    active, wrong PIN, locked behind a number).

    """
    check_pin_form(pin)
    place = (zlib.crc32(code_key.encode()) if card is None else card.card_id) % PLACES
    check = partial(_check_once, engine, keyring, territory_id=territory_id, place=place, pin=pin, now=now)
    if card is None or is_number:
        card_id = None if card is None or card.is_locked else card.card_id
        is_right = check(card_id=card_id, with_decoy=True)
    else:
        is_right = check(card_id=card.card_id, with_decoy=False)
        while is_right is None and a_try_comes_back(engine, territory_id=territory_id, card_id=card.card_id):
            is_right = check(card_id=card.card_id, with_decoy=False)
        if is_right is None:
            raise PinLocked
    if card is None or not is_right:
        raise CardRefused
    return card


def _check_once(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    card_id: int | None,
    place: int,
    pin: str,
    now: datetime.datetime,
    with_decoy: bool,
) -> bool | None:
    """Return whether the PIN is that of an active card; None when no try was left, or there is no card."""
    with _TURNS[place]:
        taken = transact(
            engine, _take_try, territory_id=territory_id, card_id=card_id, decoy_place=place if with_decoy else None
        )
        if not taken.is_taken:
            if with_decoy:
                keyring.waste_time(pin, as_old=taken.as_old)
            return None
        if taken.hashed is None:
            keyring.waste_time(pin, as_old=taken.as_old)
            return False
        if not keyring.check_secret(taken.hashed, pin, as_old=taken.as_old):
            return False
        transact(engine, _give_tries_back, territory_id=territory_id, card_id=card_id, hashed=taken.hashed)
        if card_id is not None and is_old_hash(taken.hashed):
            again = keyring.hash_secret(pin)
            transact(engine, _hash_again, (territory_id, card_id, now), hashed=taken.hashed, again=again)
    return True


@dataclass(frozen=True, slots=True)
class _Try:
    """What a try found: the hash of an active card's PIN, and whether any active card still has an old hash."""

    is_taken: bool
    hashed: str | None = field(repr=False)
    as_old: bool


def _take_try(db: Connection, *, territory_id: int, card_id: int | None, decoy_place: int | None) -> _Try:
    """Take one try, if there is one to take, and return what is to be evaluated.

    The tries of a blocked card are counted as those of any other: it must not be told from one.
    """
    old = select(cards.c.id).where(cards.c.territory_id == territory_id, HASHED_BEFORE).limit(1)
    as_old = db.scalar(old) is not None
    if card_id is not None:
        taken = db.execute(
            update(cards)
            .where(cards.c.territory_id == territory_id, cards.c.id == card_id, cards.c.tries_left > 0)
            .values(tries_left=cards.c.tries_left - 1)
            .returning(cards.c.pin_hash, cards.c.state)
        ).first()
        if taken is not None:
            hashed = taken.pin_hash if taken.state == CardState.ACTIVE else None
            return _Try(is_taken=True, hashed=hashed, as_old=as_old)
    if decoy_place is not None:
        db.execute(WRITE_DECOY, {"territory_id": territory_id, "place": decoy_place})
    return _Try(is_taken=False, hashed=None, as_old=as_old)


def _give_tries_back(db: Connection, *, territory_id: int, card_id: int | None, hashed: str) -> None:
    # Only for the PIN that was checked: the desk may have given a new one in the meantime.
    db.execute(
        update(cards)
        .where(cards.c.territory_id == territory_id, cards.c.id == card_id, cards.c.pin_hash == hashed)
        .values(tries_left=PIN_TRIES_MAX)
    )


def _hash_again(db: Connection, card: tuple[int, int, datetime.datetime], *, hashed: str, again: str) -> None:
    """Write today's hash of the same PIN in the place of an old one, with the card's new seal in the audit trail."""
    territory_id, card_id, now = card
    written = db.execute(
        update(cards)
        .where(cards.c.territory_id == territory_id, cards.c.id == card_id, cards.c.pin_hash == hashed)
        .values(pin_hash=again)
    )
    if written.rowcount != 1:
        # The desk gave another PIN in the meantime, or another process has hashed this one again.
        return
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=f"{SubjectKind.HOLDER}:{card_id}",
        action="card.rehash-pin",
        target=f"card:{card_id}",
        detail={"seal": queries.card_seal_of(db, territory_id=territory_id, card_id=card_id)},
    )


def a_try_comes_back(engine: Engine, *, territory_id: int, card_id: int) -> bool:
    """Tell whether a try is to be had again: other processes may hold all five for the time of an evaluation."""
    tries_left = select(cards.c.tries_left).where(cards.c.territory_id == territory_id, cards.c.id == card_id)
    if not _LOOKERS.acquire(blocking=False):
        return False
    try:
        for _ in range(LOOKS_MAX):
            time.sleep(LOOK_EVERY_S)
            with reading(engine) as db:
                if db.scalar(tries_left):
                    return True
        return False
    finally:
        _LOOKERS.release()
