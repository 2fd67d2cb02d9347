"""A receipt is shown after a payment, kept by its link, and leads back to the refund."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.factories.market import Market
from tests.factories.till_page import OFFICE, context_of, look, paired_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]


def test_the_receipt_of_a_payment_is_scanned_for_its_refund(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    browser = open_browser()
    till = paired_page(browser, address, market)
    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_label("Carte", exact=True).fill(market.card.number)
    till.get_by_label("Code secret du porteur").fill(market.card.pin)
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    till.get_by_role("link", name="Reçu").click()
    expect(till.get_by_role("img", name="Code du reçu")).to_be_visible()
    expect(till.get_by_role("button", name="Imprimer")).to_be_visible()
    look(till, "receipt")
    link = till.get_by_role("link", name="HTTPS://").get_attribute("href") or ""

    holder = context_of(browser).new_page()
    holder.goto(address + link[link.index("/R/") :])
    expect(holder.locator("main")).to_contain_text("12,50")
    look(holder, "receipt-public")

    till.get_by_role("link", name="Liste du jour").click()
    look(till, "list-links")
    till.get_by_role("link", name="Rembourser un reçu").click()
    expect(till.get_by_role("button", name="Scanner le reçu")).to_be_visible()
    look(till, "receipt-find")
    till.get_by_label("Reçu", exact=True).fill(link)
    till.get_by_role("button", name="Continuer").click()
    expect(till.get_by_label("Montant à rembourser")).to_have_value("12,50")
    till.get_by_role("button", name="Rembourser").click()
    expect(till.get_by_role("heading", name="Remboursé")).to_be_visible()
    assert market.owed() == 0
    till.set_viewport_size(OFFICE)
    look(till, "receipt-refund")
