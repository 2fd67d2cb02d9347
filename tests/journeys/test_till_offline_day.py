"""A whole offline day on the real page, and a device whose clock is wrong: the books are right to the cent."""

import datetime
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import text

from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.verify import verify
from tests.factories.guarantee import guarantee_cents, guaranteed
from tests.factories.market import HOST, Market, issue
from tests.factories.merchants import NOW
from tests.factories.till_page import context_of, kept_on_device, look, paired_page
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

CARDS, CHARGES_PER_CARD, SHORT, GUARANTEED, DOUBLED = 10, 5, 4, 3, 5
# What the till's script does for one payment taken offline; a payment that has a key may have arrived before.
TAKE = """async ([payments]) => {
  const { OfflineTill } = await import("/static/till-offline.js");
  const { newKey } = await import("/static/till-api.js");
  const element = document.querySelector("#till-offline");
  const till = new OfflineTill(element, JSON.parse(element.dataset.settings));
  const refused = [];
  for (const { card, cents, key } of payments) {
    const reason = await till.refusal(card, cents);
    if (reason) refused.push(reason);
    else await till.take({ key: key ?? newKey(), amount_cents: cents }, card);
  }
  return refused;
}"""
CHARGE = """async ([{ card, cents, key }]) => {
  const { ask } = await import("/static/till-api.js");
  return (await ask("POST", "/api/v1/charges", { key, body: { card, amount_cents: cents, pin: null } })).status;
}"""


def code_of(card: IssuedCard) -> str:
    return card_url(host=HOST, token=card.token)


def device_at(browser: Browser, moment: datetime.datetime) -> BrowserContext:
    """Return a device whose clock stands at a moment."""
    device = context_of(browser)
    device.clock.set_fixed_time(moment)
    return device


def states(market: Market) -> tuple[int, int, int]:
    """Return how many offline charges the service holds, how many of them paid, and the cents of these."""
    with market.engine.connect() as db:
        query = "SELECT count(*), count(entry_id), sum(CASE WHEN entry_id IS NULL THEN 0 ELSE amount_cents END)"
        return tuple(db.execute(text(f"{query} FROM offline_charges")).one())


def lose_answers(till: Page, times: int) -> list[str]:
    """Let the first offline charges arrive while their answers are lost: the till sends them again."""
    cuts: list[str] = []

    def cut(route: Route) -> None:
        route.fetch()
        cuts.append(route.request.headers["idempotency-key"])
        route.abort("connectionreset")

    till.route("**/api/v1/offline-charges", cut, times=times)
    return cuts


def test_fifty_charges_offline_five_of_them_twice_three_guaranteed_and_one_beyond_are_right_to_the_cent(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    cards = [issue(market.world, market.keyring, reference=f"J-{number}") for number in range(CARDS)]
    payments = [
        {"card": code_of(cards[number % CARDS]), "cents": 501 + number, "key": f"day{number:02}aaaaaaaaaaaaaaa"}
        for number in range(CARDS * CHARGES_PER_CARD)
    ]
    short, paid = payments[-SHORT:], payments[: GUARANTEED - SHORT]
    guaranteed(market.engine, GUARANTEED)
    for card in cards:
        # The last cards of the day have one cent too little for their last payment.
        all_of_it = sum(each["cents"] for each in payments if each["card"] == code_of(card))
        market.world.issue(card.wallet_id, all_of_it - (code_of(card) in {each["card"] for each in short}))
    device = device_at(open_browser(), NOW)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    for each in payments[:DOUBLED]:
        assert till.evaluate(CHARGE, [each]) == 201

    device.set_offline(True)
    till.goto(f"{address}/caisse")
    assert till.evaluate(TAKE, [payments]) == []
    waiting = till.locator("#till-offline")
    expect(waiting).to_contain_text("50 encaissements hors connexion (262,75 €) à envoyer")
    look(till, "offline-fifty")
    cuts = lose_answers(till, DOUBLED)
    device.set_offline(False)
    for _ in range(DOUBLED):
        till.evaluate("dispatchEvent(new Event('online'))")
    expect(waiting).not_to_contain_text("à envoyer", timeout=120_000)
    expect(waiting.get_by_role("listitem")).to_have_count(SHORT)
    expect(waiting.get_by_text("payé, dont 0,01 € par la garantie du dispositif")).to_have_count(GUARANTEED)
    expect(waiting).to_contain_text("non payé. La carte n’a plus assez")
    look(till, "offline-short")

    cents = sum(int(each["cents"]) for each in paid)
    assert len(cuts) == DOUBLED
    assert states(market) == (len(payments), len(paid), cents)
    assert market.owed() == cents
    left = sum(market.cents(market.world.purse(card.wallet_id)) for card in cards)
    assert left == int(short[-1]["cents"]) - 1
    assert guarantee_cents(market.engine) == 0
    for left_count in reversed(range(SHORT)):
        waiting.get_by_role("button", name="Compris").first.click()
        # The line goes once the device's own store has let it go: a second click would meet the same one.
        expect(waiting.get_by_role("listitem")).to_have_count(left_count)
    expect(waiting).to_be_hidden()
    with reading(market.engine) as db:
        assert verify(db, territory_id=1, public_key_pem=market.keyring.public_key_pem).ok


@pytest.mark.parametrize("hours", [1, -1])
def test_a_device_whose_clock_is_an_hour_wrong_takes_payments_with_and_without_network(
    hours: int, open_browser: Callable[..., Browser], market: Market, address: str
):
    device = device_at(open_browser(), NOW + datetime.timedelta(hours=hours))
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    assert (
        till.evaluate(CHARGE, [{"card": code_of(market.card), "cents": 1_000, "key": "online-with-a-wrong-clock"}])
        == 201
    )
    device.set_offline(True)
    assert till.evaluate(TAKE, [[{"card": code_of(market.card), "cents": 500}]]) == []
    device.set_offline(False)
    expect(till.locator("#till-offline")).to_be_hidden(timeout=30_000)
    assert states(market) == (1, 1, 500)
    assert market.owed() == 1_500
