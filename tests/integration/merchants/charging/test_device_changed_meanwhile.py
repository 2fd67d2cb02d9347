"""A request came from a device that is taken away, or replaced, while it waits for the posting lock: nothing moves."""

import threading
import time
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from werkzeug.test import TestResponse

from merchants.shops.operations import pair_till, renew_pairing, suspend_merchant, unpair_till
from monnaie_locale.database.transaction import transact
from tests.factories.market import HOST, Market
from tests.factories.merchants import MANAGER, NOW, admit, chance
from tests.factories.site import Site
from wallets.codes.card_token import card_url

# On SQLite a writer has the whole file to itself from its first read on.
pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
POSTING_LOCK = "SELECT 1 FROM ledger_heads WHERE territory_id = 1 FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
PATIENCE_S = 20
LATER_MS = 1


def asked(client: FlaskClient, key: str, path: str, once: str, **body: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    return client.post(f"/api/v1/{path}", json=body, headers=headers)


def unpaired(db: Connection, market: Market) -> None:
    unpair_till(db, territory_id=1, till_id=market.till.id, actor=MANAGER, now=NOW)


def paired_anew(db: Connection, market: Market) -> None:
    """Give the till to another device a moment later: it is paired before and after."""
    said = {"territory_id": 1, "now": NOW.replace(microsecond=1_000 * LATER_MS)}
    code = renew_pairing(db, till_id=market.till.id, actor=MANAGER, random_bytes=chance("again"), **said)
    pair_till(db, code=code, random_bytes=chance("device"), **said)


def suspended(db: Connection, market: Market) -> None:
    suspend_merchant(db, territory_id=1, merchant_id=market.merchant.id, reason="essai", actor=MANAGER, now=NOW)


def nothing(_db: Connection, _market: Market) -> None:
    """Change nothing: the control."""


def meanwhile(
    engine: Engine, market: Market, ask: Callable[[], TestResponse], change: Callable[[Connection, Market], None]
) -> TestResponse:
    """Ask, change something while the answer waits for the posting lock, and return the answer."""
    answers: list[TestResponse] = []
    with engine.begin() as holder:
        holder.execute(text(POSTING_LOCK))
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            until = time.monotonic() + PATIENCE_S
            while not db.scalar(text(WAITING)):
                assert time.monotonic() < until, "nobody waits for the posting lock"
                time.sleep(0.005)
        transact(engine, change, market)
    asking.join()
    return answers[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (nothing, {"charge": 201, "charge with PIN": 201, "refund": 201, "to a shop": 201}),
        (unpaired, dict.fromkeys(("charge", "charge with PIN", "refund", "to a shop"), "till_unpaired")),
        (paired_anew, dict.fromkeys(("charge", "charge with PIN", "refund", "to a shop"), "till_unpaired")),
        (suspended, {"charge": "merchant_suspended", "charge with PIN": "merchant_suspended", "refund": 201,
                     "to a shop": "merchant_suspended"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["charge", "charge with PIN", "refund", "to a shop"])
def test_who_posts_is_who_asked(site: Site, market: Market, key: str, *, change, said, what: str):
    client, engine = site.app.test_client(), site.rt.engine
    card = card_url(host=HOST, token=market.card.token)
    neighbour = admit(market.world, name="Librairie Exemple", siret="73282932000074")
    # The key is remembered from here on, as a busy till's is.
    first = asked(client, key, "charges", "k1", card=card, amount_cents=2_000)
    assert first.status_code == 201, first.text
    ways = {
        "charge": ("charges", {"card": card, "amount_cents": 500}),
        "charge with PIN": ("charges", {"card": card, "amount_cents": 500, "pin": market.card.pin}),
        "refund": (f"charges/{first.json['number']}/refunds", {"amount_cents": 500}),
        "to a shop": ("merchant-payments", {"to": neighbour.code, "amount_cents": 500}),
    }
    path, body = ways[what]

    answer = meanwhile(engine, market, lambda: asked(client, key, path, "k2", **body), change)

    assert said[what] in {answer.status_code, (answer.json or {}).get("code")}, answer.text
    moved_cents = 500 if what.startswith("charge") else -500
    assert market.owed() == 2_000 + (moved_cents if said[what] == 201 else 0)
