"""What a guarantee paid alone moved no purse; its holder reads it all the same, in French and in English."""

import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from merchants.charging.refund import refund
from merchants.shop_directory import AdmittedShops
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of
from tests.factories.guarantee import TOWN, code_of, device_of, guarantee_cents, guaranteed, send
from tests.factories.market import Market, issue, market_at, open_market
from tests.factories.phones import bound_phone
from tests.factories.site import Site, build_site
from wallets.holders.history import HistoryLine, history_of
from wallets.operations.cards import block_card

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine, cents=1_000)
    guaranteed(opened.engine, 30_000)
    yield opened
    opened.writer.stop()


def history(market: Market, *, wallet_id: int | None = None, **more: int) -> list[HistoryLine]:
    asked = {"limit": 30} | more
    wallet = wallet_id or market.card.wallet_id
    with reading(market.engine) as db:
        return history_of(db, **TOWN, wallet_id=wallet, shops=AdmittedShops(), **asked)  # type: ignore[arg-type]


def shown(lines: list[HistoryLine]) -> list[tuple[str, int, int, int]]:
    return [(line.event, line.amount_cents, line.guaranteed_cents, line.returned_cents) for line in lines]


AID = ("event_aid", 1_000, 0, 0)


def test_the_holder_reads_what_the_guarantee_paid_alone_and_nobody_else_does(market: Market) -> None:
    device, other = device_of(market), issue(market.world, market.keyring, reference="M-2")
    at = market.now - MINUTE
    send(market, device.sign(code_of(market.card), 1_400, at=at))
    receipt = send(market, device.sign(code_of(market.card), 600, at=at)).receipt
    assert receipt is not None
    assert shown(history(market)) == [("event_charge", 0, 600, 0), ("event_charge", -1_000, 400, 0), AID]
    assert history(market)[0].shop == market.merchant.name
    assert history(market, wallet_id=other.wallet_id) == []
    with reading(market.engine) as db:
        entry = entry_of(db, **TOWN, entry_id=receipt.entry_id).entry
    assert (entry.reference, entry.caller) == (f"CARD:{market.card.card_id}", market.till.caller), (
        "no name in the books"
    )


def test_a_card_that_was_reported_shows_who_used_it_since(market: Market) -> None:
    device = device_of(market)
    transact(market.engine, block_card, **TOWN, card_id=market.card.card_id, actor="staff:1", now=market.now - MINUTE)
    send(market, device.sign(code_of(market.card), 600, at=market.now))
    assert shown(history(market)) == [("event_charge", 0, 600, 0), AID]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_phone_that_was_shown_is_its_card(market: Market) -> None:
    phone = bound_phone(market.engine, market.card.card_id)
    market.charge(1_000)
    send(market, device_of(market).sign(phone.code(), 300, at=market.now - MINUTE))
    assert shown(history(market))[0] == ("event_charge", 0, 300, 0)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_pages_follow_each_other_without_a_gap_or_a_repetition(market: Market) -> None:
    device = device_of(market)
    for number in range(4):
        cents = (1_000, 300, 200, 100)[number]
        assert send(market, device.sign(code_of(market.card), cents, at=market.now - MINUTE)).receipt
        market.world.issue(market.card.wallet_id, 50)
    whole = history(market)
    pages, before = [], None
    while page := history(market, limit=2, **({} if before is None else {"before_entry_id": before})):
        pages += page
        before = page[-1].entry_id
    assert pages == whole
    assert len({line.entry_id for line in whole}) == len(whole) == 9


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_given_back_to_the_guarantee_is_said(market: Market) -> None:
    market.charge(1_000)
    receipt = send(market, device_of(market).sign(code_of(market.card), 600, at=market.now - MINUTE)).receipt
    assert receipt is not None
    refund(
        engine=market.engine, writer=market.writer, **TOWN, till=market.till, charge_entry_id=receipt.entry_id,
        amount_cents=250, idempotency_key="back", now=market.now,
    )  # fmt: skip
    assert shown(history(market))[0] == ("event_charge", 0, 600, 250)
    assert guarantee_cents(market.engine) == 29_650


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_page_says_it_in_both_languages(site: Site) -> None:
    market = market_at(site, cents=0)
    market.world.purse(market.card.wallet_id)
    guaranteed(market.engine, 3_000)
    assert send(market, device_of(market).sign(code_of(market.card), 600, at=market.now - MINUTE)).receipt
    client = site.app.test_client()
    path = f"/W/{market.card.token}"
    assert client.post(path, data={"pin": market.card.pin}).status_code == 303
    for language, sentence in (
        ("fr", "6,00\u00a0€ payés par la garantie. Votre argent n’a pas bougé."),
        ("en", "€6.00 paid by the guarantee. Your money did not move."),
    ):
        page = client.get(f"/porte-monnaie?lang={language}").text
        assert sentence in page, language
        assert market.merchant.name in page
