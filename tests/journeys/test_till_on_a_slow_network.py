"""A shop whose network is slow: people type before the till's script has come, and answers come when it is too late."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from monnaie_locale.programmes.model import PinRule
from tests.factories.held import Held
from tests.factories.ledger import World
from tests.factories.market import HOST, Market, issue, market_at
from tests.factories.merchants import NOW
from tests.factories.phones import bound_phone
from tests.factories.site import Site
from tests.factories.till_page import context_of, kept_on_device, paired_page
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]
REMAINING, CHARGES = "**/api/v1/cards/remaining", "**/api/v1/charges"


def scan(till: Page, code: str) -> None:
    """Scan with a USB scanner, which types."""
    till.keyboard.type(code)
    till.keyboard.press("Enter")


def code_of(card: IssuedCard) -> str:
    return card_url(host=HOST, token=card.token)


def slow_till(browser: Browser, address: str, market: Market) -> tuple[Page, Held]:
    """Return a till whose script is on its way."""
    held = Held()
    context = context_of(browser)
    context.route("**/static/till.js*", held)
    return paired_page(browser, address, market, context=context), held


def test_who_types_before_the_script_has_come_types_on(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till, script = slow_till(open_browser(), address, market)
    amount, pin = till.get_by_label("Montant à payer"), till.get_by_label("Code secret du porteur")
    amount.fill("12,50")
    pin.press_sequentially(market.card.pin[:2])  # before any card
    script.one(till).continue_()
    expect(till.locator("#till-pay")).to_be_hidden()  # the script has come
    expect(pin).to_be_focused()
    till.keyboard.type(market.card.pin[2:])
    expect(amount).to_have_value("12,50")
    till.get_by_label("Carte", exact=True).fill(market.card.number)
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 1_250


def test_the_amount_waits_for_who_has_not_begun(open_browser: Callable[..., Browser], market: Market, address: str):
    till = paired_page(open_browser(), address, market)
    expect(till.get_by_label("Montant à payer")).to_be_focused()


@pytest.fixture
def strict(town: Site) -> Market:
    """Give a market whose cards always ask for their PIN."""
    return market_at(town, pin_rule=PinRule.ALWAYS)


def test_what_is_said_of_a_card_late_does_not_take_the_amount_from_under_the_fingers(
    open_browser: Callable[..., Browser], strict: Market, address: str
):
    till = paired_page(open_browser(), address, strict)
    amount, pin = till.get_by_label("Montant à payer"), till.get_by_label("Code secret du porteur")
    expect(amount).to_be_focused()
    answers = Held()
    till.route(REMAINING, answers)
    scan(till, code_of(strict.card))
    till.keyboard.type("12")
    answers.one(till).continue_()
    expect(till.get_by_role("alert")).to_contain_text("code secret")
    till.keyboard.type(",50")
    expect(amount).to_have_value("12,50")
    # The PIN of the card before is not the next card's.
    pin.fill(strict.card.pin)
    scan(till, code_of(issue(World(strict.engine), strict.keyring, reference="M-002")))
    expect(pin).to_have_value("")
    # The camera reads while somebody types the amount.
    amount.fill("1")
    till.evaluate("text => document.querySelector('.scanner').scanner.judge([text])", code_of(strict.card))
    till.keyboard.type("3")
    expect(amount).to_have_value("13")


def test_nothing_said_of_a_card_takes_away_that_it_has_paid(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    answers = Held()
    till.route(REMAINING, answers)
    till.get_by_label("Montant à payer").fill("12,50")
    expect(till.locator("#till-pay")).to_be_hidden()
    scan(till, bound_phone(market.engine, market.card.card_id).code(NOW))
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    paid = till.get_by_role("heading", name="Payé")
    expect(paid).to_be_visible()
    with till.expect_event("requestfailed", lambda request: "remaining" in request.url):
        answers.one(till).abort()
    scan(till, code_of(market.card))  # the next customer's, too early: this page is at its end
    till.wait_for_timeout(100)
    expect(paid).to_be_visible()
    assert not answers.routes


def test_while_a_card_pays_nothing_of_the_next_customer_gets_in(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    amount, pay = till.get_by_label("Montant à payer"), till.locator("#till-pay")
    payments = Held()
    till.route(CHARGES, payments)
    amount.fill("60")
    expect(pay).to_be_hidden()
    scan(till, code_of(market.card))
    pay.click()
    first = payments.one(till)
    till.keyboard.type("9")
    scan(till, code_of(issue(World(market.engine), market.keyring, reference="M-002")))
    expect(amount).to_be_disabled()
    expect(till.get_by_role("button", name="Montrer un QR")).to_be_disabled()
    first.continue_()
    pin = till.get_by_label("Code secret du porteur")
    expect(pin).to_be_focused()  # asked for the first card
    till.keyboard.type(market.card.pin)
    till.keyboard.press("Enter")
    payments.one(till).continue_()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    expect(till.locator(".till-rest")).to_be_hidden()
    assert market.owed() == 6_000


def test_a_double_tap_takes_one_payment_offline(open_browser: Callable[..., Browser], market: Market, address: str):
    device = context_of(open_browser())
    device.clock.set_fixed_time(NOW)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    device.set_offline(True)
    till.get_by_label("Montant à payer").fill("15,00")
    expect(till.locator("#till-pay")).to_be_hidden()
    scan(till, code_of(market.card))
    till.get_by_role("button", name="Encaisser 15,00").click()
    till.get_by_role("button", name="hors connexion").dblclick()
    expect(till.get_by_role("heading", name="Pris hors connexion")).to_be_visible()
    device.set_offline(False)
    expect(till.locator("#till-offline")).to_be_hidden(timeout=30_000)
    with market.engine.connect() as db:
        assert list(db.scalars(text("SELECT sequence FROM offline_charges"))) == [1]
    assert market.owed() == 1_500
