"""What a charge asks of the database, and what it answers when the database is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.factories.market import HOST, Market
from tests.factories.site import Site
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

# The guard's read with its BEGIN and ROLLBACK; then, in the posting's BEGIN IMMEDIATE and COMMIT, what the charge must
# know and what it posts.
STATEMENTS_MAX = 4 + 6 + 12


def charge(
    client: FlaskClient, market: Market, key: str, *, amount_cents: int = 1_000, once: str = "k1"
) -> TestResponse:
    body = {"card": card_url(host=HOST, token=market.card.token), "amount_cents": amount_cents}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    return client.post("/api/v1/charges", json=body, headers=headers)


@contextmanager
def watched(engine: Engine) -> Iterator[list[str]]:
    """Give the list in which every statement of the driver is written, whoever sends it."""
    said: list[str] = []

    def hear(text: str) -> None:
        # SQLite says a statement again for each trigger that it fires.
        if said[-1:] != [text]:
            said.append(text)

    def listen(connection, *_: object) -> None:
        connection.set_trace_callback(hear)

    def begun(db) -> None:
        listen(db.connection.dbapi_connection)

    # When a connection is taken, and at the beginning of each transaction: the writer keeps its own between two.
    event.listen(engine, "checkout", listen)
    event.listen(engine, "begin", begun)
    yield said
    event.remove(engine, "checkout", listen)
    event.remove(engine, "begin", begun)


def test_a_charge_keeps_within_its_budget_of_statements(site: Site, market: Market, key: str):
    client = site.app.test_client()
    assert charge(client, market, key, once="warm").status_code == 201

    with watched(site.rt.engine) as said:
        assert charge(client, market, key).status_code == 201

    assert len(said) <= STATEMENTS_MAX, "\n".join(said)
    # The BEGIN of the posting comes before the writer's connection is listened to; the key is read in that transaction.
    assert not any(text.startswith("BEGIN") for text in said)
    assert sum(text.startswith("COMMIT") for text in said) == 1
    with watched(site.rt.engine) as more:  # the control: what is asked besides is seen
        market.owed()
    assert more


def test_a_replay_gives_the_same_receipt_and_writes_nothing(site: Site, market: Market, key: str):
    client = site.app.test_client()
    first = charge(client, market, key)
    assert charge(client, market, key, once="later").status_code == 201

    with watched(site.rt.engine) as said:
        again = charge(client, market, key)

    assert again.json == first.json | {"replayed": True}
    assert again.headers["Idempotent-Replay"] == "true"
    assert not any(text.startswith(("INSERT", "UPDATE", "BEGIN IMMEDIATE")) for text in said)


def test_health_does_not_touch_the_database(site: Site, market: Market):
    with watched(site.rt.engine) as said:
        answer = site.app.test_client().get("/api/v1/health")

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert not said


def test_a_till_reads_with_one_connection_at_a_time(site: Site, market: Market, key: str):
    client = site.app.test_client()
    assert charge(client, market, key).status_code == 201
    held = threading.local()
    held.now = held.most = 0

    def take(*_: object) -> None:
        held.now += 1
        held.most = max(held.most, held.now)

    def give_back(*_: object) -> None:
        # The writer gives its connection back when the service stops, from a thread that took none meanwhile.
        held.now = getattr(held, "now", 1) - 1

    event.listen(site.rt.engine, "checkout", take)
    event.listen(site.rt.engine, "checkin", give_back)
    for path in ("/charges", "/charges/by-key/k1"):
        answer = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text

    assert held.most == 1


@pytest.mark.parametrize("statement", ["api_keys", "COMMIT"])
def test_a_database_that_is_away_is_said_and_may_be_asked_again(
    site: Site, market: Market, key: str, statement: str, monkeypatch: pytest.MonkeyPatch
):
    """The fault is the driver's own: what it raises when the disk is full or the file cannot be read."""
    client = site.app.test_client()
    engine = site.rt.engine
    if statement == "COMMIT":

        def full(*_: object) -> None:
            raise OperationalError("COMMIT", None, engine.dialect.loaded_dbapi.OperationalError("disk is full"))

        monkeypatch.setattr(engine.dialect, "do_commit", full)
    else:
        with engine.begin() as db:
            db.exec_driver_sql("ALTER TABLE api_keys RENAME TO api_keys_away")

    answer = charge(client, market, key)

    assert (answer.status_code, answer.json["code"]) == (503, "ledger_unavailable")
    assert answer.headers["Retry-After"] == "2"
    monkeypatch.undo()
    if statement != "COMMIT":
        with engine.begin() as db:
            db.exec_driver_sql("ALTER TABLE api_keys_away RENAME TO api_keys")
    again = charge(client, market, key)
    assert (again.status_code, again.json["replayed"]) == (201, False)
    assert market.owed() == 1_000
