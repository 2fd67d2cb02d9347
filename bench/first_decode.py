"""How long a printed card is before the till's camera until it is read, and with the processor slowed down six times.

`.venv/bin/python -m bench.first_decode` prints medians: from the press of the button (the camera opens, the decoder is
compiled), and from the first picture. Chromium's fake camera plays a film of the card as `cards.pdf` prints it.
"""

import os
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from monnaie_locale.app import create_app
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.factories import camera, films
from tests.factories.market import Market, market_at
from tests.factories.site import build_site, served
from tests.factories.till_page import kept_on_device, paired_page

RUNS = 7
SLOWDOWNS = (1, 6)
PIXELS_PER_MM = 7
TIME_IT = """() => new Promise((done) => {
  const scanner = document.querySelector(".scanner"), at = { pressed: performance.now() };
  new MutationObserver(() => {
    at[scanner.dataset.state] ??= performance.now();
    if (at.read) done([at.read - at.pressed, at.read - at.reading]);
  }).observe(scanner, { attributes: true, attributeFilter: ["data-state"] });
  scanner.querySelector(".scanner-start").click();
})"""


def measured(browser: Browser, address: str, market: Market) -> None:
    """Print the medians of one browser at each slowdown."""
    page = paired_page(browser, address, market)
    kept_on_device(page)
    processor = page.context.new_cdp_session(page)
    for slowdown in SLOWDOWNS:
        runs = []
        for _ in range(RUNS):
            page.goto(f"{address}/caisse")
            page.locator(".scanner-start").wait_for()
            processor.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
            runs.append(page.evaluate(TIME_IT))
            processor.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        pressed, shown = (statistics.median(each) for each in zip(*runs, strict=True))
        print(
            f"processor ÷ {slowdown}: {pressed:.0f} ms from the press, {shown:.0f} ms from the first picture, ", end=""
        )
        print(f"slowest {max(run[1] for run in runs):.0f} ms; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Serve a market day, open its till, and measure."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        engine = open_engine(f"sqlite:///{folder}/books.db")
        upgrade(engine)
        site = build_site(engine)
        site.app = create_app(site.rt)
        market = market_at(site)
        film = films.write_film(
            Path(folder) / "card.mjpeg", films.held(films.printed_card(market, pixels_per_mm=PIXELS_PER_MM))
        )
        flags = [*CHROMIUM_FLAGS, *camera.flags(film)]
        with (
            served(site.app) as address,
            driver.chromium.launch(executable_path=str(CHROMIUM), chromium_sandbox=False, args=flags) as browser,
        ):
            measured(browser, address, market)
        site.rt.stop()
        engine.dispose()


if __name__ == "__main__":
    main()
