"""Take the pictures of docs/TILL.md and the README: the demonstration's own screens, in a browser as wide as a phone.

    make pictures        (CHROMIUM is the path of another Chromium than /usr/bin/chromium)

They are taken again when a screen changes; somebody looks at each of them before it is committed.
"""

import datetime
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from merchants.holders.counter_card import COUNTER_PATH, find_counter_code
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo.appointments import DEFAULT_MONTH
from monnaie_locale.demo.installation import HOST
from monnaie_locale.demo.invitations import invitations
from monnaie_locale.runtime import Runtime, open_home
from tests.factories.demo import small_demo
from tests.factories.site import served
from wallets.codes.card_token import SCHEME

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images" / "till"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
VIEWPORT = {"width": 360, "height": 740}
README_IMAGE = IMAGES.parent / "caisse.png"
COLOURS, HEIGHT_MAX, MARGIN, GAP = 32, 700, 5, 24
# The service has answered what is left on the card, and the fonts are drawn.
SETTLED_MS = 700
NOW = datetime.datetime(2026, 11, 23, 10, 0, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The served demonstration, and what a person needs to enter it."""

    address: str
    pairing_path: str
    counter_path: str
    card_path: str
    pin: str

    @property
    def card_code(self) -> str:
        """Return what a scanner reads on the household's card."""
        return f"{SCHEME}{HOST.upper()}{self.card_path}"


@contextmanager
def town() -> Iterator[Town]:
    """Live a small demonstration and serve it some weeks later."""
    with tempfile.TemporaryDirectory() as folder:
        demo = small_demo(Path(folder) / "out")
        rt = open_home(demo.home, base_url="http://localhost")
        rt.clock = lambda: NOW
        rows = {row.label: row.value for row in invitations(rt, demo.ended, now=NOW)}
        path = {label: value.removeprefix("http://localhost") for label, value in rows.items()}
        with served(create_app(rt)) as address:
            yield Town(
                address=address,
                pairing_path=path["Caisse à appairer (15 minutes)"],
                counter_path=_counter_path(rt, demo.ended.tills[0].merchant_id),
                card_path=path["Carte d’un ménage"],
                pin=path[""].rpartition(" ")[2],
            )
        rt.stop()


def _counter_path(rt: Runtime, merchant_id: int) -> str:
    with reading(rt.engine) as db:
        code = find_counter_code(db, territory_id=rt.territory_id, merchant_id=merchant_id)
    return f"{COUNTER_PATH}{code}"


def main() -> None:
    """Take every picture."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with town() as found, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=["--no-sandbox"])
        device = _device(browser)
        till = device.new_page()
        take_pairing(till, found)
        take_payments(till, found)
        take_holder(_device(browser).new_page(), found)
        take_refund(till, found)
        take_month(till, found)
        take_network_cut(device, till, found)
        browser.close()
    side_by_side(("encaisser", "paye"), README_IMAGE)


def side_by_side(names: tuple[str, ...], path: Path) -> None:
    """Write pictures that were just taken beside each other, as the README shows them: a payment from left to right."""
    shown = [Image.open(IMAGES / f"{name}.png").convert("RGB") for name in names]
    width = sum(picture.width for picture in shown) + GAP * (len(shown) - 1)
    together = Image.new("RGB", (width, max(picture.height for picture in shown)), "white")
    left = 0
    for picture in shown:
        together.paste(picture, (left, 0))
        left += picture.width + GAP
    together.quantize(COLOURS).save(path, optimize=True)


def take_pairing(till: Page, found: Town) -> None:
    """Pair the device."""
    till.goto(f"{found.address}{found.pairing_path}")
    keep(till, "appairer", until="main form")
    till.get_by_role("button", name="Appairer cet appareil").click()
    expect(till.get_by_role("heading", name="Encaisser")).to_be_visible()


def take_payments(till: Page, found: Town) -> None:
    """Pay a small amount, one that asks for the PIN, and one that the card has not."""
    show_card(till, found, "12,50")
    keep(till, "encaisser", until="#till-pay")
    till.get_by_role("button", name="Encaisser 12,50").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    keep(till, "paye", until=".paid")
    till.goto(f"{found.address}/caisse")
    show_card(till, found, "42")
    till.get_by_role("button", name="Encaisser 42,00").click()
    expect(till.get_by_role("alert")).to_contain_text("code secret")
    keep(till, "code-secret", until="#till-pay")
    till.goto(f"{found.address}/caisse")
    show_card(till, found, "150")
    keep(till, "partage", until="#till-pay")
    till.goto(f"{found.address}/caisse")
    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_role("button", name="Montrer un QR").click()
    keep(till, "qr", until="#request-state")


def take_holder(phone: Page, found: Town) -> None:
    """Let a holder pay by the counter card."""
    phone.goto(f"{found.address}{found.card_path}")
    phone.get_by_label("Code secret").fill(found.pin)
    phone.locator("main form button[type=submit]").first.click()
    phone.goto(f"{found.address}{found.counter_path}")
    phone.locator("input[name=amount]").fill("6,40")
    phone.locator("input[name=pin]").fill(found.pin)
    phone.locator("#shop-form button[type=submit]").click()
    expect(phone.get_by_role("heading", name="Payé")).to_be_visible()
    keep(phone, "telephone-paye", until=".phone-lead")


def take_refund(till: Page, found: Town) -> None:
    """Ask for the receipt of what is brought back."""
    till.goto(f"{found.address}/caisse/rembourser")
    keep(till, "rembourser", until="#receipt-form")


def take_month(till: Page, found: Town) -> None:
    """Open the demonstration's month, as a shop checks its transfer."""
    till.goto(f"{found.address}/caisse/mois/{DEFAULT_MONTH}")
    keep(till, "mois", until="tbody tr:nth-of-type(6)")


def take_network_cut(device: BrowserContext, till: Page, found: Town) -> None:
    """Take a payment while the network is away."""
    till.goto(f"{found.address}/caisse")
    till.evaluate(
        """async () => {
            await navigator.serviceWorker.ready;
            while (!navigator.serviceWorker.controller) await new Promise((done) => setTimeout(done, 50));
        }"""
    )
    device.set_offline(offline=True)
    show_card(till, found, "8,20")
    till.get_by_role("button", name="Encaisser 8,20").click()
    offline = till.get_by_role("button", name="hors connexion")
    expect(offline).to_be_visible(timeout=20_000)
    keep(till, "verification", until="#till-pay")
    offline.click()
    expect(till.get_by_role("heading", name="Pris hors connexion")).to_be_visible()
    keep(till, "hors-connexion", until=".till-taken")


def show_card(till: Page, found: Town, euros: str) -> None:
    """Type an amount and scan the card, as a USB scanner does."""
    till.get_by_label("Montant à payer").fill(euros)
    expect(till.locator("#till-pay")).to_be_hidden()
    till.keyboard.type(found.card_code)
    till.keyboard.press("Enter")
    expect(till.get_by_text("Carte lue", exact=True)).to_be_visible()


def keep(page: Page, name: str, *, until: str = "main") -> None:
    """Write the page without its header, down to an element that is on it, in few colours."""
    page.wait_for_timeout(SETTLED_MS)
    top, last = page.locator("main").bounding_box(), page.locator(until).first.bounding_box()
    if top is None or last is None:
        raise ValueError(name)
    height = min(last["y"] + last["height"] + MARGIN - top["y"], HEIGHT_MAX)
    clip = {"x": 0, "y": top["y"], "width": VIEWPORT["width"], "height": height}
    taken = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True)))
    path = IMAGES / f"{name}.png"
    taken.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} kB")


def _device(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport=VIEWPORT, locale="fr-FR")  # type: ignore[arg-type]
    context.clock.set_fixed_time(NOW)
    return context


if __name__ == "__main__":
    main()
