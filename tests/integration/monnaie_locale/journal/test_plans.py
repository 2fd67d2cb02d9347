"""The accounts of a wallet or a shop are found by their index on SQLite, though nobody ever ran ANALYZE."""

import pytest
from sqlalchemy import Engine, event, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import merchant_account_ids
from monnaie_locale.journal.queries import purses_of
from tests.factories.ledger import TERRITORY_ID, small_world

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def _steps(engine: Engine) -> list[str]:
    """Return what SQLite plans for the reads of a charge: how it looks into the accounts."""
    said: list[str] = []
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _record: connection.set_trace_callback(said.append))
    with reading(engine) as db:
        purses_of(db, territory_id=TERRITORY_ID, wallet_id=7)
        merchant_account_ids(db, territory_id=TERRITORY_ID, merchant_ids=[3])
        asked = [statement for statement in said if "accounts" in statement]
        plans = [row[3] for statement in asked for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    return [step for step in plans if "accounts" in step]


def test_a_wallets_purses_and_a_shops_account_are_found_by_their_owner(db_engine: Engine) -> None:
    small_world(db_engine)

    found = _steps(db_engine)

    assert len(found) == 2
    assert all("wallet_id=?" in step for step in found), found
    # The control: without the figures of migration 0011 it reads all the accounts of the town.
    transact(db_engine, lambda db: db.execute(text("DELETE FROM sqlite_stat1")))
    assert not any("wallet_id=?" in step for step in _steps(db_engine))
