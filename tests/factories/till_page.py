"""The till's page in a browser: a device that has just been paired, and what its screen looks like."""

import os
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.factories.market import Market
from tests.factories.merchants import pairing

NARROW = {"width": 320, "height": 640}
PHONE = {"width": 360, "height": 740}
OFFICE = {"width": 1280, "height": 800}
# Where to keep what the pages looked like, when somebody wants to see.
SHOTS = os.environ.get("SCREENSHOTS")


def context_of(browser: Browser, viewport: dict[str, int] = PHONE) -> BrowserContext:
    """Return a browser profile of its own."""
    return browser.new_context(viewport=viewport, locale="fr-FR", permissions=["camera"])


def paired_page(
    browser: Browser,
    address: str,
    market: Market,
    *,
    viewport: dict[str, int] = PHONE,
    label: str = "Comptoir",
    context: BrowserContext | None = None,
) -> Page:
    """Return the till of a device that has just been paired; `context` is a device that was paired before."""
    _, code = pairing(market.world, market.merchant, label=label)
    page = (context or context_of(browser, viewport)).new_page()
    page.goto(f"{address}/caisse/appairer/{code}")
    look(page, "pairing")
    page.get_by_role("button", name="Appairer cet appareil").click()
    expect(page.get_by_role("heading", name="Encaisser")).to_be_visible()
    return page


def kept_on_device(page: Page) -> None:
    """Wait until the worker has put everything on the device and answers for the page."""
    page.evaluate(
        """async () => {
            await navigator.serviceWorker.ready;
            while (!navigator.serviceWorker.controller) await new Promise((done) => setTimeout(done, 50));
        }"""
    )


def kept_list(page: Page) -> dict[str, Any]:
    """Wait until the device has the signed list of cards, and return what it keeps."""
    found: dict[str, Any] = page.evaluate(
        """async () => {
            const { recall } = await import("/static/till-memory.js");
            while (!(await recall("signer", "cards"))) await new Promise((done) => setTimeout(done, 50));
            return recall("signer", "cards");
        }"""
    )
    return found


def look(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-{page.viewport_size['width']}.png", full_page=True)
