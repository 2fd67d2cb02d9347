"""End the doubt about a charge whose answer was lost: it has paid, or it never will."""

import datetime

from sqlalchemy import Connection, Engine, insert, select

from merchants.charging.charge import replayed_receipt
from merchants.model import Receipt, Till
from merchants.tables import abandoned_keys
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.locking import lock_books
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Posted


def resolve_charge(
    engine: Engine, *, territory_id: int, till: Till, idempotency_key: str, now: datetime.datetime
) -> Receipt | None:
    """Return the receipt of what a till's key posted, or None, and then the key is dead: a late packet pays nothing.

    Args:
        engine: the database.
        territory_id: whose books.
        till: whose key; a key of another till is not touched.
        idempotency_key: of the charge whose answer was lost.
        now: aware UTC.

    """
    posted = transact(
        engine, abandon_unless_posted, territory_id=territory_id, till=till, idempotency_key=idempotency_key, now=now
    )
    if posted is None:
        return None
    with reading(engine) as db:
        return replayed_receipt(db, territory_id=territory_id, till=till, posted=posted)


def abandon_unless_posted(
    db: Connection, *, territory_id: int, till: Till, idempotency_key: str, now: datetime.datetime
) -> Posted | None:
    """Take the posting lock; return what the key posted, or give the key up and return None."""
    once = key_digest(caller=till.caller, idempotency_key=idempotency_key)
    books, _ = lock_books(db, territory_id=territory_id, key_digests=[once], account_ids=())
    posted = books.posted.get(once)
    if posted is not None:
        return posted
    same = (abandoned_keys.c.territory_id == territory_id, abandoned_keys.c.key_digest == once)
    if db.scalar(select(abandoned_keys.c.till_id).where(*same)) is None:
        row = {"territory_id": territory_id, "key_digest": once, "till_id": till.id, "abandoned_at_ms": instant_ms(now)}
        db.execute(insert(abandoned_keys), row)
    return None
