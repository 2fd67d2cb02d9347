"""A market day without network: what was taken is kept, sent once when it is back, and a refusal is read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import text

from merchants.offline.charges import refused_offline
from monnaie_locale.database.transaction import reading
from tests.factories.market import HOST, Market
from tests.factories.merchants import NOW, paired
from tests.factories.till_page import context_of, kept_on_device, look, paired_page
from wallets.codes.card_token import card_url

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

# The list is drawn again, as it is every fifteen seconds; over when what it shows has been read once more after it.
DRAW_AGAIN = """async () => {
  const { alone } = await import("/static/till-api.js");
  const { recallAll } = await import("/static/till-memory.js");
  dispatchEvent(new Event("online"));
  await alone("offline-sync", () => {});
  await recallAll("offline");
}"""


def take(page: Page, market: Market, euros: str) -> None:
    """Type an amount, scan the card with a USB scanner, press the button, and meet the silence of the network."""
    page.get_by_label("Montant à payer").fill(euros)
    expect(page.locator("#till-pay")).to_be_hidden()
    page.keyboard.type(card_url(host=HOST, token=market.card.token))
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Encaisser {euros}").click()
    expect(page.locator("#till-outcome")).to_contain_text("vérification en cours")


def signed_numbers(market: Market) -> list[int]:
    with market.engine.connect() as db:
        return list(db.scalars(text("SELECT sequence FROM offline_charges ORDER BY sequence")))


def test_an_offline_day_is_bounded_kept_sent_once_and_its_refusals_are_read(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    device = context_of(open_browser())
    device.clock.set_fixed_time(NOW)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    device.set_offline(True)

    for _ in range(2):
        take(till, market, "15,00")
        till.get_by_role("button", name="hors connexion").click()
        expect(till.get_by_role("heading", name="Pris hors connexion")).to_be_visible()
        look(till, "offline-taken")
        # The page is opened again from what the device keeps.
        till.goto(f"{address}/caisse")
    waiting = till.locator("#till-offline")
    expect(waiting).to_contain_text("2 encaissements hors connexion (30,00 €) à envoyer, le plus ancien depuis")
    look(till, "offline-waiting")
    for euros, limit in (
        ("20,01", "20,00 € au plus par encaissement"),
        ("15,00", "40,00 € au plus par carte et par jour"),
    ):
        take(till, market, euros)
        expect(till.locator("#till-outcome")).to_contain_text(limit)
        till.goto(f"{address}/caisse")
    assert market.owed() == 0

    # Meanwhile the purse is spent elsewhere: it has enough for the first only.
    elsewhere = paired(market.world, market.merchant, label="Ailleurs")
    market.charge(8_000, key="elsewhere", till=elsewhere, pin=market.card.pin)
    cuts: list[int] = []

    def cut_first_answer(route: Route) -> None:
        route.fetch()
        cuts.append(1)
        route.abort("connectionreset")

    till.route("**/api/v1/offline-charges", cut_first_answer, times=1)
    device.set_offline(False)
    expect(waiting).to_contain_text("15,00 € pris hors connexion", timeout=30_000)
    expect(waiting).to_contain_text("non payé. La carte n’a plus assez")
    expect(waiting).not_to_contain_text("à envoyer")
    look(till, "offline-refused")
    assert (len(cuts), market.owed(), signed_numbers(market)) == (1, 8_000 + 1_500, [1, 2])

    till.reload()
    expect(waiting).to_contain_text("non payé")  # it does not go away by itself
    # Whoever reads it by keyboard stays on its button while the list is drawn again.
    read = till.get_by_role("button", name="Compris")
    read.focus()
    till.evaluate(DRAW_AGAIN)
    expect(read).to_be_focused()
    till.keyboard.press("Enter")
    expect(waiting).to_be_hidden()
    with reading(market.engine) as db:
        (kept,) = refused_offline(db, territory_id=1, merchant_id=market.merchant.id)
    assert (kept.amount_cents, kept.acknowledged_at_ms is not None) == (1_500, True)


def test_a_payment_that_had_arrived_is_not_taken_twice_by_its_offline_twin(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    device = context_of(open_browser())
    device.clock.set_fixed_time(NOW)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)

    def answer_lost_then_no_network(route: Route) -> None:
        route.fetch()
        device.set_offline(True)
        route.abort("connectionreset")

    till.route("**/api/v1/charges", answer_lost_then_no_network)
    take(till, market, "15,00")
    till.get_by_role("button", name="hors connexion").click()
    expect(till.get_by_role("heading", name="Pris hors connexion")).to_be_visible()
    assert market.owed() == 1_500
    device.set_offline(False)
    expect(till.locator("#till-offline")).to_be_hidden(timeout=30_000)
    assert (market.owed(), signed_numbers(market)) == (1_500, [1])
