"""A phone is bound with the PIN, shows its code without a network, is charged, and is taken away."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from merchants.charging.charge import charge
from merchants.holders.counter_card import counter_url, issue_counter_card
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents import qr
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import wall_clock
from tests.factories import camera
from tests.factories.market import HOST, Market
from tests.factories.merchants import MANAGER, chance
from tests.factories.site import Site
from wallets.errors import PhoneRefused

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

PHONE = {"width": 360, "height": 740}
JUDGE = "text => Object.assign(document.querySelector('.scanner').scanner, { refusedAt: -1e6 }).judge([text])"
SHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture
def today(town: Site, market: Market) -> None:
    """Let the service's clock be that of the phone: Chromium has its own."""
    town.clock.now = wall_clock()
    market.clock[0] = town.clock.now


def look(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-{page.viewport_size['width']}.png", full_page=True)


def bound(browser: Browser, address: str, market: Market, locale: str = "fr-FR") -> Page:
    """Return the page of a phone on which the card was opened, and which was then bound."""
    page = browser.new_context(viewport=PHONE, locale=locale, permissions=["camera"]).new_page()
    page.goto(f"{address}/W/{market.card.token}")
    page.locator("input[name=pin]").fill(market.card.pin)
    page.locator("main button[type=submit]").click()
    page.goto(f"{address}/porte-monnaie/telephones")
    look(page, f"phones-{locale}")
    page.locator("input[name=pin]").fill(market.card.pin)
    page.locator("#bind-form button").click()
    page.wait_for_url("**/telephone/")
    expect(page.locator("#phone-code svg")).to_be_visible()
    return page


def shown_code(page: Page) -> str:
    """Return what zxing-cpp reads in a picture of the phone's screen."""
    picture = Image.open(io.BytesIO(page.screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def pay(market: Market, code: str, key: str, **more: object) -> int:
    return charge(
        engine=market.engine, keyring=market.keyring, writer=market.writer, territory_id=1, host=HOST, till=market.till,
        card_code=code, amount_cents=1_250, idempotency_key=key, now=wall_clock(), **more,
    ).entry_id  # type: ignore[arg-type]  # fmt: skip


def test_a_phone_pays_without_a_network_and_no_more_once_it_was_taken_away(
    open_browser: Callable[..., Browser], market: Market, address: str, today: None
) -> None:
    browser = open_browser()
    page = bound(browser, address, market)
    look(page, "phone")
    page.evaluate("navigator.serviceWorker.ready")
    first = shown_code(page)

    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#phone-code svg")).to_be_visible()
    expect(page.locator("#phone-offline")).to_be_visible()
    look(page, "phone-offline")
    code = shown_code(page)
    assert code.startswith(f"HTTPS://{HOST.upper()}/T/")
    assert code != first
    entry_id = pay(market, code, "offline")
    with reading(market.engine) as db:
        assert entry_of(db, territory_id=1, entry_id=entry_id).entry.reference == f"CARD:{market.card.card_id}"
    with pytest.raises(Refusal) as again:
        pay(market, code, "again")
    assert again.value.code == "phone_code_used"
    page.context.set_offline(False)

    # From another phone of the household, in English: it opens the card, and takes the first one away.
    other = bound(browser, address, market, locale="en-GB")
    expect(other.locator("html")).to_have_attribute("lang", "en")
    expect(other.locator(".phone-lead")).to_have_text("Show this code to the shop.")
    other.goto(f"{address}/porte-monnaie/telephones")
    expect(other.get_by_text("This phone is phone no. 2.")).to_be_visible()
    look(other, "phones-bound")
    other.get_by_role("link", name="Remove Phone no. 1").click()
    look(other, "phone-remove")
    other.get_by_label("PIN").fill(market.card.pin)
    other.get_by_role("button", name="Remove this phone").click()
    expect(other.get_by_text("Phone no. 1 is removed.")).to_be_visible()

    with pytest.raises(PhoneRefused):
        pay(market, shown_code(page), "taken away")
    page.reload()
    expect(page.get_by_role("heading", name="Ce téléphone ne paie plus")).to_be_visible()
    look(page, "phone-removed")
    other.goto(f"{address}/telephone/")
    expect(other.locator("#phone-code svg")).to_be_visible()
    assert pay(market, shown_code(other), "other") > entry_id


def picture_of(text: str) -> Image.Image:
    """Return a QR as it hangs on a wall."""
    modules = qr.matrix(text)
    picture = Image.new("L", (len(modules) + 8, len(modules) + 8), 255)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            picture.putpixel((x + 4, y + 4), 0 if dark else 255)
    return picture.resize((picture.width * 8, picture.height * 8), Image.Resampling.NEAREST)


def test_the_phone_scans_a_poster_then_the_shop_s_counter_card_and_pays(
    open_browser: Callable[..., Browser], market: Market, address: str, today: None, tmp_path: Path
) -> None:
    code = transact(
        market.engine, issue_counter_card, territory_id=1, merchant_id=market.merchant.id, actor=MANAGER,
        now=market.now, random_bytes=chance("counter"),
    )  # fmt: skip
    film = camera.make_film(tmp_path / "shop.mjpeg", [picture_of(counter_url(host=HOST, code=code))])
    page = bound(open_browser(*camera.flags(film)), address, market)
    # What the camera would hand over of a poster: another host, then an address of ours that is no shop's.
    for foreign in ("HTTPS://PUB.EXAMPLE.ORG/C/0123456789", f"HTTPS://{HOST.upper()}/CONNEXION"):
        page.evaluate(
            "text => Object.assign(document.querySelector('.scanner').scanner, { refusedAt: -1e6 }).judge([text])",
            foreign,
        )
        expect(page.get_by_text("Ce code n’est pas un code de la monnaie locale. Rien n’est payé.")).to_be_visible()
        assert page.url == f"{address}/telephone/"
    page.get_by_role("button", name="Scanner le code du magasin").click()
    page.wait_for_url(f"**/C/{code}")
    assert market.owed() == 0

    expect(page.get_by_role("heading", name="Payer Boulangerie Exemple 1")).to_be_visible()
    expect(page.get_by_label("Code secret")).to_be_hidden()
    page.get_by_label("Combien payez-vous").fill("8,40")
    look(page, "counter")
    page.get_by_role("button", name="Payer 8,40 €").click()
    expect(page.get_by_role("heading", name="Payé")).to_be_visible()
    look(page, "counter-paid")
    assert market.owed() == 840
    # A large payment asks for the PIN, and then goes through; going back and paying again is the same payment.
    page.goto(f"{address}/C/{code}")
    page.get_by_label("Combien payez-vous").fill("60")
    page.get_by_role("button", name="Payer 60,00 €").click()
    expect(page.get_by_label("Code secret")).to_be_visible()
    look(page, "counter-pin")
    page.get_by_label("Code secret").fill(market.card.pin)
    page.get_by_role("button", name="Payer 60,00 €").click()
    expect(page.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 6_840
    page.get_by_role("link", name="Voir le reçu").click()
    look(page, "receipt")
    page.get_by_role("button", name="Demander un remboursement").click()
    expect(page.get_by_text("Le magasin voit votre demande")).to_be_visible()
    assert market.owed() == 6_840


def test_the_key_cannot_be_taken_out_of_the_phone(
    open_browser: Callable[..., Browser], market: Market, address: str, today: None
) -> None:
    page = bound(open_browser(), address, market)
    tried = page.evaluate(
        """async () => {
          const { recall } = await import("/static/phone_key.js");
          const { key } = await recall();
          const refused = await Promise.all(["pkcs8", "jwk", "raw"].map(
            (form) => crypto.subtle.exportKey(form, key).then(() => "given", (error) => error.name)));
          return [key.type, key.extractable, refused];
        }"""
    )
    assert tried[:2] == ["private", False]
    assert "given" not in tried[2]
    # The wallet is opened from the phone itself, with the PIN; and its page says nothing before.
    page.get_by_role("button", name="Voir mon argent").click()
    page.wait_for_url("**/T/*")
    look(page, "phone-pin")
    assert "100,00" not in page.locator("main").inner_text()
    page.get_by_label("Code secret").fill(market.card.pin)
    page.get_by_role("button", name="Voir mon argent").click()
    expect(page.locator("main")).to_contain_text("100,00")
