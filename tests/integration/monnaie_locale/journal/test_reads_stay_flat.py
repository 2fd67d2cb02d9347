"""Reads that cost what they give, however long the books: the same answers as the naive reading, by an index each."""

import datetime
import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from merchants.statements.movements import day_movements, month_movements
from monnaie_locale.database.migrate import downgrade, upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.account_history import entries_touching, numbers_touching
from monnaie_locale.journal.directory import Owner, open_accounts, open_purses
from monnaie_locale.journal.post import post_batch
from monnaie_locale.journal.queries import entries, numbers_accounted
from monnaie_locale.journal.verify import verify
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import Month
from monnaie_locale.ledger.posting import Draw, Posted
from tests.factories.ledger import NOON_MS, TERRITORY_ID, World, posting
from tests.factories.market import Market, open_market
from tests.factories.vandal import run, take_the_guards_down
from wallets.holders.history import history_of
from wallets.queries import purse_views
from wallets.shops import NoShops

DEBT = AccountKind.MERCHANT_DEBT
TOWN = {"territory_id": TERRITORY_ID}
DAYS = [datetime.date(2026, 9, 28) + datetime.timedelta(days=offset) for offset in range(40)]
# The tables that grow with every payment.
GROWING = ("transfers", "journal_entries", "balances", "accounts")
# Both databases read the one end of an index for one min or max.
AN_END_OF_AN_INDEX = re.compile(r"SELECT (min|max)\(\w+\.\w+\) AS \w+\s+FROM \w+\s+WHERE \w+\.territory_id = \S+$")
NARROWED = re.compile(r"\b(entry_id|account_id|\w+_account_id|wallet_id|merchant_id|accounted_on|key_digest|id)\b")


@pytest.fixture
def market(db_engine: Engine) -> Market:
    """Give a shop and a card with entries accounted out of the order of their numbers, as late ones are."""
    market = open_market(db_engine)
    world, chance = market.world, random.Random(5)
    shop = merchant_account(market)
    purses = [world.purse(market.card.wallet_id), world.purse(market.card.wallet_id, programme=2)]
    world.fund(100_000, programme=2)
    world.issue(market.card.wallet_id, 50_000, programme=2)
    for _ in range(60):
        payers = tuple(chance.sample(purses, chance.choice([1, 2])))
        if chance.random() < 0.2:
            draw = Draw((shop,), purses[0], chance.randint(1, 5))
        else:
            draw = Draw(payers, shop, chance.randint(5, 90))
        world.do(EntryKind.CHARGE, draw, accounted_on=chance.choice(DAYS))
    return market


@pytest.fixture
def crowded(market: Market) -> Market:
    """Give the same among thousands of others: a database reads a small table whole, and rightly."""
    crowd = range(1_000, 4_000)
    shops = [Owner(kind, merchant_id=number) for number in crowd for kind in (AccountKind.MERCHANT, DEBT)]
    transact(market.engine, open_accounts, **TOWN, owners=shops, now_ms=NOON_MS)
    purses = {"programme_id": 1, "expires_on": datetime.date(2027, 12, 31), "wallet_ids": crowd, "now_ms": NOON_MS}
    transact(market.engine, open_purses, **TOWN, **purses)
    transact(market.engine, lambda db: db.execute(text("ANALYZE")))
    return market


def merchant_account(market: Market) -> int:
    return market.world.shop(market.merchant.id)


def told(world: World) -> list[Any]:
    """Return every entry, read one by one from the beginning."""
    with reading(world.engine) as db:
        return list(entries(db, **TOWN))


def touches(posted: Any, account_ids: set[int]) -> bool:
    return any({line.debit_account_id, line.credit_account_id} & account_ids for line in posted.entry.transfers)


def test_the_bounds_of_a_span_hold_all_of_its_entries(market: Market) -> None:
    everything = told(market.world)
    with reading(market.engine) as db:
        for first in range(0, len(DAYS), 3):
            for last in range(first, len(DAYS), 5):
                inside = [
                    each.entry.entry_id for each in everything if DAYS[first] <= each.entry.accounted_on <= DAYS[last]
                ]
                bounds = numbers_accounted(db, **TOWN, first_day=DAYS[first], last_day=DAYS[last])
                assert bounds == ((min(inside), max(inside)) if inside else None)
                span = entries(db, **TOWN, accounted_from=DAYS[first], accounted_to=DAYS[last])
                assert [each.entry.entry_id for each in span] == inside
        assert numbers_accounted(db, **TOWN, first_day=datetime.date(2027, 1, 1)) is None
        assert numbers_accounted(db, **TOWN, first_day=datetime.date.min) == (1, everything[-1].entry.entry_id)


def test_a_history_is_read_page_by_page_without_a_gap(market: Market) -> None:
    own = {market.world.purse(market.card.wallet_id), market.world.purse(market.card.wallet_id, programme=2)}
    naive = [each.entry.entry_id for each in told(market.world) if touches(each, own)]
    with reading(market.engine) as db:
        pages: list[int] = []
        before: int | None = None
        while page := entries_touching(db, **TOWN, account_ids=own, before_entry_id=before, limit=7):
            before = page[-1].entry.entry_id
            pages += [each.entry.entry_id for each in page]
        assert pages == naive[::-1]
        assert numbers_touching(db, **TOWN, account_ids=own) == naive
        assert entries_touching(db, **TOWN, account_ids=[], limit=7) == []
        many = [*own, *range(10_000, 10_200)]
        assert numbers_touching(db, **TOWN, account_ids=many, above=naive[3], below=naive[9]) == naive[4:9]


def test_books_from_before_the_chains_get_theirs(market: Market) -> None:
    own = [merchant_account(market), market.world.purse(market.card.wallet_id)]
    asked = {account: chain(market, account) for account in own}

    downgrade(market.engine, revision="0012")
    upgrade(market.engine)

    assert {account: chain(market, account) for account in own} == asked
    assert chains_are_whole(market)
    # The negative control: a chain that was not filled is seen.
    take_the_guards_down(market.engine)
    run(market.engine, "UPDATE transfers SET credit_previous_id = 0")
    assert not chains_are_whole(market)
    assert chain(market, own[0]) != asked[own[0]]


def test_the_entries_of_one_batch_are_a_chain_too(market: Market) -> None:
    shop, purse = merchant_account(market), market.world.purse(market.card.wallet_id)
    before = chain(market, shop)
    batch = [posting(EntryKind.CHARGE, Draw((purse,), shop, cents), key=f"batch{cents}") for cents in (3, 4, 5)]

    posted = transact(market.engine, post_batch, batch, recorded_at_ms=NOON_MS)

    numbers = [each.entry.entry_id for each in posted if isinstance(each, Posted)]
    assert len(numbers) == 3
    assert chain(market, shop) == before + numbers
    assert chain(market, purse)[-3:] == numbers
    assert chains_are_whole(market)


def chain(market: Market, account: int) -> list[int]:
    with reading(market.engine) as db:
        return numbers_touching(db, **TOWN, account_ids=[account])


def chains_are_whole(market: Market) -> bool:
    with reading(market.engine) as db:
        found = verify(db, **TOWN, public_key_pem=market.keyring.public_key_pem).findings
    return "chain_broken" not in {finding.code for finding in found}


def test_a_shops_month_is_what_was_accounted_in_it(market: Market) -> None:
    shop, month = merchant_account(market), Month(2026, 10)
    naive = [
        each.entry.entry_id
        for each in told(market.world)
        if touches(each, {shop}) and Month.of(each.entry.accounted_on) == month
    ]
    with reading(market.engine) as db:
        found = month_movements(db, **TOWN, merchant_id=market.merchant.id, month=month)
        assert month_movements(db, **TOWN, merchant_id=market.merchant.id, month=Month(2020, 1)) == []
    assert [movement.entry_id for movement in found] == naive
    assert len(naive) < 60


READS: dict[str, Callable[[Connection, Market], object]] = {
    "holder's page": lambda db, market: (
        purse_views(db, **TOWN, wallet_id=market.card.wallet_id),
        history_of(db, **TOWN, wallet_id=market.card.wallet_id, shops=NoShops(), limit=31),
    ),
    "till's day": lambda db, market: day_movements(
        db, **TOWN, merchant_id=market.merchant.id, day=datetime.date(2026, 10, 5)
    ),
    "shop's month": lambda db, market: month_movements(
        db, **TOWN, merchant_id=market.merchant.id, month=Month(2026, 10)
    ),
    "export of a month": lambda db, _market: list(
        entries(db, **TOWN, accounted_from=datetime.date(2026, 10, 1), accounted_to=datetime.date(2026, 10, 31))
    ),
}


def plans(engine: Engine, read: Callable[[Connection], object]) -> dict[str, list[str]]:
    """Return how the database finds the rows of each statement of a read, of the tables that grow."""
    seen: list[tuple[str, Any]] = []
    listener = lambda *of: seen.append((of[2], of[3]))  # noqa: E731 - removed by identity below
    event.listen(engine, "before_cursor_execute", listener)
    with reading(engine) as db:
        read(db)
    event.remove(engine, "before_cursor_execute", listener)
    with reading(engine) as db:
        if db.dialect.name == "postgresql":
            # A handful of rows is always scanned: asked not to, the server shows which index it has for them.
            db.execute(text("SET LOCAL enable_seqscan = off"))
            db.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = _explain_postgresql if db.dialect.name == "postgresql" else _explain_sqlite
        return {said: explain(db, said, given) for said, given in seen if said.lstrip().startswith(("SELECT", "WITH"))}


def _explain_sqlite(db: Connection, said: str, given: Any) -> list[str]:
    return [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given)]


def _explain_postgresql(db: Connection, said: str, given: Any) -> list[str]:
    found = db.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {said}", given).scalar_one()
    nodes = [((found if isinstance(found, list) else json.loads(found))[0]["Plan"], "")]
    steps = []
    while nodes:
        node, above = nodes.pop()
        nodes += [(below, node["Node Type"]) for below in node.get("Plans", [])]
        if "Relation Name" in node:
            first = "first rows of " if above == "Limit" and "Filter" not in node else ""
            steps.append(f"{first}{node['Node Type']} {node['Relation Name']} {node.get('Index Cond', '')}")
    return steps


def scans(said: str, steps: list[str]) -> list[str]:
    """Return the steps that read a growing table whole, or all of a town's part of it."""
    if AN_END_OF_AN_INDEX.match(said):
        return []
    return [
        step
        for step in steps
        if any(table in step.split() for table in GROWING)
        and not step.startswith("first rows of ")
        and (step.startswith(("SCAN", "Seq")) or not NARROWED.search(step.replace("territory_id", "")))
    ]


@pytest.mark.parametrize("name", READS)
def test_every_statement_of_a_page_finds_its_rows_by_an_index(crowded: Market, name: str) -> None:
    found = plans(crowded.engine, lambda db: READS[name](db, crowded))
    assert any(table in step.split() for steps in found.values() for step in steps for table in GROWING)
    for said, steps in found.items():
        assert not scans(said, steps), (said, steps)
        # An ORDER BY that no index gives reads all before it gives the first; the last step of a few rows may sort.
        assert not any("TEMP B-TREE" in step and "DISTINCT" in step for step in steps), (said, steps)


@pytest.mark.parametrize(
    "naive",
    [
        "SELECT sum(amount_cents) FROM transfers WHERE territory_id = 1",
        "SELECT id FROM journal_entries WHERE territory_id = 1 AND caller = 'till:1'",
        "SELECT entry_id FROM transfers WHERE territory_id = 1 AND amount_cents > 3 ORDER BY entry_id DESC LIMIT 3",
    ],
)
def test_a_read_of_the_whole_books_would_be_seen(market: Market, naive: str) -> None:
    """The negative control of the test above."""
    found = plans(market.engine, lambda db: db.execute(text(naive)).all())
    assert [steps for said, steps in found.items() if scans(said, steps)]
