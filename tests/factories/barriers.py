"""What keeps somebody from using a page: the rules of axe-core, and text that runs out of a narrow screen."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.factories.till_page import NARROW, OFFICE, look

STANDS_IN_THE_WAY = ("serious", "critical")
RUNS_OUT = """() => {
  const root = document.documentElement;
  const isWide = (each) => each.getBoundingClientRect().right > root.clientWidth + 1;
  const within = root.scrollWidth > root.clientWidth ? "body *" : ".table-scroll tbody *";
  return [...document.querySelectorAll(within)].filter(isWide).map((each) => each.outerHTML.slice(0, 120));
}"""


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on a page by day, and too pale by night: a sentence for each."""
    page.evaluate(f"() => {{ {AXE_SCRIPT} }}")
    found = _judged(page, {})
    page.emulate_media(color_scheme="dark")
    found += [f"in the dark: {each}" for each in _judged(page, {"runOnly": ["color-contrast"]})]
    page.emulate_media(color_scheme="light")
    return found


def _judged(page: Page, options: dict[str, object]) -> list[str]:
    answer = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], "preload": False, **options})
    grave = [each for each in answer["violations"] if each["impact"] in STANDS_IN_THE_WAY]
    return [f"{each['id']}: {node['html'][:160]}" for each in grave for node in each["nodes"]]


def sideways(page: Page) -> list[str]:
    """Return the elements that make a page, or a table on it, scroll sideways at its width; none when it does not."""
    return list(page.evaluate(RUNS_OUT))


def faults_of(page: Page, name: str) -> list[str]:
    """Look at a page as people do: on a desk, by night, and at 320 px, which is also a desk enlarged to 400 %."""
    page.set_viewport_size(OFFICE)
    found = barriers(page)
    look(page, name)
    page.set_viewport_size(NARROW)
    found += [f"wider than 320 px: {each}" for each in sideways(page)]
    look(page, name)
    return found
