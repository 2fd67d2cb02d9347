"""Issue, block and replace cards, and give new PINs. Secrets stay in memory until they are printed, nowhere else.

Hashing a PIN is slow on purpose. `draw_secrets` does it before the transaction, so that printing two hundred cards
does not keep every till waiting for the database.
"""

import datetime
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, select, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.identity.operations import close_sessions_of
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from wallets import queries
from wallets.card_seal import card_seal
from wallets.card_token import RandomBytes, draw_card_number, draw_pin, draw_token, token_digest
from wallets.errors import CardEnded, WalletClosed, WalletHasCard
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
    *, count: int, keyring: Keyring, random_bytes: RandomBytes, progress: Progress = no_progress
) -> list[CardSecrets]:
    """Return what `count` new cards carry: token, number, PIN and its hash. Slow: call it outside a transaction."""
    drawn: list[CardSecrets] = []
    for done in range(1, count + 1):
        token, number, pin = draw_token(random_bytes), draw_card_number(random_bytes), draw_pin(random_bytes)
        drawn.append(CardSecrets(token=token, number=number, pin=pin, pin_hash=keyring.hash_secret(pin)))
        progress(done, count)
    return drawn


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
    issued: list[IssuedCard] = []
    for wallet_id, drawn in zip(wallet_ids, secrets, strict=True):
        _check_wallet(db, territory_id=territory_id, wallet_id=wallet_id)
        card_id = next_id(db, cards, territory_id=territory_id)
        number = _free_number(db, drawn.number, territory_id=territory_id, random_bytes=random_bytes)
        db.execute(
            insert(cards),
            {
                "territory_id": territory_id,
                "id": card_id,
                "wallet_id": wallet_id,
                "token_digest": token_digest(drawn.token),
                "number": number,
                "pin_hash": drawn.pin_hash,
                "tries_left": PIN_TRIES_MAX,
                "unpinned_count": 0,
                "unpinned_cents": 0,
                "state": CardState.ACTIVE,
                "issued_at_ms": instant_ms(now),
            },
        )
        seal = card_seal(
            card_id=card_id,
            wallet_id=wallet_id,
            token_digest=token_digest(drawn.token),
            number=number,
            pin_hash=drawn.pin_hash,
        )
        _record(db, "issue", territory_id=territory_id, card_id=card_id, actor=actor, now=now, seal=seal)
        issued.append(IssuedCard(card_id=card_id, wallet_id=wallet_id, token=drawn.token, number=number, pin=drawn.pin))
    return issued


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


def _check_wallet(db: Connection, *, territory_id: int, wallet_id: int) -> None:
    wallet = queries.wallet_of(db, territory_id=territory_id, wallet_id=wallet_id)
    if wallet.closed_at_ms is not None:
        raise WalletClosed(wallet_id=wallet_id)
    if any(card.is_active for card in queries.cards_of(db, territory_id=territory_id, wallet_id=wallet_id)):
        raise WalletHasCard(wallet_id=wallet_id)


def _free_number(db: Connection, number: str, *, territory_id: int, random_bytes: RandomBytes) -> str:
    for _ in range(NUMBER_DRAWS_MAX):
        taken = db.scalar(select(cards.c.id).where(cards.c.territory_id == territory_id, cards.c.number == number))
        if taken is None:
            return number
        number = draw_card_number(random_bytes)
    raise RuntimeError("The random source keeps giving the same numbers")


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
