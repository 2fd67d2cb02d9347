"""A shop with cashiers: the till asks who holds it, says so, also without network; a phone's code that is of no use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from merchants.shops.cashiers import add_cashier
from monnaie_locale.database.transaction import transact
from tests.factories.market import HOST, Market
from tests.factories.merchants import MANAGER, MINUTE, NOW
from tests.factories.phones import bound_phone
from tests.factories.till_page import NARROW, context_of, kept_on_device, look, paired_page
from wallets.codes.card_token import card_url

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]
CODE = "4821"


def scan(page: Page, code: str, euros: str) -> None:
    """Type an amount and scan a code with a USB scanner."""
    page.get_by_label("Montant à payer").fill(euros)
    expect(page.locator("#till-pay")).to_be_hidden()
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def stamps(market: Market) -> list[int]:
    with market.engine.connect() as db:
        return list(db.scalars(text("SELECT cashier_id FROM charge_cashiers ORDER BY entry_id")))


def test_the_till_asks_who_holds_it_and_signs_for_them_also_without_network(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    device = context_of(open_browser(), NARROW)
    device.clock.set_fixed_time(NOW)
    till = paired_page(device.browser, address, market, context=device)
    expect(till.locator("#till-shift")).to_be_hidden()  # a shop without cashiers sees nothing
    kept_on_device(till)
    who = {"territory_id": 1, "merchant_id": 1, "keyring": market.keyring, "actor": MANAGER, "now": NOW}
    transact(market.engine, add_cashier, name="Léa", code=CODE, **who)

    # The page that the device keeps knows nothing of it: the service says so, a few minutes later.
    device.clock.set_fixed_time(NOW + 3 * MINUTE)
    till.goto(f"{address}/caisse")
    expect(till.get_by_role("heading", name="Qui tient la caisse ?")).to_be_visible()
    look(till, "cashier-asked")
    till.get_by_label("Prénom").select_option("Léa")
    till.get_by_label("Code à quatre chiffres").fill("7390")
    till.get_by_role("button", name="Tenir la caisse").click()
    expect(till.get_by_role("alert")).to_contain_text("pas le code")
    look(till, "cashier-wrong")
    till.get_by_label("Code à quatre chiffres").fill(CODE)
    till.get_by_role("button", name="Tenir la caisse").click()
    shift = till.locator("#till-shift")
    expect(shift).to_contain_text("Caisse tenue par Léa")
    scan(till, card_url(host=HOST, token=market.card.token), "5,00")
    till.get_by_role("button", name="Encaisser 5,00").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    till.goto(f"{address}/caisse/journee")
    expect(till.locator("tbody")).to_contain_text("Léa")
    look(till, "cashier-day")

    till.goto(f"{address}/caisse")
    expect(shift).to_contain_text("Léa")
    look(till, "cashier-till")
    device.set_offline(True)
    till.goto(f"{address}/caisse")
    expect(shift).to_contain_text("Léa")
    shift.get_by_role("link", name="Changer").click()
    expect(shift).to_contain_text("Sans réseau, la caisse reste à cette personne.")
    scan(till, card_url(host=HOST, token=market.card.token), "7,00")
    till.get_by_role("button", name="Encaisser 7,00").click()
    till.get_by_role("button", name="hors connexion").click()
    expect(till.get_by_role("heading", name="Pris hors connexion")).to_be_visible()
    # Meanwhile the service forgets who holds it: the payment carries the number itself.
    with market.engine.begin() as db:
        db.execute(text("DELETE FROM till_shifts"))
    device.set_offline(False)
    expect(till.locator("#till-offline")).to_be_hidden(timeout=30_000)
    assert (market.owed(), stamps(market)) == (1_200, [1, 1])


def test_a_phone_s_code_is_refused_at_once_without_network_and_asked_anew_when_it_is_spent(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    device = context_of(open_browser("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"))
    device.clock.set_fixed_time(NOW)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    phone = bound_phone(market.engine, market.card.card_id)

    scan(till, phone.code(NOW - 10 * MINUTE), "5,00")
    expect(till.get_by_role("alert")).to_contain_text("Demandez au porteur d’afficher un nouveau code.")
    expect(till.locator(".scanner")).not_to_have_attribute("data-state", "idle")
    look(till, "phone-code-spent")

    device.set_offline(True)
    till.goto(f"{address}/caisse")
    scan(till, phone.code(), "5,00")
    expect(till.get_by_role("alert")).to_contain_text("Hors connexion, seule la carte est acceptée.")
    expect(till.locator("#till-pay")).to_be_hidden()
    look(till, "phone-offline")
    # The card itself is taken.
    scan(till, card_url(host=HOST, token=market.card.token), "5,00")
    till.get_by_role("button", name="Encaisser 5,00").click()
    expect(till.get_by_role("button", name="hors connexion")).to_be_visible()
