"""What a shop's camera really sees: printed cards near, far, worn and moving, phones, and codes that are not ours."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from monnaie_locale.web import assets
from tests.factories import camera, films
from tests.factories.market import Market
from tests.factories.phones import bound_phone
from tests.factories.site import START
from tests.factories.till_page import look, paired_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
    pytest.mark.skipif(assets._newest_folder("zxing-wasm") is None, reason="the scanner is not vendored: make scanner"),
]
SEED = 2026


def frames_of(shown: str, market: Market) -> Iterator[Image.Image]:
    match shown:
        case "close":
            return films.close_to(market)
        case "far":
            return films.far_from(films.printed_card(market, pixels_per_mm=3.2))
        case "shop mix":
            return films.worn_and_moving(films.shop_card(market), seed=SEED)
        case _:
            phone = bound_phone(market.engine, market.card.card_id)
            return films.on_a_screen(phone.code(START))


@pytest.mark.parametrize("shown", ["close", "far", "shop mix", "phone screen"])
def test_what_is_shown_pays(
    shown: str, open_browser: Callable[..., Browser], market: Market, address: str, tmp_path: Path
):
    film = films.write_film(tmp_path / "film.mjpeg", frames_of(shown, market))
    till = paired_page(open_browser(*camera.flags(film)), address, market)
    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_role("button", name="Scanner la carte").click()
    expect(till.get_by_text("Carte lue", exact=True)).to_be_visible(timeout=30_000)
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 1_250


@pytest.mark.parametrize("shown", ["a web address", "another town's card"])
def test_what_is_not_ours_is_refused_in_plain_words_and_nothing_is_paid(
    shown: str, open_browser: Callable[..., Browser], market: Market, address: str, tmp_path: Path
):
    foreign = films.code("https://example.org/promotion")
    if shown == "another town's card":
        foreign = films.printed_card(market, pixels_per_mm=7, host="MONNAIE.AUTRE-VILLE.FR")
    film = films.write_film(tmp_path / "film.mjpeg", films.held(foreign))
    till = paired_page(open_browser(*camera.flags(film)), address, market)
    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_role("button", name="Scanner la carte").click()
    expect(till.locator(".scanner-state")).to_have_text(
        "Ce code n’est pas un code de la monnaie locale.", timeout=30_000
    )
    expect(till.locator("#till-pay")).to_be_hidden()
    look(till, f"foreign-{shown.split(maxsplit=1)[0]}")
    assert (market.owed(), market.purse()) == (0, 10_000)
