"""A refused offline charge at the till: the person comes back and pays once, whatever is lost; or it is filed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from merchants.offline.charges import refused_offline
from monnaie_locale.database.transaction import reading
from tests.factories.guarantee import code_of, device_of, send
from tests.factories.market import Market
from tests.factories.till_page import look, paired_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]
CENTS = (1_500, 1_600, 1_700)


def refuse(market: Market) -> None:
    """Send what a till took of a card that has nothing left."""
    market.charge(10_000, pin=market.card.pin)
    device = device_of(market)
    for cents in CENTS:
        assert send(market, device.sign(code_of(market.card), cents, at=market.now)).refusal_code


def scan(till: Page, market: Market) -> None:
    till.wait_for_load_state()  # the script is there
    till.keyboard.type(code_of(market.card))
    till.keyboard.press("Enter")
    expect(till.get_by_label("Carte", exact=True)).to_have_value(code_of(market.card))


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the telephone."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_refused_charge_is_presented_again_and_another_is_filed(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    refuse(market)
    till = paired_page(open_browser(), address, market)
    till.goto(f"{address}/caisse/journee")
    choices = till.get_by_role("link", name="Régler ou classer")
    expect(choices).to_have_count(len(CENTS))
    assert fits(till)
    look(till, "refused-list")
    till.get_by_role("link", name="Régler ou classer 15,00").click()
    expect(till.get_by_role("heading", name="La personne est là")).to_be_visible()
    again = till.get_by_role("button", name="Présenter à nouveau 15,00 €")

    # Still nothing on the card: refused, and it stays to be settled.
    scan(till, market)
    again.click()
    expect(till.get_by_role("alert")).to_contain_text("Solde insuffisant")
    assert fits(till)
    look(till, "refused-again")

    # The card has funds again; the answer is lost, and the till finds out by itself.
    market.world.issue(market.card.wallet_id, 5_000)
    sent: list[str] = []

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        sent.append(route.request.headers["idempotency-key"])
        route.abort("connectionreset")

    till.route("**/api/v1/offline-charges/refused/*/charges", lose_the_answer, times=1)
    again.click()
    expect(till.get_by_role("heading", name="Payé", exact=True)).to_be_visible(timeout=20_000)
    assert (len(sent), market.owed()) == (1, 10_000 + 1_500)
    till.go_back()
    till.go_back()

    # Another one is filed: asked for twice, by an open summary and a button.
    till.goto(f"{address}/caisse/journee")
    expect(choices).to_have_count(len(CENTS) - 1)
    till.get_by_role("link", name="Régler ou classer 16,00").click()
    filing = till.get_by_role("button", name="Classer sans paiement")
    expect(filing).to_be_hidden()
    till.get_by_text("Elle ne paiera pas").click()
    look(till, "refused-filing")
    filing.click()
    expect(choices).to_have_count(1)
    with reading(market.engine) as db:
        found = refused_offline(db, territory_id=1, merchant_id=market.merchant.id)
    ends = {each.amount_cents: (each.is_open, each.paid_entry_id is not None) for each in found}
    assert ends == {1_500: (False, True), 1_600: (False, False), 1_700: (True, False)}
