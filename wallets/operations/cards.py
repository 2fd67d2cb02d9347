"""Issue, block and replace cards, and give new PINs. Secrets stay in memory until they are printed, nowhere else.

Hashing a PIN is slow on purpose. `draw_secrets` does it before the transaction, so that printing two hundred cards
does not keep every till waiting for the database.
"""

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.identity.operations import close_sessions_of
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from wallets import queries
from wallets.codes.card_seal import card_seal
from wallets.codes.card_token import RandomBytes, draw_card_number, draw_pin, draw_token, token_digest
from wallets.errors import CardEnded, WalletClosed, WalletHasCard, WalletUnknown
from wallets.model import PIN_TRIES_MAX, CardSecrets, CardState, IssuedCard, NewPin
from wallets.operations.ending import end_card
from wallets.pin_check import check_chosen_pin
from wallets.tables import cards

Progress = Callable[[int, int], None]
# One number in 900 million: a second draw is rare, a hundredth means the source of chance is broken.
NUMBER_DRAWS_MAX = 100


def no_progress(_done: int, _total: int) -> None:
    """Say nothing of how many PINs are hashed."""


def draw_secrets(
    *,
    count: int,
    keyring: Keyring,
    random_bytes: RandomBytes,
    progress: Progress = no_progress,
    threads: int = 1,
) -> list[CardSecrets]:
    """Return what `count` new cards carry: token, number, PIN and its hash. Slow: call it outside a transaction.

    `threads` PINs are hashed at once (hashing lets go of Python's lock); a service that also answers tills keeps one.
    """
    drawn = [(draw_token(random_bytes), draw_card_number(random_bytes), draw_pin(random_bytes)) for _ in range(count)]
    secrets: list[CardSecrets] = []
    with ThreadPoolExecutor(threads) as pool:
        hashes = pool.map(keyring.hash_secret, [pin for _, _, pin in drawn])
        for (token, number, pin), pin_hash in zip(drawn, hashes, strict=True):
            secrets.append(CardSecrets(token=token, number=number, pin=pin, pin_hash=pin_hash))
            progress(len(secrets), count)
    return secrets


def issue_card(
    db: Connection,
    *,
    territory_id: int,
    wallet_id: int,
    keyring: Keyring,
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
) -> IssuedCard:
    """Issue the wallet's card, with its secrets; refuses wallet_unknown, wallet_closed, wallet_has_card."""
    secrets = draw_secrets(count=1, keyring=keyring, random_bytes=random_bytes)
    return issue_cards(
        db,
        territory_id=territory_id,
        wallet_ids=[wallet_id],
        secrets=secrets,
        random_bytes=random_bytes,
        actor=actor,
        now=now,
    )[0]


def issue_cards(
    db: Connection,
    *,
    territory_id: int,
    wallet_ids: Sequence[int],
    secrets: Sequence[CardSecrets],
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
) -> list[IssuedCard]:
    """Issue one card for each wallet, in their order, with secrets drawn beforehand by `draw_secrets`.

    `random_bytes` draws another number for a card whose number is taken. Refuses, and then issues none:
    wallet_unknown, wallet_closed, wallet_has_card.
    """
    if not wallet_ids:
        return []
    _check_wallets(db, territory_id=territory_id, wallet_ids=wallet_ids)
    numbers = _free_numbers(
        db, [drawn.number for drawn in secrets], territory_id=territory_id, random_bytes=random_bytes
    )
    first_id = next_id(db, cards, territory_id=territory_id)
    issued = [
        IssuedCard(card_id=first_id + place, wallet_id=wallet_id, token=drawn.token, number=number, pin=drawn.pin)
        for place, (wallet_id, drawn, number) in enumerate(zip(wallet_ids, secrets, numbers, strict=True))
    ]
    rows = [
        _row(card, pin_hash=drawn.pin_hash, territory_id=territory_id, now=now)
        for card, drawn in zip(issued, secrets, strict=True)
    ]
    # One statement for all of them: a batch of a thousand keeps no till waiting.
    db.execute(insert(cards), rows)
    audit.record_all(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="card.issue",
        lines=[(f"card:{row['id']}", {"seal": _seal_of(row)}) for row in rows],
    )
    return issued


def replace_cards(
    db: Connection,
    *,
    territory_id: int,
    wallet_ids: Sequence[int],
    secrets: Sequence[CardSecrets],
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
) -> list[IssuedCard]:
    """Issue one card for each wallet as `issue_cards` does, after the end of the card that each one has, if any.

    For a batch that was lost, or new cards for everybody. Refuses, and then changes nothing: wallet_unknown,
    wallet_closed.
    """
    active = queries.active_cards(db, territory_id=territory_id, wallet_ids=wallet_ids)
    for card in active.values():
        end_card(db, territory_id=territory_id, card_id=card.card_id, state=CardState.REPLACED, now=now)
    audit.record_all(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="card.replace",
        lines=[(f"card:{card.card_id}", {}) for card in active.values()],
    )
    return issue_cards(
        db,
        territory_id=territory_id,
        wallet_ids=wallet_ids,
        secrets=secrets,
        random_bytes=random_bytes,
        actor=actor,
        now=now,
    )


def block_card(
    db: Connection, *, territory_id: int, card_id: int, actor: str, now: datetime.datetime, reason: str = "lost"
) -> None:
    """Block a card at once and for ever; what it holds stays in the wallet. Refuses card_unknown, card_ended."""
    end_card(db, territory_id=territory_id, card_id=card_id, state=CardState.BLOCKED, now=now)
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="card.block",
        target=f"card:{card_id}",
        detail={"reason": reason},
    )


def withdraw_cards(
    db: Connection, *, territory_id: int, card_ids: Sequence[int], actor: str, now: datetime.datetime
) -> None:
    """Block cards whose paper was never made: nobody has their secrets. Refuses card_unknown, card_ended."""
    for card_id in card_ids:
        block_card(db, territory_id=territory_id, card_id=card_id, actor=actor, now=now, reason="not_printed")


def replace_card(
    db: Connection,
    *,
    territory_id: int,
    card_id: int,
    keyring: Keyring,
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
) -> IssuedCard:
    """Give the wallet another card and return it: the old one stops at once, the balance does not move.

    A card already blocked may be replaced too, when the wallet has no other active card.

    Refuses: card_unknown, card_ended (already replaced), wallet_closed, wallet_has_card.
    """
    old = queries.card_of(db, territory_id=territory_id, card_id=card_id)
    if old.state is CardState.REPLACED:
        raise CardEnded(card_id=card_id)
    if old.is_active:
        end_card(db, territory_id=territory_id, card_id=card_id, state=CardState.REPLACED, now=now)
        _record(db, "replace", territory_id=territory_id, card_id=card_id, actor=actor, now=now)
    return issue_card(
        db,
        territory_id=territory_id,
        wallet_id=old.wallet_id,
        keyring=keyring,
        random_bytes=random_bytes,
        actor=actor,
        now=now,
    )


def reset_pin(
    db: Connection,
    *,
    territory_id: int,
    card_id: int,
    keyring: Keyring,
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
) -> NewPin:
    """Give an active card a new PIN and its five tries, at the desk; refuses card_unknown, card_ended."""
    card = queries.active_card_of(db, territory_id=territory_id, card_id=card_id)
    pin = draw_pin(random_bytes)
    _change_pin(db, territory_id=territory_id, card_id=card_id, pin_hash=keyring.hash_secret(pin))
    seal = queries.card_seal_of(db, territory_id=territory_id, card_id=card_id)
    _record(db, "reset-pin", territory_id=territory_id, card_id=card_id, actor=actor, now=now, seal=seal)
    return NewPin(card_id=card_id, number=card.number, pin=pin)


def choose_pin(
    db: Connection,
    *,
    territory_id: int,
    card_id: int,
    pin: str,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
) -> None:
    """Give an active card the PIN that its holder chose, and its five tries, at the desk.

    Args:
        db: the transaction.
        territory_id: whose card.
        card_id: the card, whose number must not hold the PIN.
        pin: as the holder typed it; kept as an argon2id hash only, and named nowhere else.
        keyring: hashes it.
        actor: who is at the desk, "staff:3".
        now: aware UTC.

    Refuses: card_unknown, card_ended, pin_malformed, pin_trivial.

    """
    card = queries.active_card_of(db, territory_id=territory_id, card_id=card_id)
    check_chosen_pin(pin, card_number=card.number)
    _change_pin(db, territory_id=territory_id, card_id=card_id, pin_hash=keyring.hash_secret(pin))
    seal = queries.card_seal_of(db, territory_id=territory_id, card_id=card_id)
    _record(db, "choose-pin", territory_id=territory_id, card_id=card_id, actor=actor, now=now, seal=seal)


def _change_pin(db: Connection, *, territory_id: int, card_id: int, pin_hash: str) -> None:
    """Write the hash of another PIN with its five tries; whoever was signed in by the old one no longer is."""
    db.execute(
        update(cards)
        .where(cards.c.territory_id == territory_id, cards.c.id == card_id)
        .values(pin_hash=pin_hash, tries_left=PIN_TRIES_MAX)
    )
    close_sessions_of(db, territory_id=territory_id, kind=SubjectKind.HOLDER, subject_id=card_id)


def _check_wallets(db: Connection, *, territory_id: int, wallet_ids: Sequence[int]) -> None:
    """Refuse the first wallet of the list that cannot have a card; one named twice would have two."""
    known = queries.wallets_among(db, territory_id=territory_id, wallet_ids=set(wallet_ids))
    having: set[int] = set(queries.active_cards(db, territory_id=territory_id, wallet_ids=wallet_ids))
    for wallet_id in wallet_ids:
        wallet = known.get(wallet_id)
        if wallet is None:
            raise WalletUnknown(wallet_id=wallet_id)
        if wallet.closed_at_ms is not None:
            raise WalletClosed(wallet_id=wallet_id)
        if wallet_id in having:
            raise WalletHasCard(wallet_id=wallet_id)
        having.add(wallet_id)


def _free_numbers(
    db: Connection, drawn: Iterable[str], *, territory_id: int, random_bytes: RandomBytes
) -> Sequence[str]:
    """Return the numbers drawn, with another one in the place of each that a card or one before it already has."""
    numbers = list(drawn)
    for _ in range(NUMBER_DRAWS_MAX):
        taken = queries.taken_numbers(db, territory_id=territory_id, numbers=numbers)
        again = [place for place, number in enumerate(numbers) if number in taken or number in numbers[:place]]
        if not again:
            return numbers
        for place in again:
            numbers[place] = draw_card_number(random_bytes)
    raise RuntimeError("The random source keeps giving the same numbers")


def _row(card: IssuedCard, *, pin_hash: str, territory_id: int, now: datetime.datetime) -> dict[str, Any]:
    """Return what is stored of a card: of its secrets, digests only."""
    return {
        "territory_id": territory_id,
        "id": card.card_id,
        "wallet_id": card.wallet_id,
        "token_digest": token_digest(card.token),
        "number": card.number,
        "pin_hash": pin_hash,
        "tries_left": PIN_TRIES_MAX,
        "unpinned_count": 0,
        "unpinned_cents": 0,
        "state": CardState.ACTIVE,
        "issued_at_ms": instant_ms(now),
    }


def _seal_of(row: Mapping[str, Any]) -> str:
    return card_seal(
        card_id=row["id"],
        wallet_id=row["wallet_id"],
        token_digest=row["token_digest"],
        number=row["number"],
        pin_hash=row["pin_hash"],
    )


def _record(
    db: Connection, step: str, *, territory_id: int, card_id: int, actor: str, now: datetime.datetime, seal: str = ""
) -> None:
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"card.{step}",
        target=f"card:{card_id}",
        detail={"seal": seal} if seal else None,
    )
