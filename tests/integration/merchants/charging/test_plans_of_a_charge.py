"""What a charge reads of accounts is found by their owners on SQLite, though nobody ever ran ANALYZE."""

import pytest
from sqlalchemy import Engine, event, text

from merchants.charging.counter import at_the_counter
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import purses_of
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import Market, open_market
from tests.integration.merchants.charging.test_charges_of_one_batch import planned

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def _steps(engine: Engine, market: Market) -> list[str]:
    """Return what SQLite plans for the reads of a charge and of a wallet: how it looks into the accounts."""
    said: list[str] = []
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _record: connection.set_trace_callback(said.append))
    with reading(engine) as db:
        at_the_counter(db, [planned(market, 100, key="k").plan.asked])
        purses_of(db, territory_id=TERRITORY_ID, wallet_id=market.card.wallet_id)
        asked = [statement for statement in said if "accounts" in statement]
        plans = [row[3] for statement in asked for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    return [step for step in plans if "accounts" in step]


def test_purses_and_the_shops_account_are_found_by_their_owner(db_engine: Engine) -> None:
    market = open_market(db_engine)
    market.writer.stop()

    found = _steps(db_engine, market)

    # The shop's account by the till, the purses by the card, the purses of a wallet.
    assert len(found) == 3
    assert all("wallet_id=?" in step for step in found), found
    # The control: without the figures of migration 0011 it reads all the accounts of the town.
    transact(db_engine, lambda db: db.execute(text("DELETE FROM sqlite_stat1")))
    assert not any("wallet_id=?" in step for step in _steps(db_engine, market))
