"""A programme asks for the PIN never, above an amount, or always: chosen on screen or over JSON, shown in French."""

import json
import re

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import api_keys
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.programmes import app as programmes_app
from monnaie_locale.programmes.model import PinRule
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site, csrf_token
from tests.factories.wallets import ask, holder
from wallets import app as wallets_app
from wallets.errors import PinRequired

PAGE = "/bureau/dispositifs/1"
FACT = re.compile(r"<dt>Code secret</dt>\s*<dd>([^<]*)</dd>")


def with_everything(app: Flask) -> None:
    programmes_app.init_app(app)
    wallets_app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=with_everything)


def highest_without_pin(site: Site, token: str) -> int:
    """Return the highest of a few payments that pass without a PIN, in cents."""
    passed = [0]
    for amount_cents in (1, 2_000, 2_001, 3_000, 3_001, 5_000, 5_001):
        try:
            ask(site.rt.engine, site.rt.keyring, token, amount_cents)  # type: ignore[arg-type]
        except PinRequired:
            continue
        passed.append(amount_cents)
    return max(passed)


def test_the_rule_is_changed_on_the_screen_and_holds_from_the_next_payment(site: Site) -> None:
    made.programme(site.rt.engine)
    owner = holder(site.rt.engine, site.rt.keyring)
    made.distributed(site.rt.engine, 1, [(owner.wallet.wallet_id, 10_000)])
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    assert FACT.search(manager.get(PAGE).text)[1] == "Demandé au-dessus de 20,00\u00a0€"
    assert highest_without_pin(site, owner.card.token) == 2_000

    for rule, above, sentence, passes_cents in (
        ("above", "30", "Demandé au-dessus de 30,00\u00a0€", 3_000),
        ("always", "", "Demandé à chaque paiement", 0),
        ("never", "", "Jamais demandé dans les limites légales", 5_000),
    ):
        values = {"csrf_token": csrf_token(manager, PAGE), "pin_rule": rule, "pin_above": above}
        assert manager.post(f"{PAGE}/code-secret", data=values).status_code == 303
        assert FACT.search(manager.get(PAGE).text)[1] == sentence
        assert highest_without_pin(site, owner.card.token) == passes_cents
    with reading(site.rt.engine) as db:
        told = db.execute(text("SELECT actor, detail FROM audit_events WHERE action = 'programme.pin-rule'")).all()
    assert [json.loads(detail) for _, detail in told] == [
        {"rule": "above", "above_cents": 3_000},
        {"rule": "always", "above_cents": 0},
        {"rule": "never", "above_cents": 0},
    ]
    assert all(actor.startswith("staff:") for actor, _ in told)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_refused_on_the_screen_changes_nothing(site: Site) -> None:
    made.programme(site.rt.engine, pin_rule=PinRule.ALWAYS, pin_above_cents=0)
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    token = csrf_token(manager, PAGE)
    for values in (
        {"pin_rule": "above", "pin_above": ""},
        {"pin_rule": "above", "pin_above": "50,01"},
        {"pin_rule": "sometimes"},
        {},
    ):
        assert manager.post(f"{PAGE}/code-secret", data={"csrf_token": token, **values}).status_code == 422, values
    auditor = site.client_of(Role.AUDITOR)
    refused = auditor.post(f"{PAGE}/code-secret", data={"csrf_token": csrf_token(auditor), "pin_rule": "never"})
    assert refused.status_code == 403
    page = manager.post(f"{PAGE}/appels-de-fonds", data={"csrf_token": token, "amount": "x"}).text
    assert FACT.search(page)[1] == "Demandé à chaque paiement"
    assert '<option value="always" selected>' in page, "a fault elsewhere does not offer another rule"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_rule_is_changed_over_json(site: Site) -> None:
    made.programme(site.rt.engine)

    def put(body: object, role: Role = Role.PROGRAMME_MANAGER, programme: int = 1):
        key = transact(
            site.rt.engine, api_keys.issue_api_key, territory_id=TERRITORY_ID, kind=SubjectKind.STAFF,
            subject_id=site.staff(role).staff_id, label="test", actor="job:test", now=site.clock(),
            random_bytes=site.rt.random_bytes,
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
        path = f"/api/v1/programmes/{programme}/pin-rule"
        return site.app.test_client().put(path, json=body, headers=headers)

    changed = put({"pin_rule": "above", "pin_above_cents": 5_000})
    assert (changed.status_code, changed.json["pin_rule"], changed.json["pin_above_cents"]) == (200, "above", 5_000)
    assert put({"pin_rule": "above", "pin_above_cents": 5_001}).status_code == 422
    assert put({"pin_rule": "sometimes"}).status_code == 422
    assert put({"pin_rule": "never"}, role=Role.AUDITOR).status_code == 403
    assert put({"pin_rule": "never"}, programme=9).json["code"] == "programme_unknown"
    with reading(site.rt.engine) as db:
        assert db.execute(text("SELECT pin_rule, pin_above_cents FROM programmes")).one() == ("above", 5_000)
