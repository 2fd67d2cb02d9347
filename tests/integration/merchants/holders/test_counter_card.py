"""A shop's fixed code: the holder types the amount; a receipt's code: the holder asks for a refund."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from merchants.charging.refund import refund
from merchants.errors import CounterCardUnknown, MerchantSuspended, ReceiptUnknown, RefundExceedsCharge, TillUnknown
from merchants.holders import refund_requests
from merchants.holders.counter_card import find_counter_code, issue_counter_card, pay_at_counter
from merchants.shops.operations import renew_pairing, suspend_merchant, unpair_till
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.errors import IdempotencyKeyReused, Refusal
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import HOST, Market, market_at, open_market
from tests.factories.merchants import MANAGER, NOW, admit, chance, paired, pairing
from tests.factories.phones import bound_phone
from tests.factories.site import CSRF, Site, build_site, csrf_token
from wallets.operations.phones import revoke_phone

PERSON = {"territory_id": TERRITORY_ID, "actor": MANAGER, "now": NOW}


@pytest.fixture
def market(db_engine: Engine) -> Iterator[Market]:
    found = open_market(db_engine)
    yield found
    found.writer.stop()


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    built.clock.now = NOW
    yield built
    built.rt.stop()


def issue(market: Market, seed: str = "counter") -> str:
    return transact(
        market.engine, issue_counter_card, merchant_id=market.merchant.id, random_bytes=chance(seed), **PERSON
    )  # fmt: skip


def pay(market: Market, code: str, card_code: str, *, key: str = "page", cents: int = 840, pin: str | None = None):
    return pay_at_counter(
        engine=market.engine, keyring=market.keyring, writer=market.writer, territory_id=1, host=HOST, code=code,
        card_code=card_code, amount_cents=cents, pin=pin, idempotency_key=key, now=market.now,
    )  # fmt: skip


def test_a_phone_pays_the_shop_once_for_each_page(market: Market) -> None:
    code, phone = issue(market), bound_phone(market.engine, market.card.card_id)
    shown = phone.code()
    first = pay(market, code.lower(), shown)
    assert pay(market, code, shown).entry_id == first.entry_id
    assert market.owed() == 840
    with pytest.raises(IdempotencyKeyReused):
        pay(market, code, shown, cents=900)
    with pytest.raises(Refusal, match="phone_code_used"):
        pay(market, code, shown, key="another page")
    with pytest.raises(Refusal, match="pin_required"):
        pay(market, code, market.card.number, key="number")
    assert pay(market, code, market.card.number, key="number", pin=market.card.pin).amount_cents == 840
    # No key of a device meets one of a page.
    market.charge(840, key="page")
    assert market.owed() == 3 * 840


def test_the_code_is_fixed_until_the_card_is_taken_away(market: Market) -> None:
    code = issue(market)
    assert issue(market, "again") == code
    with reading(market.engine) as db:
        till_id = db.scalar(text("SELECT till_id FROM counter_cards"))
    transact(market.engine, unpair_till, till_id=till_id, **PERSON)
    phone = bound_phone(market.engine, market.card.card_id)
    with pytest.raises(CounterCardUnknown):
        pay(market, code, phone.code())
    # No device is ever paired in its place: that would bring the card back.
    with pytest.raises(TillUnknown):
        transact(market.engine, renew_pairing, till_id=till_id, random_bytes=chance("device"), **PERSON)
    assert transact(market.engine, renew_pairing, till_id=market.till.id, random_bytes=chance("device"), **PERSON)
    other = issue(market, "other")
    assert other != code
    transact(market.engine, suspend_merchant, merchant_id=market.merchant.id, reason="test", **PERSON)
    with pytest.raises(MerchantSuspended):
        pay(market, other, phone.code())
    with pytest.raises(MerchantSuspended):
        issue(market)
    assert market.owed() == 0


def test_a_refund_is_asked_for_once_and_only_its_shop_sees_it(market: Market) -> None:
    charge = market.charge(500, key="bread")
    neighbour = paired(market.world, admit(market.world, 2))
    ask = {"territory_id": 1, "entry_id": charge.entry_id, "now": NOW}
    assert not refunds_of(market, market.merchant.id)
    assert transact(market.engine, refund_requests.ask_refund, **ask).is_asked
    transact(market.engine, refund_requests.ask_refund, **ask)
    assert [one.refundable_cents for one in refunds_of(market, market.merchant.id)] == [500]
    assert not refunds_of(market, neighbour.merchant_id)
    assert market.owed() == 500
    close = {"territory_id": 1, "charge_entry_id": charge.entry_id, "now": NOW}
    with pytest.raises(ReceiptUnknown):
        transact(market.engine, refund_requests.close_request, merchant_id=neighbour.merchant_id, **close)
    transact(market.engine, refund_requests.close_request, merchant_id=market.merchant.id, **close)
    assert not refunds_of(market, market.merchant.id)


def test_what_was_given_back_is_not_asked_for_again_and_a_refund_has_no_receipt(market: Market) -> None:
    charge = market.charge(500, key="bread")
    given = refund(
        engine=market.engine, writer=market.writer, territory_id=1, till=market.till, charge_entry_id=charge.entry_id,
        amount_cents=None, idempotency_key="back", now=NOW,
    )  # fmt: skip
    for entry_id, reason in (
        (charge.entry_id, RefundExceedsCharge),
        (given.entry_id, ReceiptUnknown),
        (99, ReceiptUnknown),
    ):
        with pytest.raises(reason):
            transact(market.engine, refund_requests.ask_refund, territory_id=1, entry_id=entry_id, now=NOW)


def refunds_of(market: Market, merchant_id: int) -> list[refund_requests.RefundRequest]:
    with reading(market.engine) as db:
        return refund_requests.open_requests(db, territory_id=1, merchant_id=merchant_id)


def form_key(page: TestResponse) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def sign_in(client: FlaskClient, market: Market) -> None:
    assert client.post(f"/W/{market.card.token}", data={"pin": market.card.pin}).status_code == 303


def test_the_page_says_paid_with_the_word_that_the_till_shows(site: Site) -> None:
    market = market_at(site)
    code = issue(market)
    client = site.app.test_client()
    asked = client.get(f"/C/{code}")
    assert "Payer Boulangerie Exemple 1" in asked.text
    assert "100,00" not in asked.text
    number = {"amount": "8,40", "key": form_key(asked), "card": market.card.number, "pin": market.card.pin}
    # A number typed by hand pays nothing here, even with its PIN: it would let anybody lock a card.
    assert client.post(f"/C/{code}", data=number).status_code == 422
    sign_in(client, market)
    typed = {"amount": "8,40", "key": form_key(client.get(f"/C/{code}"))}
    assert client.post(f"/C/{code}", data=typed).status_code == 403
    paid = client.post(f"/C/{code}", data=typed | {"pin": market.card.pin})
    assert paid.status_code == 200
    assert client.post(f"/C/{code}", data=typed | {"pin": market.card.pin}).text == paid.text
    assert market.owed() == 840
    word = re.search(r'class="paid-word" lang="fr">([^<]+)<', paid.text)
    assert word

    path = re.search(r'href="(/R/[0-9A-Z]{24})"', paid.text)
    assert path
    assert client.get("/porte-monnaie").text.count(path[1]) == 1
    stranger = site.app.test_client()
    assert "8,40" in stranger.get(path[1].lower()).text
    assert not refunds_of(market, market.merchant.id)
    assert stranger.post(path[1]).status_code == 303

    till = site.app.test_client()
    _, pairing_code = pairing(market.world, market.merchant, label="Comptoir")
    assert till.post(f"/caisse/appairer/{pairing_code}").status_code == 303
    assert word[1] in till.get("/caisse").text
    day = till.get("/caisse/journee").text
    assert word[1] in day
    assert "8,40" in day
    assert "1\u00a0remboursement demandé" in day
    listed = till.get("/caisse/remboursements").text
    assert "/caisse/rembourser/" in listed
    closing = CSRF.search(listed)
    number = re.search(r"/caisse/remboursements/(\d+)/ranger", listed)
    assert closing
    assert number
    assert till.post(number[0], data={"csrf_token": closing[1]}).status_code == 303
    assert not refunds_of(market, market.merchant.id)
    assert market.owed() == 840


def test_a_page_that_has_paid_pays_another_amount_only_when_it_is_pressed_once_more(site: Site) -> None:
    market = market_at(site)
    address = f"/C/{issue(market)}"
    client = site.app.test_client()
    sign_in(client, market)
    typed = {"amount": "8,40", "key": form_key(client.get(address)), "pin": market.card.pin}
    assert client.post(address, data=typed).status_code == 200
    # Back to the page that the browser has kept.
    refused = client.post(address, data=typed | {"amount": "1"})
    assert "idempotency_key_reused" in refused.text
    assert market.owed() == 840
    assert client.post(address, data=typed | {"amount": "1", "key": form_key(refused)}).status_code == 200
    assert market.owed() == 940


@pytest.mark.parametrize(
    "address", ["/C/0123456789ABCDEFGHJK", "/R/0123456789ABCDEFGHJKMNPQ", "/C/x", "/R/x", "/C/%00"]
)
def test_an_unknown_code_gets_one_plain_sentence(site: Site, address: str) -> None:
    market_at(site)
    for language, sentence in (("fr", "de la monnaie locale"), ("en", "of ours")):
        page = site.app.test_client().get(f"{address}?lang={language}")
        assert page.status_code == 404
        assert sentence in page.text


def test_the_desk_prints_the_card_and_takes_it_away(site: Site) -> None:
    market = market_at(site)
    desk = site.client_of(Role.AGENT)
    token = csrf_token(desk, "/bureau/menages")
    made = desk.post(f"/bureau/commercants/{market.merchant.id}/comptoir", data={"csrf_token": token})
    assert made.status_code == 303
    printed = desk.get(made.headers["Location"]).text
    assert "Boulangerie Exemple 1" in printed
    assert "<svg" in printed
    with reading(site.rt.engine) as db:
        code = find_counter_code(db, territory_id=1, merchant_id=market.merchant.id)
        till_id = db.scalar(text("SELECT till_id FROM counter_cards"))
    assert code
    assert site.app.test_client().get(f"/C/{code}").status_code == 200
    away = f"/bureau/commercants/{market.merchant.id}/caisses/{till_id}/retirer"
    assert desk.post(away, data={"csrf_token": token}).status_code == 303
    assert site.app.test_client().get(f"/C/{code}").status_code == 404


def test_the_desk_sees_a_phone_and_takes_it_away(site: Site) -> None:
    market = market_at(site)
    phone = bound_phone(site.rt.engine, market.card.card_id)
    desk = site.client_of(Role.AGENT)
    page = desk.get("/bureau/menages/1").text
    assert "Téléphone n° 1" in page
    assert "Retirer ce téléphone" in page
    token = csrf_token(desk, "/bureau/menages")
    taken = desk.post(f"/bureau/telephones/{phone.phone_id}/retirer", data={"csrf_token": token})
    assert (taken.status_code, taken.headers["Location"]) == (303, "/bureau/menages/1")
    assert "Retirer ce téléphone" not in desk.get("/bureau/menages/1").text
    with pytest.raises(Refusal, match="phone_refused"):
        market.charge(500, card_code=phone.code())


def test_a_phone_s_code_opens_the_wallet_with_the_pin_and_pays_all_the_same(site: Site) -> None:
    market = market_at(site)
    phone = bound_phone(site.rt.engine, market.card.card_id)
    shown = phone.code().rpartition("/")[2]
    client = site.app.test_client()
    asked = client.get(f"/t/{shown.lower()}").text
    assert "100,00" not in asked
    action = re.search(r'action="(/T/[^"]+)"', asked)
    assert action
    assert client.post(action[1], data={"pin": "0000"}).status_code == 403
    assert client.get("/porte-monnaie").status_code == 401
    assert client.post(action[1], data={"pin": market.card.pin}).headers["Location"] == "/porte-monnaie"
    assert "100,00" in client.get("/porte-monnaie").text
    told = client.post("/telephone/etat", data={"code": shown}).json
    assert told == {"now_ms": instant_ms(NOW), "state": "bound"}
    assert market.charge(500, card_code=phone.code()).amount_cents == 500
    transact(market.engine, revoke_phone, phone_id=phone.phone_id, **PERSON)
    assert client.post("/telephone/etat", data={"code": shown}).json["state"] == "phone_refused"
    assert client.post(action[1], data={"pin": market.card.pin}).status_code == 403
