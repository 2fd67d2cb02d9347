"""Every page, for everybody: axe-core finds nothing grave, 320 px are enough, and without script it says what it can.

The pages are found by following links from what each person opens first, in a town that has lived a month; a route
that nobody reached fails the test, so a new page is covered or named.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.factories.barriers import barriers, sideways
from tests.factories.site import served
from tests.factories.till_page import NARROW, OFFICE, look
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
NEEDS_SCRIPT = {
    "pocket.screen": ("JavaScript",),
    "phones.index": ("JavaScript",),
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    opened = open_town(tmp_path_factory.mktemp("town"))
    with served(opened.app) as address:
        opened.address = address
        yield opened
    opened.rt.stop()


def faults_of(page: Page, name: str) -> list[str]:
    """Look at a page as people do: on a desk, by night, and at 320 px, which is also a desk enlarged to 400 %."""
    page.set_viewport_size(OFFICE)
    found = barriers(page)
    look(page, name)
    page.set_viewport_size(NARROW)
    found += [f"wider than 320 px: {each}" for each in sideways(page)]
    look(page, name)
    return found


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
    assert faults_of(page, "page-before") == []
    page.evaluate(
        """() => {
          for (const label of document.querySelectorAll("label")) label.replaceWith(label.textContent);
          Object.assign(document.querySelector("h1").style, { color: "#999", background: "#aaa" });
          document.querySelector("main").style.minWidth = "500px";
        }"""
    )
    found = faults_of(page, "page-spoiled")
    for expected in ("label: <input", "color-contrast: <h1", "in the dark: color-contrast: <h1", "wider than 320 px"):
        assert any(each.startswith(expected) for each in found), (expected, found)


def test_without_script_every_page_says_what_it_can_do(open_browser: Callable[..., Browser], town: Town):
    mute: dict[str, object] = {}
    for visitor in visitors(town, open_browser(), java_script_enabled=False):
        page = visitor.context.new_page()
        for endpoint, path in pages_of(town, visitor).items():
            page.goto(town.address + path)
            said = page.locator("main").inner_text()
            dead = page.evaluate(DEAD)
            if len(said) < 20 or dead:
                mute[f"{visitor.name} {endpoint}"] = (said, dead)
    assert mute == {}
