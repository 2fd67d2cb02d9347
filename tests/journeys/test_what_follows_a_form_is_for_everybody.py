"""What follows a form, for everybody: confirmations, refusals that show the form again, the till while it asks.

Each form that the walk through the town meets is sent as it stands, so a new one is judged without being named here.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.factories.barriers import faults_of
from tests.factories.sent_forms import send_forms, show
from tests.factories.site import served
from tests.factories.whole_town import Town, Visitor, open_town, pages_of, visitors

pytestmark = pytest.mark.browser
Faults = dict[str, list[str]]


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    opened = open_town(tmp_path_factory.mktemp("town"))
    with served(opened.app) as address:
        opened.address = address
        yield opened
    opened.rt.stop()


def test_nothing_stands_in_the_way_after_a_form(open_browser: Callable[..., Browser], town: Town):
    faults: Faults = {}
    statuses: set[int] = set()
    done: set[str] = set()
    # The staff comes last: its forms unpair tills and block cards.
    for visitor in visitors(town, open_browser()):
        page = visitor.context.new_page()
        if visitor.name == "till":
            faults |= at_the_till(page, town)
        faults |= after_each_form(page, visitor, town, done, statuses)
    assert {name: found for name, found in faults.items() if found} == {}
    assert {200, 422} <= statuses
    assert len(faults) > 30, sorted(faults)


def after_each_form(page: Page, visitor: Visitor, town: Town, done: set[str], statuses: set[int]) -> Faults:
    faults: Faults = {}
    for path in pages_of(town, visitor).values():
        page.goto(town.address + path)
        for sent in send_forms(town, page, visitor.context, done):
            show(town, page, sent)
            statuses.add(sent.status)
            faults[f"{sent.endpoint} {sent.status}"] = faults_of(page, f"form-{visitor.name}-{sent.endpoint}")
    return faults


def at_the_till(page: Page, town: Town) -> Faults:
    """Return the faults of what the till shows with its script: refused, asking for the PIN, paid, the receipt."""
    faults: Faults = {}

    def judged(name: str) -> None:
        faults[name] = faults_of(page, f"till-{name}")

    def typed(amount: str, *, pin: str = "") -> None:
        page.goto(f"{town.address}/caisse")
        page.locator("#field-amount").fill(amount)
        page.locator("#field-card").fill(town.card_number)
        page.locator("#field-pin").fill(pin)
        page.locator("#till-pay").click()

    alert = page.locator("main [role=alert]").first
    typed("1,20", pin="0007")
    expect(alert).to_be_visible()
    judged("wrong-pin")
    typed("1,20")
    expect(alert).to_contain_text("code")
    judged("asks-for-the-pin")
    typed("999,00", pin=town.pin)
    expect(page.locator("#till-left")).to_contain_text("Disponible ici")
    judged("short-purse")
    typed("1,20", pin=town.pin)
    expect(page.get_by_role("heading", name="Payé")).to_be_visible()
    judged("paid")
    page.get_by_role("link", name="Reçu").click()
    expect(page.get_by_role("heading", name="Reçu")).to_be_visible()
    judged("receipt")
    page.goto(f"{town.address}/caisse/journee")
    page.get_by_role("link", name="Rembourser").first.click()
    page.locator("#field-amount").fill("999")
    page.locator("main [type=submit]").first.click()
    expect(alert).to_be_visible()
    judged("refund-refused")
    return faults
