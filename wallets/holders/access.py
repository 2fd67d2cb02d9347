"""Sign a holder in with the card and the PIN, and tell whether they still may be."""

import datetime
from collections.abc import Collection

from sqlalchemy import Connection, Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.access import Resolved
from monnaie_locale.identity.operations import open_session
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from wallets import queries
from wallets.codes.card_token import RandomBytes, card_number_shown, normalise, token_digest
from wallets.codes.phone_code import read_phone_code
from wallets.errors import PhoneCodeExpired, PhoneRefused
from wallets.model import Card
from wallets.paying.card_reading import read_cards
from wallets.pin_check import prove_holder

# It pays nothing and the PIN is asked for: there is time to type four digits.
PHONE_SIGN_IN_LIFE_MS = 600_000


def sign_in_holder(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    host: str,
    token: str,
    pin: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> str:
    """Return the token of a session opened for the holder of a card.

    Only the secret code of the QR opens it, never a card number: a number can be read over a shoulder.

    Refuses: card_malformed, card_of_another_town, pin_malformed, card_refused, pin_locked.
    """
    digest = token_digest(normalise(token, host=host))
    with reading(engine) as db:
        found = queries.card_by_token(db, territory_id=territory_id, token_digest=digest)
    card = prove_holder(engine, keyring, territory_id=territory_id, card=found, pin=pin, code_key=digest.hex(), now=now)
    return transact(
        engine,
        open_session,
        territory_id=territory_id,
        kind=SubjectKind.HOLDER,
        subject_id=card.card_id,
        now=now,
        random_bytes=random_bytes,
    )


def sign_in_by_phone(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    host: str,
    code: str,
    pin: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> str:
    """Return the token of a session opened by the code of a phone, in its 125 characters, with the PIN of its card.

    Refuses: card_malformed, phone_refused, phone_code_expired (made more than ten minutes ago), pin_malformed,
    card_refused, pin_locked.
    """
    card = card_of_phone(engine, territory_id=territory_id, host=host, code=code, now=now)
    proved = prove_holder(engine, keyring, territory_id=territory_id, card=card, pin=pin, code_key=code, now=now)
    return transact(
        engine,
        open_session,
        territory_id=territory_id,
        kind=SubjectKind.HOLDER,
        subject_id=proved.card_id,
        now=now,
        random_bytes=random_bytes,
    )


def card_of_phone(engine: Engine, *, territory_id: int, host: str, code: str, now: datetime.datetime) -> Card:
    """Return the card behind a phone's code that is genuine and not older than ten minutes; nothing is used up.

    Refuses: card_malformed, phone_refused, phone_code_expired.
    """
    shown = read_phone_code(code, now_ms=instant_ms(now))
    with reading(engine) as db:
        (read,) = read_cards(db, territory_id=territory_id, host=host, codes=[shown])
    if read.card is None:
        raise PhoneRefused
    if abs(instant_ms(now) - shown.made_at_ms) > PHONE_SIGN_IN_LIFE_MS:
        raise PhoneCodeExpired
    return read.card


def resolve_holders(db: Connection, *, territory_id: int, subject_ids: Collection[int]) -> dict[int, Resolved]:
    """Return how each holder is shown while the card is active; who is left out is signed out."""
    found = queries.cards_among(db, territory_id=territory_id, card_ids=subject_ids)
    return {card.card_id: Resolved(label=f"Carte {card_number_shown(card.number)}") for card in found if card.is_active}


class HouseholdDirectory:
    """What wallets tell programmes: whose wallet a line of a distribution's file means."""

    def __init__(self, keyring: Keyring) -> None:
        """Take the keyring that finds and unseals references."""
        self._keyring = keyring

    def wallets_by_reference(self, db: Connection, *, territory_id: int, references: Collection[str]) -> dict[str, int]:
        """Return the open wallet of each household whose file reference is known."""
        return queries.wallets_by_reference(db, territory_id=territory_id, references=references, keyring=self._keyring)

    def holder_references(self, db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> dict[int, str]:
        """Return the file reference of the household of each wallet."""
        return queries.holder_references(db, territory_id=territory_id, wallet_ids=wallet_ids, keyring=self._keyring)
