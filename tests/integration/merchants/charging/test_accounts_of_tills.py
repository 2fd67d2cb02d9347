"""The accounts of the tills that charge are found one by one, however many shops the town has; on PostgreSQL."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from merchants.queries import look_for_counters
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import open_purses
from tests.factories.ledger import EXPIRES_ON, NOON_MS, TERRITORY_ID
from tests.factories.market import open_market
from tests.factories.merchants import admit, paired

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)

SHOPS, HOUSEHOLDS = 60, 6_000
# As it was written before: the server begins with the accounts of all shops.
JOINED = """
SELECT tills.id, tills.paired_at_ms IS NOT NULL AND tills.unpaired_at_ms IS NULL,
merchants.id, merchants.name, merchants.category, merchants.is_active, accounts.id
FROM {wanted} CROSS JOIN tills CROSS JOIN merchants CROSS JOIN accounts
WHERE tills.territory_id = {p} AND tills.id = {value} AND accounts.territory_id = tills.territory_id
AND merchants.territory_id = tills.territory_id AND merchants.id = tills.merchant_id
AND accounts.wallet_id = 0 AND accounts.merchant_id = tills.merchant_id AND accounts.kind = 4
AND accounts.programme_id = 0
"""


def test_a_charge_does_not_read_the_accounts_of_other_shops(db_engine: Engine) -> None:
    market = open_market(db_engine)
    market.writer.stop()
    # The market has the first shop.
    till_ids = [paired(market.world, admit(market.world, number)).id for number in range(2, SHOPS + 1)][:3]
    # Next to thousands of purses, a shop's account looks rare to whoever multiplies one share by another.
    transact(
        db_engine, open_purses, territory_id=TERRITORY_ID, programme_id=1, expires_on=EXPIRES_ON,
        wallet_ids=range(1_000, 1_000 + HOUSEHOLDS), now_ms=NOON_MS,
    )  # fmt: skip
    transact(db_engine, lambda db: db.execute(text("ANALYZE")))
    look = look_for_counters(territory_id=TERRITORY_ID, till_ids=till_ids)
    given = (till_ids, *look.parameters)

    with reading(db_engine) as db:
        found = _run(db, look.statement, given).fetchall()
        assert sorted(found) == sorted(_run(db, JOINED, given).fetchall())
        assert len(found) == len(till_ids)
        assert _accounts_read(db, look.statement, given) == len(till_ids)
        # The control.
        assert _accounts_read(db, JOINED, given) >= SHOPS


def _run(db: Connection, statement: str, given: tuple[object, ...], *, before: str = "") -> Any:
    connection: Any = db.connection.dbapi_connection
    wanted = "unnest(%s::bigint[]) AS wanted(value)"
    return connection.execute(before + statement.format(wanted=wanted, value="wanted.value", p="%s"), given)


def _accounts_read(db: Connection, statement: str, given: tuple[object, ...]) -> int:
    """Return how many rows of the accounts the server looked at."""
    (plan,) = _run(db, statement, given, before="EXPLAIN (ANALYZE, FORMAT JSON) ").fetchone()
    nodes, read = [plan[0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node.get("Relation Name") == "accounts":
            read += round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return read
