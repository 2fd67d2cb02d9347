"""Whoever changes behind the guards how a refused offline charge ended is named by verify."""

import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from merchants.offline.charges import refused_offline
from merchants.offline.ends import dismiss, present_again
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from tests.factories.guarantee import TOWN, code_of, device_of, send
from tests.factories.market import HOST, Market, open_market
from tests.factories.vandal import take_the_guards_down

HOUR = datetime.timedelta(hours=1)
FORGED = (
    "INSERT INTO offline_ends SELECT territory_id, key_digest, {entry}, 'till:1', NULL, {at} FROM offline_charges"
    " WHERE amount_cents = 1503"
)
OTHER = "(SELECT max(id) FROM journal_entries)"
EDITS = (
    "UPDATE offline_ends SET ended_by = 'till:9' WHERE entry_id IS NULL",
    "UPDATE offline_ends SET ended_at_ms = 1 WHERE entry_id IS NULL",
    "DELETE FROM offline_ends WHERE entry_id IS NULL",
    "UPDATE offline_ends SET entry_id = NULL",
    "UPDATE offline_ends SET entry_id = 1 WHERE entry_id IS NOT NULL",
    "UPDATE offline_ends SET ended_by = 'till:9' WHERE entry_id IS NOT NULL",
    FORGED.format(entry="NULL", at=1),
    # An ordinary sale of the same amount is said to have paid it: the shop would never be.
    FORGED.format(entry=OTHER, at=1),
)


@pytest.fixture
def market(db_engine: Engine) -> Iterator[Market]:
    """Give a shop with three refused charges: one is paid since, one given up, one open; and a sale of its amount."""
    opened = open_market(db_engine, cents=1_000)
    device = device_of(opened)
    for more in (1, 2, 3):
        send(opened, device.sign(code_of(opened.card), 1_500 + more, at=opened.now - HOUR))
    opened.world.issue(opened.card.wallet_id, 9_000)
    with reading(db_engine) as db:
        mark = {each.amount_cents: each.mark for each in refused_offline(db, **TOWN, merchant_id=opened.merchant.id)}
    present_again(
        engine=db_engine, keyring=opened.keyring, writer=opened.writer, **TOWN, host=HOST, mark=mark[1_501],
        till=opened.till, card_code=code_of(opened.card), pin=None, idempotency_key="again", now=opened.now,
    )  # fmt: skip
    transact(db_engine, dismiss, **TOWN, till=opened.till, mark=mark[1_502], now=opened.now)
    opened.charge(1_503, key="sale")
    yield opened
    opened.writer.stop()


def test_each_edit_is_named_and_a_clean_world_is_not(market: Market) -> None:
    take_the_guards_down(market.engine)
    for edit in ("", *EDITS):
        with market.engine.connect() as db:
            if edit:
                assert db.execute(text(edit)).rowcount, edit
            verdict = verify_installation(db, territory_id=1, public_key_pem=market.keyring.public_key_pem)
            db.rollback()
        assert {finding.code for finding in verdict.findings} == ({"offline_end_differs"} if edit else set()), edit
