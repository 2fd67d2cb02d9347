"""A shop whose network is slow: the cashier types before the page's script has come."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.factories.market import Market
from tests.factories.till_page import context_of, paired_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]


def test_who_types_before_the_script_has_come_types_on(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    browser = open_browser()
    context = context_of(browser)
    context.route("**/static/till.js*", hold)
    till = paired_page(browser, address, market, context=context)
    amount, pin = till.get_by_label("Montant à payer"), till.get_by_label("Code secret du porteur")
    amount.fill("12,50")
    till.get_by_label("Carte", exact=True).fill(market.card.number)
    pin.press_sequentially(market.card.pin[:2])
    expect(till.get_by_role("button", name="Encaisser", exact=True)).to_be_visible()  # the script has not come

    while not held:
        till.wait_for_timeout(20)
    held.pop().continue_()
    pay = till.get_by_role("button", name="Encaisser 12,50 €")
    expect(pay).to_be_visible()
    expect(pin).to_be_focused()
    till.keyboard.type(market.card.pin[2:])
    expect(amount).to_have_value("12,50")
    pay.click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 1_250


def test_the_amount_waits_for_who_has_not_begun(open_browser: Callable[..., Browser], market: Market, address: str):
    till = paired_page(open_browser(), address, market)
    expect(till.get_by_label("Montant à payer")).to_be_focused()
