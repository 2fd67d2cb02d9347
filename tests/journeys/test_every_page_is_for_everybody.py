"""Every page, for everybody: axe-core finds nothing grave, 320 px are enough, and without script it says what it can.

The pages are found by following links from what each person opens first, in a town that has lived a month; a route
that nobody reached fails the test, so a new page is covered or named.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from merchants.holders.payment_requests import REQUEST_PATH
from tests.factories.barriers import faults_of
from tests.factories.site import served
from tests.factories.till_page import PHONE, look
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
RIGHT_EDGES = "found => found.map((each) => each.getBoundingClientRect().right)"
# What is written beside the cells, as it is drawn.
LABELS = """found => found.map((each) => getComputedStyle(each, "::before").content.split('"')[1])"""


class TableRow(NamedTuple):
    """A row of a table of the back office, the button in it, and some of its columns."""

    path: str
    selector: str
    button: str
    columns: set[str]


BANK_LINE = TableRow("/bureau/banque/4", "#ligne-1-1", "Classer cette ligne", {"Ligne", "Montant", "Écriture"})
CHART_LINE = TableRow(
    "/bureau/plan-de-comptes", "tr:has-text('467100')", "Confirmer 467100", {"Compte", "Libellé", "Confirmation"}
)
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


@pytest.mark.parametrize("row", [BANK_LINE, CHART_LINE])
def test_on_a_telephone_the_whole_row_of_a_table_is_seen(
    open_browser: Callable[..., Browser], town: Town, row: TableRow
):
    page = open_browser().new_context(viewport=PHONE, locale="fr-FR").new_page()  # type: ignore[arg-type]
    page.goto(town.address + town.sign_in_path())
    with page.expect_navigation():
        page.locator("main button[type=submit]").click()
    page.goto(town.address + row.path)
    look(page, "telephone")
    seen = page.get_by_role("row").and_(page.locator(row.selector)).first  # to a screen reader it is a row still
    right = seen.locator("td, .button").evaluate_all(RIGHT_EDGES)
    expect(seen.get_by_text(row.button, exact=True)).to_be_visible()
    assert max(right) <= PHONE["width"]
    assert row.columns <= set(seen.locator("[data-label]").evaluate_all(LABELS))
    assert row.columns <= set(page.get_by_role("columnheader").all_inner_texts())
    # As it was, in columns: the same measure sees that the last of them are out.
    page.evaluate("document.body.className = 'plain'")
    assert max(seen.locator("td, .button").evaluate_all(RIGHT_EDGES)) > PHONE["width"]


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
