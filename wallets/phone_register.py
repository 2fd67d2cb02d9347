"""Read the phones that pay in place of cards."""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, RowMapping, func, select

from wallets.errors import PhoneUnknown
from wallets.model import Phone
from wallets.tables import cards, phones

# What the column holds. A code may claim any number of four bytes, and PostgreSQL would refuse the whole batch for it.
PHONE_ID_MAX = 2**31 - 1


def phones_among(db: Connection, *, territory_id: int, phone_ids: Collection[int]) -> dict[int, Phone]:
    """Return those of the phones that exist, taken away or not."""
    possible = sorted(phone_id for phone_id in phone_ids if phone_id <= PHONE_ID_MAX)
    if not possible:
        return {}
    query = select(phones).where(phones.c.territory_id == territory_id, phones.c.id.in_(possible))
    return {row["id"]: _as_phone(row) for row in db.execute(query).mappings()}


def every_phone(db: Connection, *, territory_id: int) -> Iterator[Phone]:
    """Yield every phone that ever paid in place of a card, in the order of their numbers."""
    query = select(phones).where(phones.c.territory_id == territory_id).order_by(phones.c.id)
    for row in db.execute(query).mappings():
        yield _as_phone(row)


def phone_of(db: Connection, *, territory_id: int, phone_id: int) -> Phone:
    """Return a phone; refuses phone_unknown."""
    found = phones_among(db, territory_id=territory_id, phone_ids={phone_id})
    if phone_id not in found:
        raise PhoneUnknown(phone_id=phone_id)
    return found[phone_id]


def phone_by_key(db: Connection, *, territory_id: int, public_key: bytes) -> Phone | None:
    """Return the phone that has this key, if there is one."""
    query = select(phones).where(phones.c.territory_id == territory_id, phones.c.public_key == public_key)
    row = db.execute(query).mappings().first()
    return None if row is None else _as_phone(row)


def phones_of_wallet(db: Connection, *, territory_id: int, wallet_id: int) -> list[Phone]:
    """Return every phone that the cards of a wallet ever had, newest first."""
    query = (
        select(phones)
        .join(cards, (cards.c.territory_id == phones.c.territory_id) & (cards.c.id == phones.c.card_id))
        .where(phones.c.territory_id == territory_id, cards.c.wallet_id == wallet_id)
        .order_by(phones.c.id.desc())
    )
    return [_as_phone(row) for row in db.execute(query).mappings()]


def phones_of_card(db: Connection, *, territory_id: int, card_id: int) -> list[Phone]:
    """Return the phones that pay with this card today, oldest first."""
    query = (
        select(phones)
        .where(phones.c.territory_id == territory_id, phones.c.card_id == card_id, phones.c.revoked_at_ms.is_(None))
        .order_by(phones.c.number)
    )
    return [_as_phone(row) for row in db.execute(query).mappings()]


def last_number(db: Connection, *, territory_id: int, card_id: int) -> int:
    """Return the number of the last phone that the card had, 0 when it had none."""
    query = select(func.max(phones.c.number)).where(phones.c.territory_id == territory_id, phones.c.card_id == card_id)
    return int(db.scalar(query) or 0)


def _as_phone(row: RowMapping) -> Phone:
    return Phone(
        phone_id=row["id"],
        card_id=row["card_id"],
        number=row["number"],
        public_key=bytes(row["public_key"]),
        bound_at_ms=row["bound_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
    )
