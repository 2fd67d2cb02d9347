"""A till's key that the guard read a moment ago is read again by the charge itself: a dead one pays nothing."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from merchants.shops.operations import pair_till, renew_pairing, unpair_till
from monnaie_locale.api.marks import reads_key
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.access import REMEMBERED_KEYS
from monnaie_locale.identity.api_keys import revoke_api_keys_of
from monnaie_locale.identity.roles import SubjectKind
from tests.factories.market import HOST, Market
from tests.factories.merchants import MANAGER, NOW, chance
from tests.factories.site import Site
from wallets.codes.card_token import card_url

DEAD = (401, "api_key_unknown")


@pytest.fixture
def elsewhere(site: Site) -> Iterator[Engine]:
    """Another process on the same database: it shares nothing with the one that remembers."""
    engine = open_engine(site.rt.engine.url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


def charge(client: FlaskClient, market: Market, key: str, once: str, **more: object) -> TestResponse:
    body = {"card": card_url(host=HOST, token=market.card.token), "amount_cents": 1_000} | more
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    return client.post("/api/v1/charges", json=body, headers=headers)


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, (answer.json or {}).get("code", "")


def test_a_till_unpaired_in_another_process_is_refused_at_its_next_charge(
    site: Site, market: Market, key: str, elsewhere: Engine
):
    client = site.app.test_client()
    assert charge(client, market, key, "k1").status_code == 201
    # The control: the key is remembered, and a living one pays.
    assert len(site.app.extensions[REMEMBERED_KEYS]) == 1
    assert charge(client, market, key, "k2").status_code == 201

    transact(elsewhere, unpair_till, territory_id=1, till_id=market.till.id, actor=MANAGER, now=NOW)

    assert said(charge(client, market, key, "k3")) == DEAD
    assert said(charge(client, market, key, "k4", pin=market.card.pin)) == DEAD
    assert said(charge(client, market, key, "k1")) == DEAD, "not even the receipt of what it had charged"
    assert market.owed() == 2_000


def test_the_key_of_the_device_before_is_refused_though_its_till_is_paired_again(
    site: Site, market: Market, key: str, elsewhere: Engine
):
    client = site.app.test_client()
    assert charge(client, market, key, "k1").status_code == 201
    code = transact(
        elsewhere, renew_pairing, territory_id=1, till_id=market.till.id, actor=MANAGER, now=NOW,
        random_bytes=chance("again"),
    )  # fmt: skip

    transact(elsewhere, pair_till, territory_id=1, code=code, now=NOW, random_bytes=chance("device"))

    assert said(charge(client, market, key, "k2")) == DEAD
    assert market.owed() == 1_000


def test_no_other_route_lets_a_key_in_that_it_has_not_read(site: Site, market: Market, key: str, elsewhere: Engine):
    client = site.app.test_client()
    number = charge(client, market, key, "k1").json["number"]
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k2"}
    assert client.get("/api/v1/charges", headers=headers).status_code == 200
    transact(
        elsewhere, revoke_api_keys_of, territory_id=1, kind=SubjectKind.TILL, subject_id=market.till.id, actor=MANAGER,
        now=NOW,
    )  # fmt: skip

    for path in ("charges", "charges/by-key/k1"):
        assert said(client.get(f"/api/v1/{path}", headers=headers)) == DEAD
    for path in (f"charges/{number}/refunds", "charges/resolve", "merchant-payments", "payment-requests"):
        assert said(client.post(f"/api/v1/{path}", json={}, headers=headers)) == DEAD
    # The till is still paired: it is the key alone that is dead.
    assert said(charge(client, market, key, "k3")) == DEAD
    assert [name for name, view in site.app.view_functions.items() if reads_key(view)] == [
        "merchants_charges_api.charge"
    ]
