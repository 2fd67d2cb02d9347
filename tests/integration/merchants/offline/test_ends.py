"""A refused offline charge ends once: the card comes back and pays, or the shop gives it up."""

import datetime
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants import errors
from merchants.model import OfflineRefusal, Receipt
from merchants.offline.charges import refused_offline
from merchants.offline.ends import dismiss, present_again
from merchants.shops.cashiers import add_cashier, take_till
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds, Refusal
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.guarantee import TOWN, code_of, device_of, send
from tests.factories.market import HOST, Market, market_at, open_market
from tests.factories.merchants import MANAGER, NOW, admit, chance, paired, pairing
from tests.factories.site import Site, build_site, csrf_token
from wallets.errors import CardRefused
from wallets.operations.cards import replace_card

HOUR = datetime.timedelta(hours=1)
CENTS = 1_500


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine, cents=1_000)
    yield opened
    opened.writer.stop()


def refused(market: Market) -> OfflineRefusal:
    """Take more offline than the card holds, and return what the shop reads of it."""
    answer = send(market, device_of(market).sign(code_of(market.card), CENTS, at=market.now - HOUR))
    assert answer.refusal_code == "offline_guarantee_short"
    return listed(market)


def listed(market: Market) -> OfflineRefusal:
    with reading(market.engine) as db:
        (found,) = refused_offline(db, **TOWN, merchant_id=market.merchant.id)
    return found


def again(market: Market, mark: str, **more: object) -> Receipt:
    values = {"till": market.till, "card_code": code_of(market.card), "pin": None, "idempotency_key": "again"} | more
    return present_again(
        engine=market.engine, keyring=market.keyring, writer=market.writer, **TOWN, host=HOST, mark=mark,
        now=market.now, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def give_up(market: Market, mark: str, **more: object) -> None:
    transact(market.engine, dismiss, **TOWN, mark=mark, **({"till": market.till, "now": market.now} | more))


def test_the_card_that_is_back_pays_once_whatever_is_asked_after(market: Market) -> None:
    mark = refused(market).mark
    with pytest.raises(InsufficientFunds):
        again(market, mark)
    assert listed(market).is_open, "what fails ends nothing"
    market.world.issue(market.card.wallet_id, 9_000)
    first = again(market, mark)
    assert (first.amount_cents, market.owed()) == (CENTS, CENTS)
    replayed = again(market, mark)
    assert (replayed.entry_id, replayed.replayed) == (first.entry_id, True)
    other_till = paired(market.world, market.merchant, label="Terrasse")
    for more in ({"idempotency_key": "k2"}, {"idempotency_key": "again", "till": other_till}):
        with pytest.raises(errors.OfflineChargeEnded):
            again(market, mark, **more)
    with pytest.raises(errors.OfflineChargeEnded):
        give_up(market, mark)
    found = listed(market)
    assert (market.owed(), found.paid_entry_id, found.ended_by) == (CENTS, first.entry_id, market.till.caller)
    assert not found.is_open


def test_a_key_that_charged_something_else_does_not_stand_for_it(market: Market) -> None:
    """The same card, the same amount: answered as a replay, the shop would believe that the refused one is paid."""
    mark = refused(market).mark
    market.world.issue(market.card.wallet_id, 9_000)
    market.charge(CENTS, key="ordinary")
    with pytest.raises(IdempotencyKeyReused):
        again(market, mark, idempotency_key="ordinary")
    assert listed(market).is_open
    again(market, mark)
    with pytest.raises(IdempotencyKeyReused):
        market.charge(CENTS, key="again")


def test_sent_from_two_tills_at_once_it_pays_once(market: Market) -> None:
    mark = refused(market).mark
    market.world.issue(market.card.wallet_id, 9_000)
    tills = [market.till, *(paired(market.world, market.merchant, label=f"Rayon {number}") for number in range(3))]

    def attempt(number: int) -> object:
        try:
            return again(market, mark, till=tills[number % len(tills)], idempotency_key=f"at-once-{number}").entry_id
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count("offline_charge_ended") == 7
    (paid_by,) = (each for each in outcomes if each != "offline_charge_ended")
    assert (market.owed(), listed(market).paid_entry_id) == (CENTS, paid_by)


def test_a_payment_and_a_dismissal_at_once_end_it_in_one_way(market: Market) -> None:
    mark = refused(market).mark
    market.world.issue(market.card.wallet_id, 9_000)

    def attempt(number: int) -> str:
        try:
            if number % 2:
                give_up(market, mark)
            else:
                again(market, mark, idempotency_key=f"either-{number}")
        except errors.OfflineChargeEnded:
            return "ended"
        return "dismissed" if number % 2 else "paid"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(set(pool.map(attempt, range(4))))
    is_paid = listed(market).paid_entry_id is not None
    assert outcomes == sorted(["ended", "paid" if is_paid else "dismissed"])
    assert market.owed() == (CENTS if is_paid else 0)


def test_the_card_of_today_pays_and_the_blocked_one_does_not(market: Market) -> None:
    mark = refused(market).mark
    market.world.issue(market.card.wallet_id, 9_000)
    renewed = transact(
        market.engine, replace_card, **TOWN, card_id=market.card.card_id, keyring=market.keyring,
        random_bytes=chance("renewed"), actor="staff:1", now=NOW,
    )  # fmt: skip
    with pytest.raises(CardRefused):
        again(market, mark)
    assert again(market, mark, card_code=code_of(renewed)).amount_cents == CENTS


def test_it_is_the_shop_that_ends_it_and_who_and_when_are_kept(market: Market) -> None:
    mark = refused(market).mark
    elsewhere = paired(market.world, admit(market.world, 2))
    for end in (again, give_up):
        with pytest.raises(errors.ChargeUnknown):
            end(market, mark, till=elsewhere)
    with pytest.raises(errors.ChargeUnknown):
        give_up(market, "zz")
    zoe = transact(
        market.engine, add_cashier, **TOWN, merchant_id=market.merchant.id, name="Zoé", code="2749",
        keyring=market.keyring, actor=MANAGER, now=NOW,
    )  # fmt: skip
    take_till(market.engine, market.keyring, **TOWN, till=market.till, cashier_id=zoe.id, code="2749", now=NOW)
    give_up(market, mark, now=NOW + HOUR)
    found = listed(market)
    assert (found.paid_entry_id, found.ended_by, found.cashier_id) == (None, market.till.caller, zoe.id)
    assert found.ended_at_ms == instant_ms(NOW + HOUR)
    market.world.issue(market.card.wallet_id, 9_000)
    with pytest.raises(errors.OfflineChargeEnded):
        again(market, mark)
    with market.engine.connect() as db:
        assert db.scalar(text("SELECT count(*) FROM audit_events WHERE action = 'offline.dismiss'")) == 1


def test_the_database_itself_ends_it_once_and_only_by_a_charge_of_its_amount(market: Market) -> None:
    digest = refused(market).key_digest
    market.world.issue(market.card.wallet_id, 9_000)
    other = market.charge(CENTS + 1, key="other")
    same = market.charge(CENTS, key="same")
    row = "INSERT INTO offline_ends VALUES (1, :digest, :entry, :by, NULL, 1)"

    def write(**values: object) -> None:
        with market.engine.begin() as db:
            db.execute(text(row), {"digest": digest, "entry": None, "by": "till:1"} | values)

    for broken, named in (
        ({"digest": b"x" * 32}, "offline_end_of_nothing"),
        ({"entry": other.entry_id}, "offline_end_differs"),
        ({"entry": 999_999}, "offline_end_differs|foreign key"),
        ({"by": "Zoé Martin"}, "ck_offline_ends_ended_by"),
    ):
        with pytest.raises(DBAPIError, match=f"(?i){named}"):
            write(**broken)
    write(entry=same.entry_id)
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        write()
    for statement in ("UPDATE offline_ends SET entry_id = NULL", "DELETE FROM offline_ends"):
        with market.engine.connect() as db, pytest.raises(DBAPIError, match="append_only"):
            db.execute(text(statement))


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_till_without_script_presents_one_again_and_dismisses_another(site: Site) -> None:
    market = market_at(site, cents=1_000)
    device = device_of(market)
    for number in range(2):
        send(market, device.sign(code_of(market.card), CENTS + number, at=market.now - HOUR))
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    assert client.post(f"/caisse/appairer/{code}").status_code == 303
    links = re.findall(r"/caisse/hors-connexion/[0-9a-f]{64}(?=\")", client.get("/caisse/journee").text)
    assert len(links) == 2
    token = csrf_token(client, "/caisse")
    page = client.get(links[1]).text
    fields = {
        "csrf_token": token,
        "key": re.search(r'name="key" value="([^"]+)"', page)[1],
        "card": code_of(market.card),
    }
    short = client.post(links[1], data=fields)
    assert (short.status_code, "insufficient_funds" in short.text) == (409, True)
    market.world.issue(market.card.wallet_id, 9_000)
    paid = client.post(links[1], data=fields)
    assert "Payé" in client.get(paid.headers["Location"]).text
    assert "Payé depuis" in client.get(links[1]).text
    assert client.post(f"{links[0]}/classer", data={"csrf_token": token}).status_code == 303
    assert "Classé le" in client.get(links[0]).text
    assert client.post(f"{links[0]}/classer", data={"csrf_token": token}).status_code == 409
    assert "hors-connexion" not in client.get("/caisse/journee").text
    assert client.get(f"/caisse/hors-connexion/{'0' * 64}").status_code == 404
    shown = site.client_of(Role.ACCOUNTANT).get(f"/bureau/commercants/{market.merchant.id}").text
    assert "Classé sans paiement" in shown
    assert "Payé depuis" in shown
    assert re.search(r"écriture n° \d+, Caisse 2<", shown)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_program_does_the_same(site: Site) -> None:
    market = market_at(site, cents=1_000)
    send(market, device_of(market).sign(code_of(market.card), CENTS, at=market.now - HOUR))
    _, code = pairing(market.world, market.merchant, label="Automate")
    client = site.app.test_client()
    key = client.post("/api/v1/tills/pair", json={"code": code}, headers={"Idempotency-Key": "p"}).json["api_key"]
    who = {"Authorization": f"Bearer {key}"}
    path = "/api/v1/offline-charges/refused"
    (line,) = client.get(path, headers=who).json["refused"]
    assert (line["state"], line["amount_cents"], line["paid_number"]) == ("open", CENTS, None)
    body = {"card": code_of(market.card)}
    short = client.post(f"{path}/{line['mark']}/charges", json=body, headers=who | {"Idempotency-Key": "a"})
    assert short.json["code"] == "insufficient_funds"
    gone = client.post(f"{path}/{line['mark']}/dismissal", headers=who | {"Idempotency-Key": "b"})
    assert (gone.status_code, gone.json["state"]) == (200, "dismissed")
    late = client.post(f"{path}/{line['mark']}/charges", json=body, headers=who | {"Idempotency-Key": "c"})
    assert (late.status_code, late.json["code"]) == (409, "offline_charge_ended")
