"""A shop's counter card: a fixed code that a holder scans, types the amount, and pays from the own phone.

To the books it is a till without a device: it is taken away as a till is, and a suspended shop's takes nothing.
"""

import datetime

from sqlalchemy import Connection, Engine, insert, select

from merchants.charging.charge import check_cents, take
from merchants.charging.plan import ChargeOrder
from merchants.errors import CounterCardUnknown, MerchantSuspended
from merchants.model import Merchant, Receipt, Till
from merchants.queries import find_merchant, tills_of, tills_with_shops
from merchants.shops.operations import RandomBytes, draw_code
from merchants.tables import counter_cards, tills
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import audit
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms

COUNTER_PATH = "/C/"
LABEL = "Carte de comptoir"


def issue_counter_card(
    db: Connection,
    *,
    territory_id: int,
    merchant_id: int,
    actor: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> str:
    """Return the code of the shop's counter card, made at the first call and after the last one was taken away.

    Refuses: merchant_unknown, merchant_suspended.
    """
    if not find_merchant(db, territory_id=territory_id, merchant_id=merchant_id).is_active:
        raise MerchantSuspended
    till_id = next_id(db, tills, territory_id=territory_id)
    # Looked for after the turn to number was taken: two people at once make one card.
    code = find_counter_code(db, territory_id=territory_id, merchant_id=merchant_id)
    if code is not None:
        return code
    code = draw_code(random_bytes)
    till = {"territory_id": territory_id, "id": till_id, "merchant_id": merchant_id, "label": LABEL}
    db.execute(insert(tills), till | {"paired_at_ms": instant_ms(now)})
    card = {"territory_id": territory_id, "till_id": till_id, "code": code, "issued_at_ms": instant_ms(now)}
    db.execute(insert(counter_cards), card)
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="counter_card.issue", target=f"till:{till_id}"
    )
    return code


def find_counter_code(db: Connection, *, territory_id: int, merchant_id: int) -> str | None:
    """Return the code of the shop's counter card that takes payments, if it has one."""
    living = [till.id for till in tills_of(db, territory_id=territory_id, merchant_id=merchant_id) if till.is_paired]
    query = select(counter_cards.c.code).where(
        counter_cards.c.territory_id == territory_id, counter_cards.c.till_id.in_(living)
    )
    code: str | None = db.scalar(query)
    return code


def shop_of_counter(db: Connection, *, territory_id: int, code: str) -> tuple[Till, Merchant]:
    """Return what a counter card stands for; refuses counter_card_unknown, also of a card that was taken away."""
    given = code.strip().upper()
    query = select(counter_cards.c.till_id).where(
        counter_cards.c.territory_id == territory_id, counter_cards.c.code == given
    )
    # PostgreSQL takes no text with a zero byte in it, and the address is open to all.
    till_id = db.scalar(query) if given.isalnum() else None
    if till_id is None:
        raise CounterCardUnknown
    till, merchant = tills_with_shops(db, territory_id=territory_id, till_ids={till_id})[till_id]
    if not till.is_paired:
        raise CounterCardUnknown
    return till, merchant


def pay_at_counter(
    *,
    engine: Engine,
    keyring: Keyring,
    writer: Writer,
    territory_id: int,
    host: str,
    code: str,
    card_code: str,
    amount_cents: int,
    pin: str | None,
    idempotency_key: str,
    now: datetime.datetime,
) -> Receipt:
    """Pay the shop of a counter card, and return the receipt.

    Arguments as `merchants.charging.charge.charge`; `code` is that of the counter card, `idempotency_key` was drawn
    for the page on which the amount was typed.

    Refuses, in this order: amount_malformed, amount_not_positive, amount_too_large, counter_card_unknown, then as
    `charge`.
    """
    check_cents(amount_cents)
    with reading(engine) as db:
        till, _ = shop_of_counter(db, territory_id=territory_id, code=code)
    order = ChargeOrder(
        till=till,
        card_code=card_code,
        amount_cents=amount_cents,
        pin=pin,
        partial=False,
        happened_at=now,
        received_at=now,
        # A caller of its own: no key of a device meets one of a page.
        caller=f"counter:{till.id}",
        idempotency_key=idempotency_key,
    )
    return take(engine=engine, keyring=keyring, writer=writer, territory_id=territory_id, host=host, order=order)


def counter_url(*, host: str, code: str) -> str:
    """Return the text of the counter card's QR."""
    return f"HTTPS://{host.upper()}{COUNTER_PATH}{code}"
