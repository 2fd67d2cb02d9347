"""A telephone whose keyboard is open: the question, the PIN and the button that takes the amount are seen together."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from monnaie_locale.programmes.model import PinRule
from tests.factories.market import HOST, Market
from tests.factories.till_page import look, paired_page
from tests.factories.vandal import run
from wallets.codes.card_token import card_url

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

# What a numeric keyboard leaves of 360 x 640.
ABOVE_THE_KEYBOARD = {"width": 360, "height": 340}


@pytest.mark.parametrize("how", ["scanned", "typed"])
def test_the_pin_and_its_button_stay_above_the_keyboard(
    how: str, open_browser: Callable[..., Browser], market: Market, address: str
):
    run(market.engine, f"UPDATE programmes SET pin_rule = '{PinRule.ALWAYS}' WHERE id = 1")
    till = paired_page(open_browser(), address, market, viewport={"width": 360, "height": 640})
    pay, pin = till.locator("#till-pay"), till.get_by_label("Code secret du porteur")
    till.get_by_label("Montant à payer").fill("12,00")
    expect(pay).to_be_hidden()
    if how == "scanned":
        till.keyboard.type(card_url(host=HOST, token=market.card.token))
        till.keyboard.press("Enter")
        expect(till.get_by_role("alert")).to_be_in_viewport(ratio=1)
    else:
        till.get_by_label("Carte", exact=True).fill(market.card.number)
    for part in (pin, pay):
        expect(part).to_be_in_viewport(ratio=1)
    pin.focus()
    till.set_viewport_size(ABOVE_THE_KEYBOARD)
    for part in (pin, pay):
        expect(part).to_be_in_viewport(ratio=1)
    # A wrong PIN: the answer is seen where the holder looks.
    pin.fill("0918" if market.card.pin != "0918" else "0819")
    till.keyboard.press("Enter")
    expect(till.get_by_role("alert")).to_contain_text("Carte ou code secret refusé")
    for part in (till.get_by_role("alert"), pin, pay):
        expect(part).to_be_in_viewport(ratio=1)
    look(till, f"till-pin-{how}")
    pin.fill(market.card.pin)
    pay.click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 1_200
