"""Every page, for everybody: axe-core finds nothing grave, 320 px are enough, and without script it says what it can.

The pages are found by following links from what each person opens first, in a town that has lived a month; a route
that nobody reached fails the test, so a new page is covered or named.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from merchants.payment_requests import REQUEST_PATH
from tests.factories.barriers import faults_of
from tests.factories.site import served
from tests.factories.whole_town import Town, open_town, pages_of, visitors

pytestmark = pytest.mark.browser

# What is visible and cannot be used without script: a button that sends nothing, a field that no button sends.
DEAD = """() => {
  const seen = (each) => each.checkVisibility();
  const sends = (form) => form && [...form.elements].some((each) => each.type === "submit" && seen(each));
  return [...document.querySelectorAll("button, input, select, textarea")]
    .filter((each) => seen(each) && each.type !== "hidden")
    .filter((each) => (each.tagName === "BUTTON" ? each.type !== "submit" || !each.form : !sends(each.form)))
    .map((each) => each.outerHTML.slice(0, 160));
}"""
# The pages that do nothing without script, since the phone's key lives in one: they say so, in each language.
NEEDS_SCRIPT = {"pocket.screen", "phones.index"}
SAYS_SO = {"fr": "Sans lui, utilisez votre carte.", "en": "Without it, use your card."}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    opened = open_town(tmp_path_factory.mktemp("town"))
    with served(opened.app) as address:
        opened.address = address
        yield opened
    opened.rt.stop()


def test_nothing_stands_in_the_way_on_any_page(open_browser: Callable[..., Browser], town: Town):
    faults: dict[str, list[str]] = {}
    for visitor in visitors(town, open_browser()):
        page = visitor.context.new_page()
        for endpoint, path in pages_of(town, visitor).items():
            page.goto(town.address + path)
            faults[f"{visitor.name} {endpoint}"] = faults_of(page, f"page-{visitor.name}-{endpoint}")
    assert {name: found for name, found in faults.items() if found} == {}
    assert len(faults) > 60
    assert town.never_seen() == set()


def test_a_page_spoiled_on_purpose_is_seen(open_browser: Callable[..., Browser], town: Town):
    page = open_browser().new_page()
    page.goto(f"{town.address}/connexion")
    assert (faults_of(page, "page-before"), page.evaluate(DEAD)) == ([], [])
    page.evaluate(
        """() => {
          for (const label of document.querySelectorAll("label")) label.replaceWith(label.textContent);
          Object.assign(document.querySelector("h1").style, { color: "#999", background: "#aaa" });
          document.querySelector("main").style.minWidth = "500px";
          document.querySelector("main button").type = "button";
        }"""
    )
    assert len(page.evaluate(DEAD)) > 1  # the button, and the fields that nothing sends any more
    found = faults_of(page, "page-spoiled")
    for expected in ("label: <input", "color-contrast: <h1", "in the dark: color-contrast: <h1", "wider than 320 px"):
        assert any(each.startswith(expected) for each in found), (expected, found)


def test_without_script_every_page_says_what_it_can_do(open_browser: Callable[..., Browser], town: Town):
    mute: dict[str, object] = {}
    people: dict[str, Page] = {}
    for visitor in visitors(town, open_browser(), java_script_enabled=False):
        page = people[visitor.name] = visitor.context.new_page()
        for endpoint, path in pages_of(town, visitor).items():
            page.goto(town.address + path)
            said, dead = page.locator("main").inner_text(), page.evaluate(DEAD)
            if len(said) < 20 or dead or (endpoint in NEEDS_SCRIPT and SAYS_SO[visitor.name[-2:]] not in said):
                mute[f"{visitor.name} {endpoint}"] = (said, dead)
    assert mute == {}

    # Everybody came in by plain forms already; now a household is enrolled, a holder pays, and the shop gives back.
    staff, holder, till = people["staff"], people["holder-en"], people["till"]
    staff.goto(f"{town.address}/bureau/menages/nouveau")
    staff.get_by_label("Référence du dossier").fill("SANS-SCRIPT-1")
    staff.get_by_role("button", name="Inscrire").click()
    expect(staff.locator("main")).to_contain_text("SANS-SCRIPT-1")
    holder.goto(f"{town.address}{REQUEST_PATH}{town.request_code()}")
    holder.locator("input[name=pin]").fill(town.pin)
    holder.get_by_role("button", name="Pay €8.40").click()
    expect(holder.get_by_role("heading", name="Paid")).to_be_visible()
    till.goto(f"{town.address}/caisse/journee")
    till.get_by_role("link", name="Rembourser").first.click()
    till.get_by_role("button", name="Rembourser").click()
    expect(till.get_by_role("heading", name="Remboursé")).to_be_visible()
