"""A holder's page on a slow network: what was begun with a card is paid by it; a late answer sets no clock back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from merchants.holders.counter_card import issue_counter_card
from merchants.holders.payment_requests import request_payment
from monnaie_locale.database.transaction import transact
from monnaie_locale.runtime import wall_clock
from tests.factories.held import Held
from tests.factories.market import Market, issue
from tests.factories.merchants import MANAGER, chance
from tests.factories.site import Site
from tests.factories.till_page import context_of

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

SLOW_MS = 20_000


@pytest.fixture
def today(town: Site, market: Market) -> None:
    """Let the service's clock be that of the phone: Chromium has its own."""
    town.clock.now = wall_clock()
    market.clock[0] = town.clock.now


def offset_ms(phone: Page) -> int:
    """Return by how much the phone believes its clock to be wrong."""
    return int(phone.evaluate("async () => (await (await import('/static/phone_key.js')).recall()).offsetMs"))


def bound(browser: Browser, address: str, market: Market) -> Page:
    """Return a phone that was bound just now, and on which the card is still open."""
    phone = context_of(browser).new_page()
    phone.goto(f"{address}/W/{market.card.token}")
    phone.get_by_label("Code secret").fill(market.card.pin)
    phone.get_by_role("button", name="Voir mon argent").click()
    phone.goto(f"{address}/porte-monnaie/telephones")
    phone.get_by_label("Code secret").fill(market.card.pin)
    phone.locator("#bind-form button").click()
    expect(phone.locator("#phone-code svg")).to_be_visible()
    return phone


def begun(phone: Page, script: Held, page: str, typed: dict[str, str], pin: str) -> None:
    """Open a page, begin to type before its script has come, and go on when it has."""
    phone.goto(page, wait_until="commit")
    for label, value in typed.items():
        phone.get_by_label(label).fill(value)
    field = phone.locator("input[name=pin]")
    field.press_sequentially(pin[:2])
    script.one(phone).continue_()
    phone.wait_for_load_state()
    offset_ms(phone)  # the script has asked whether this is a phone, too
    expect(field).to_be_focused()
    phone.keyboard.type(pin[2:])
    phone.locator("#shop-form button").click()
    expect(phone.get_by_role("heading", name="Payé")).to_be_visible()


def test_what_is_begun_before_the_script_has_come_is_paid_by_the_card_that_was_begun(
    open_browser: Callable[..., Browser], market: Market, address: str, today: None
):
    phone = bound(open_browser(), address, market)
    script = Held()
    phone.route("**/static/phone_pay.js*", script)
    town = {"territory_id": 1, "now": market.now}
    counter = transact(
        market.engine, issue_counter_card, merchant_id=market.merchant.id, actor=MANAGER,
        random_bytes=chance("counter"), **town,
    )  # fmt: skip
    begun(phone, script, f"{address}/C/{counter}", {"Combien payez-vous": "8,40"}, market.card.pin)
    assert market.purse() == 10_000 - 840

    # The household's other card, typed on the phone that is bound to the first: it is the one that pays.
    other = issue(market.world, market.keyring, reference="M-002")
    market.world.issue(other.wallet_id, 5_000)
    _, code = transact(
        market.engine, request_payment, till=market.till, amount_cents=1_250, random_bytes=chance("request"), **town
    )
    phone.context.clear_cookies()
    begun(phone, script, f"{address}/P/{code}", {"Numéro de votre carte": other.number}, other.pin)
    assert (market.owed(), market.purse()) == (840 + 1_250, 10_000 - 840)


def test_an_answer_that_was_long_on_its_way_does_not_set_the_phone_back(
    open_browser: Callable[..., Browser], market: Market, address: str, today: None
):
    phone = bound(open_browser(), address, market)
    known = offset_ms(phone)
    answers = Held()
    phone.route("**/telephone/etat", answers)
    phone.clock.install()
    phone.reload()
    slow = answers.one(phone)
    phone.clock.fast_forward(SLOW_MS)
    slow.continue_()
    phone.wait_for_function(
        "async known => (await (await import('/static/phone_key.js')).recall()).offsetMs !== known", arg=known
    )
    assert offset_ms(phone) > known - SLOW_MS / 2
