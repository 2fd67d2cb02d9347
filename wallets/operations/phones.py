"""Bind a phone to a card, and take it away for ever. Each leaves a line in the audit trail."""

import datetime
import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.periods import instant_ms
from wallets import phone_register, queries
from wallets.codes.phone_code import check_public_key
from wallets.errors import CardEnded, PhoneEnded, PhoneKeyInvalid, PhonesTooMany, PhoneUnknown
from wallets.model import PHONES_MAX, Phone
from wallets.tables import phones


def bind_phone(
    db: Connection, *, territory_id: int, card_id: int, public_key: bytes, actor: str, now: datetime.datetime
) -> Phone:
    """Let a phone pay in place of a card, and return it; the same key again gives the same phone.

    Args:
        db: the transaction.
        territory_id: whose card.
        card_id: the card, whose PIN was proved beforehand by `pin_check.prove_holder`.
        public_key: of the key that the phone made and keeps, as SubjectPublicKeyInfo.
        actor: the caller, "holder:12".
        now: aware UTC.

    Refuses: phone_key_invalid (also the key of another card's phone), card_unknown, card_ended, phones_too_many.

    """
    check_public_key(public_key)
    card = queries.card_of(db, territory_id=territory_id, card_id=card_id)
    if not card.is_active:
        raise CardEnded(card_id=card_id)
    known = phone_register.phone_by_key(db, territory_id=territory_id, public_key=public_key)
    if known is not None:
        # The answer was lost and the phone asks again.
        if known.card_id != card_id or not known.is_active:
            raise PhoneKeyInvalid
        return known
    phone_id = next_id(db, phones, territory_id=territory_id)
    # Counted after the turn to number was taken: two phones at once do not both become the fifth.
    if len(phone_register.phones_of_card(db, territory_id=territory_id, card_id=card_id)) >= PHONES_MAX:
        raise PhonesTooMany(phones_max=PHONES_MAX)
    number = phone_register.last_number(db, territory_id=territory_id, card_id=card_id) + 1
    db.execute(
        insert(phones),
        {
            "territory_id": territory_id,
            "id": phone_id,
            "card_id": card_id,
            "number": number,
            "public_key": public_key,
            "bound_at_ms": instant_ms(now),
        },
    )
    # The trail is signed: whoever changed the key in the database later would be found.
    fingerprint = hashlib.sha256(public_key).hexdigest()
    detail: dict[str, str | int | bool] = {"card": card_id, "key": fingerprint}
    _record(db, "bind", territory_id=territory_id, phone_id=phone_id, detail=detail, actor=actor, now=now)
    return phone_register.phone_of(db, territory_id=territory_id, phone_id=phone_id)


def revoke_phone(
    db: Connection, *, territory_id: int, phone_id: int, actor: str, now: datetime.datetime, card_id: int | None = None
) -> Phone:
    """Take a phone away at once and for ever, and return it.

    `card_id` is the card of a holder who asks: another card's phone is unknown to them; None at the desk.

    Refuses: phone_unknown, phone_ended.
    """
    phone = phone_register.phone_of(db, territory_id=territory_id, phone_id=phone_id)
    if card_id is not None and phone.card_id != card_id:
        raise PhoneUnknown(phone_id=phone_id)
    revoked = db.execute(
        update(phones)
        .where(phones.c.territory_id == territory_id, phones.c.id == phone_id, phones.c.revoked_at_ms.is_(None))
        .values(revoked_at_ms=instant_ms(now))
    )
    if revoked.rowcount == 0:
        raise PhoneEnded(phone_id=phone_id)
    detail: dict[str, str | int | bool] = {"card": phone.card_id}
    _record(db, "revoke", territory_id=territory_id, phone_id=phone_id, detail=detail, actor=actor, now=now)
    return phone_register.phone_of(db, territory_id=territory_id, phone_id=phone_id)


def _record(
    db: Connection,
    step: str,
    *,
    territory_id: int,
    phone_id: int,
    detail: Mapping[str, str | int | bool],
    actor: str,
    now: datetime.datetime,
) -> None:
    action, target = f"phone.{step}", f"phone:{phone_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target, detail=detail)
