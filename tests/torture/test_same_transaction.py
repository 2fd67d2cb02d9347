"""A key is looked up where it is posted: a second time in one transaction is the first time's answer."""

from sqlalchemy import Connection, Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.post import post
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw, Posted
from tests.factories.ledger import NOON_MS, posting, small_world


def test_a_key_posted_twice_in_one_transaction_is_posted_once(db_engine: Engine) -> None:
    world = small_world(db_engine)
    asked = posting(EntryKind.CHARGE, Draw((world.purse(7),), world.shop(3), 100), key="twice")

    def both(db: Connection) -> list[Posted]:
        return [post(db, asked, recorded_at_ms=NOON_MS) for _ in range(2)]

    first, second = transact(db_engine, both)

    assert (first.replayed, second.replayed) == (False, True)
    assert first.entry == second.entry
