"""Read households, wallets, cards and what they hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, func, select

from monnaie_locale.database.prepared import Look, as_bytes, look, select_among
from monnaie_locale.journal.directory import LOOKUP_MAX
from monnaie_locale.journal.queries import PurseBalance, purses_of
from monnaie_locale.keyring import Keyring
from monnaie_locale.programmes.model import Programme
from monnaie_locale.programmes.queries import programmes_by_id
from wallets.codes.card_seal import card_seal
from wallets.errors import CardEnded, CardUnknown, HouseholdUnknown, WalletUnknown
from wallets.model import Card, CardState, Household, PurseView, Wallet
from wallets.tables import cards, households, wallets

T = TypeVar("T")
# Everything of a card but its secrets: what is not read cannot leak.
CARD_COLUMNS = tuple(column for column in cards.c if column.name not in {"token_digest", "pin_hash"})
CARD_NAMES = "cards.id, wallet_id, number, state, tries_left, unpinned_count, unpinned_cents, issued_at_ms, ended_at_ms"
CARDS_BY_TOKEN = f"""
SELECT {CARD_NAMES}, wanted.value FROM {{wanted}} CROSS JOIN cards
WHERE cards.territory_id = {{p}} AND cards.token_digest = {{digest}}
"""  # noqa: S608 - names of our own columns
CARDS_BY_ID = f"""
SELECT {CARD_NAMES} FROM {{wanted}} CROSS JOIN cards WHERE cards.territory_id = {{p}} AND cards.id = {{value}}
"""  # noqa: S608 - names of our own columns


def card_by_token(db: Connection, *, territory_id: int, token_digest: bytes) -> Card | None:
    """Return the card whose token has this digest, whatever its state."""
    return look(db, look_for_cards(territory_id=territory_id, token_digests={token_digest})).get(token_digest)


def look_for_cards(*, territory_id: int, token_digests: Collection[bytes]) -> Look[dict[bytes, Card]]:
    """Return what asks for the cards whose tokens have these digests, whatever their state."""
    return Look(
        CARDS_BY_TOKEN,
        list(token_digests),
        (territory_id,),
        lambda rows: {as_bytes(row[-1]): _card_of(row) for row in rows},
    )


def cards_among(db: Connection, *, territory_id: int, card_ids: Collection[int]) -> list[Card]:
    """Return those of the cards that exist."""
    rows = select_among(db, CARDS_BY_ID, list(card_ids), territory_id)
    return [_card_of(row) for row in rows]


def card_by_number(db: Connection, *, territory_id: int, number: str) -> Card | None:
    """Return the card with these ten digits, whatever its state."""
    query = select(*CARD_COLUMNS).where(cards.c.territory_id == territory_id, cards.c.number == number)
    row = db.execute(query).mappings().first()
    return None if row is None else _as_card(row)


def card_of(db: Connection, *, territory_id: int, card_id: int) -> Card:
    """Return a card; refuses card_unknown."""
    query = select(*CARD_COLUMNS).where(cards.c.territory_id == territory_id, cards.c.id == card_id)
    row = db.execute(query).mappings().first()
    if row is None:
        raise CardUnknown(card_id=card_id)
    return _as_card(row)


def active_card_of(db: Connection, *, territory_id: int, card_id: int) -> Card:
    """Return a card that pays; refuses card_unknown, card_ended."""
    card = card_of(db, territory_id=territory_id, card_id=card_id)
    if not card.is_active:
        raise CardEnded(card_id=card_id)
    return card


def card_seal_of(db: Connection, *, territory_id: int, card_id: int) -> str:
    """Return the seal of a card's row as it stands; refuses card_unknown."""
    row = db.execute(_sealed_cards(territory_id).where(cards.c.id == card_id)).mappings().first()
    if row is None:
        raise CardUnknown(card_id=card_id)
    return _seal_of(row)


def card_seals(db: Connection, *, territory_id: int) -> Iterator[tuple[int, str, CardState]]:
    """Yield each card's number, the seal of its row as it stands, and its state, in order."""
    for row in db.execute(_sealed_cards(territory_id).order_by(cards.c.id)).mappings():
        yield row["id"], _seal_of(row), CardState(row["state"])


def cards_of(db: Connection, *, territory_id: int, wallet_id: int) -> list[Card]:
    """Return every card the wallet ever had, newest first."""
    query = (
        select(*CARD_COLUMNS)
        .where(cards.c.territory_id == territory_id, cards.c.wallet_id == wallet_id)
        .order_by(cards.c.id.desc())
    )
    return [_as_card(row) for row in db.execute(query).mappings()]


def active_cards(db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> dict[int, Card]:
    """Return the active card of each of these wallets that has one, by wallet."""
    found: dict[int, Card] = {}
    for chunk in _chunks(sorted(set(wallet_ids))):
        query = select(*CARD_COLUMNS).where(
            cards.c.territory_id == territory_id, cards.c.wallet_id.in_(chunk), cards.c.state == CardState.ACTIVE
        )
        found.update({row["wallet_id"]: _as_card(row) for row in db.execute(query).mappings()})
    return found


def taken_numbers(db: Connection, *, territory_id: int, numbers: Collection[str]) -> set[str]:
    """Return those of the card numbers that a card already has."""
    found: set[str] = set()
    for chunk in _chunks(sorted(set(numbers))):
        found.update(
            db.scalars(select(cards.c.number).where(cards.c.territory_id == territory_id, cards.c.number.in_(chunk)))
        )
    return found


def wallets_among(db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> dict[int, Wallet]:
    """Return those of the wallets that exist, open or closed, by their numbers."""
    found: dict[int, Wallet] = {}
    for chunk in _chunks(sorted(wallet_ids)):
        query = select(wallets).where(wallets.c.territory_id == territory_id, wallets.c.id.in_(chunk))
        found.update({row["id"]: _as_wallet(row) for row in db.execute(query).mappings()})
    return found


def wallet_of(db: Connection, *, territory_id: int, wallet_id: int) -> Wallet:
    """Return a wallet; refuses wallet_unknown."""
    row = (
        db.execute(select(wallets).where(wallets.c.territory_id == territory_id, wallets.c.id == wallet_id))
        .mappings()
        .first()
    )
    if row is None:
        raise WalletUnknown(wallet_id=wallet_id)
    return _as_wallet(row)


def household_of_card(db: Connection, *, territory_id: int, card_id: int) -> int:
    """Return the number of the household that has the card; refuses card_unknown."""
    card = card_of(db, territory_id=territory_id, card_id=card_id)
    return wallet_of(db, territory_id=territory_id, wallet_id=card.wallet_id).household_id


def wallet_of_household(db: Connection, *, territory_id: int, household_id: int) -> Wallet | None:
    """Return the household's open wallet, if it has one."""
    query = select(wallets).where(
        wallets.c.territory_id == territory_id, wallets.c.household_id == household_id, wallets.c.closed_at_ms.is_(None)
    )
    row = db.execute(query).mappings().first()
    return None if row is None else _as_wallet(row)


def wallets_of_household(db: Connection, *, territory_id: int, household_id: int) -> list[Wallet]:
    """Return every wallet the household ever had, newest first: the open one when there is one."""
    query = (
        select(wallets)
        .where(wallets.c.territory_id == territory_id, wallets.c.household_id == household_id)
        .order_by(wallets.c.id.desc())
    )
    return [_as_wallet(row) for row in db.execute(query).mappings()]


def known_wallets(db: Connection, *, territory_id: int, wallet_ids: Collection[int]) -> set[int]:
    """Return those of the wallets that exist and are open."""
    found: set[int] = set()
    for chunk in _chunks(sorted(wallet_ids)):
        found.update(
            db.scalars(
                select(wallets.c.id).where(
                    wallets.c.territory_id == territory_id, wallets.c.id.in_(chunk), wallets.c.closed_at_ms.is_(None)
                )
            )
        )
    return found


def household_of(db: Connection, *, territory_id: int, household_id: int, keyring: Keyring) -> Household:
    """Return a household with its identity unsealed; refuses household_unknown."""
    query = select(households).where(households.c.territory_id == territory_id, households.c.id == household_id)
    row = db.execute(query).mappings().first()
    if row is None:
        raise HouseholdUnknown(household_id=household_id)
    return _as_household(row, keyring)


def household_by_reference(db: Connection, *, territory_id: int, reference: str, keyring: Keyring) -> Household | None:
    """Return the household with this file reference, if it is enrolled."""
    query = select(households).where(
        households.c.territory_id == territory_id, households.c.reference_digest == keyring.lookup_digest(reference)
    )
    row = db.execute(query).mappings().first()
    return None if row is None else _as_household(row, keyring)


def erasure_of(db: Connection, *, territory_id: int, household_id: int) -> int | None:
    """Return when a household was erased, None when it was not; refuses household_unknown."""
    query = select(households.c.erased_at_ms).where(
        households.c.territory_id == territory_id, households.c.id == household_id
    )
    row = db.execute(query).first()
    if row is None:
        raise HouseholdUnknown(household_id=household_id)
    erased_at_ms: int | None = row[0]
    return erased_at_ms


def households_of_wallets(
    db: Connection, *, territory_id: int, wallet_ids: Collection[int], keyring: Keyring
) -> dict[int, Household]:
    """Return the household of each wallet, with its identity unsealed."""
    found: dict[int, Household] = {}
    for chunk in _chunks(sorted(set(wallet_ids))):
        query = (
            select(wallets.c.id.label("wallet_id"), households)
            .join(
                households,
                (households.c.territory_id == wallets.c.territory_id) & (households.c.id == wallets.c.household_id),
            )
            .where(wallets.c.territory_id == territory_id, wallets.c.id.in_(chunk))
        )
        found.update({row["wallet_id"]: _as_household(row, keyring) for row in db.execute(query).mappings()})
    return found


def holder_references(
    db: Connection, *, territory_id: int, wallet_ids: Collection[int], keyring: Keyring
) -> dict[int, str]:
    """Return the file reference of the household of each wallet; "" when it was erased."""
    found: dict[int, str] = {}
    for chunk in _chunks(sorted(wallet_ids)):
        rows = db.execute(
            select(wallets.c.id, households.c.sealed, households.c.erased_at_ms)
            .join(
                households,
                (households.c.territory_id == wallets.c.territory_id) & (households.c.id == wallets.c.household_id),
            )
            .where(wallets.c.territory_id == territory_id, wallets.c.id.in_(chunk))
        )
        found.update({row[0]: "" if row[2] is not None else keyring.unseal(row[1])["reference"] for row in rows})
    return found


def wallets_without_card(db: Connection, *, territory_id: int, limit: int) -> list[int]:
    """Return open wallets that have no active card: those for which a batch of cards is printed."""
    has_card = (
        select(cards.c.id)
        .where(
            cards.c.territory_id == wallets.c.territory_id,
            cards.c.wallet_id == wallets.c.id,
            cards.c.state == CardState.ACTIVE,
        )
        .exists()
    )
    query = (
        select(wallets.c.id)
        .where(wallets.c.territory_id == territory_id, wallets.c.closed_at_ms.is_(None), ~has_card)
        .order_by(wallets.c.id)
        .limit(limit)
    )
    return list(db.scalars(query))


def count_households(db: Connection, *, territory_id: int) -> int:
    """Return how many households are enrolled, erased ones included."""
    query = select(func.count()).select_from(households).where(households.c.territory_id == territory_id)
    return int(db.scalar(query) or 0)


def households_from(
    db: Connection, *, territory_id: int, keyring: Keyring, offset: int = 0, after_id: int = 0, limit: int
) -> list[Household]:
    """Return a page of households, in the order in which they were enrolled."""
    query = (
        select(households)
        .where(households.c.territory_id == territory_id, households.c.id > after_id)
        .order_by(households.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [_as_household(row, keyring) for row in db.execute(query).mappings()]


def wallets_by_reference(
    db: Connection, *, territory_id: int, references: Collection[str], keyring: Keyring
) -> dict[str, int]:
    """Return the open wallet of each household whose file reference is known; the others are left out."""
    digests = {keyring.lookup_digest(reference): reference for reference in references}
    found: dict[str, int] = {}
    for chunk in _chunks(sorted(digests)):
        rows = db.execute(
            select(households.c.reference_digest, wallets.c.id)
            .join(
                wallets,
                (wallets.c.territory_id == households.c.territory_id) & (wallets.c.household_id == households.c.id),
            )
            .where(
                households.c.territory_id == territory_id,
                households.c.reference_digest.in_(chunk),
                wallets.c.closed_at_ms.is_(None),
            )
        )
        found.update({digests[bytes(row[0])]: row[1] for row in rows})
    return found


def purse_views(db: Connection, *, territory_id: int, wallet_id: int) -> list[PurseView]:
    """Return the wallet's purses with the names of their programmes, earliest expiry first, empty ones included."""
    programmes = programmes_by_id(db, territory_id=territory_id)
    purses = purses_of(db, territory_id=territory_id, wallet_id=wallet_id)
    return [as_purse_view(purse, programmes=programmes) for purse in purses]


def as_purse_view(purse: PurseBalance, *, programmes: Mapping[int, Programme]) -> PurseView:
    """Return the purse with the name of its programme and what it pays for."""
    programme = programmes.get(purse.programme_id)
    return PurseView(
        account_id=purse.account_id,
        programme_id=purse.programme_id,
        programme_name="" if programme is None else programme.name,
        categories=frozenset() if programme is None else programme.categories,
        expires_on=purse.expires_on,
        balance_cents=purse.balance_cents,
    )


def _sealed_cards(territory_id: int) -> Select[Any]:
    columns = (cards.c.id, cards.c.wallet_id, cards.c.token_digest, cards.c.number, cards.c.pin_hash, cards.c.state)
    return select(*columns).where(cards.c.territory_id == territory_id)


def _seal_of(row: RowMapping) -> str:
    return card_seal(
        card_id=row["id"],
        wallet_id=row["wallet_id"],
        token_digest=row["token_digest"],
        number=row["number"],
        pin_hash=row["pin_hash"],
    )


def _card_of(row: Sequence[Any]) -> Card:
    """Return the card of the columns in CARD_NAMES."""
    return Card(
        card_id=row[0],
        wallet_id=row[1],
        number=row[2],
        state=CardState(row[3]),
        tries_left=row[4],
        unpinned_count=row[5],
        unpinned_cents=row[6],
        issued_at_ms=row[7],
        ended_at_ms=row[8],
    )


def _as_card(row: RowMapping) -> Card:
    return Card(
        card_id=row["id"],
        wallet_id=row["wallet_id"],
        number=row["number"],
        state=CardState(row["state"]),
        tries_left=row["tries_left"],
        unpinned_count=row["unpinned_count"],
        unpinned_cents=row["unpinned_cents"],
        issued_at_ms=row["issued_at_ms"],
        ended_at_ms=row["ended_at_ms"],
    )


def _as_wallet(row: RowMapping) -> Wallet:
    return Wallet(
        wallet_id=row["id"],
        household_id=row["household_id"],
        opened_at_ms=row["opened_at_ms"],
        closed_at_ms=row["closed_at_ms"],
    )


def _as_household(row: RowMapping, keyring: Keyring) -> Household:
    identity = keyring.unseal(row["sealed"]) if row["erased_at_ms"] is None else {}
    return Household(
        household_id=row["id"],
        reference=identity.get("reference", ""),
        alias=identity.get("alias", ""),
        channel=identity.get("channel", ""),
        # Households enrolled before letters were printed have none.
        address=identity.get("address", ""),
        enrolled_at_ms=row["enrolled_at_ms"],
        erased_at_ms=row["erased_at_ms"],
    )


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), LOOKUP_MAX):
        yield items[start : start + LOOKUP_MAX]
