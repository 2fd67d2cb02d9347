"""The scanner in a real Chromium whose camera is a film."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Blueprint, make_response, render_template_string
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from monnaie_locale.documents import qr
from monnaie_locale.identity import access
from monnaie_locale.web import assets, headers
from tests.factories.camera import flags, make_film
from tests.factories.site import build_site, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
    pytest.mark.skipif(assets._newest_folder("zxing-wasm") is None, reason="the scanner is not vendored: make scanner"),
]
CARD = "HTTPS://MONNAIE.VILLE-EXEMPLE.FR/W/0123456789ABCDEFGHJKM"
POSTER = "https://example.org/promotion"
MODULE_PX = 8
PAGE = """
{% extends "kit/plain.html" %}{% from "kit/scanner.html" import scanner %}
{% block title %}Caisse{% endblock %}
{% block content %}<h1>Encaisser</h1>{{ scanner(["HTTPS://MONNAIE.VILLE-EXEMPLE.FR/W/"]) }}{% endblock %}
{% block scripts %}<script type="module" src="{{ asset('scanner.js') }}"></script>{% endblock %}
"""
READING = '.scanner[data-state="reading"]'
READ = '.scanner[data-state="read"]'
LISTEN = """() => {
  window.heard = [];
  const scanner = document.querySelector(".scanner");
  for (const name of ["scan", "scan-refused"])
    scanner.addEventListener(name, (event) => window.heard.push([name, event.detail && event.detail.text]));
}"""


@pytest.fixture
def address(db_engine: Engine) -> Iterator[str]:
    """Serve a page that holds the scanner and nothing else."""
    blueprint = Blueprint("scanning", __name__)

    @blueprint.get("/scan")
    @access.public
    def scan():
        headers.use_camera()
        return make_response(render_template_string(PAGE))

    site = build_site(db_engine, blueprints=(blueprint,))
    with served(site.app) as address:
        yield address
    site.rt.stop()


def picture_of(text: str) -> Image.Image:
    modules = qr.matrix(text)
    side = len(modules) + 8
    picture = Image.new("L", (side, side), 255)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            picture.putpixel((x + 4, y + 4), 0 if dark else 255)
    return picture.resize((side * MODULE_PX, side * MODULE_PX), Image.Resampling.NEAREST)


def open_scanner(browser: Browser, address: str) -> tuple[Page, list[str]]:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/scan")
    page.evaluate(LISTEN)
    return page, asked


def test_a_card_before_the_camera_is_read_by_files_of_ours_alone(
    address: str, open_browser: Callable[..., Browser], tmp_path: Path
):
    film = make_film(tmp_path / "card.mjpeg", [picture_of(CARD)])
    page, asked = open_scanner(open_browser(*flags(film)), address)

    page.get_by_role("button", name="Scanner la carte").click()
    page.locator(READ).wait_for()

    assert page.evaluate("window.heard") == [["scan", CARD]]
    assert page.evaluate("document.querySelector('video').srcObject") is None
    assert any(url.endswith(".wasm") for url in asked)
    assert all(url.startswith(address) for url in asked)
    assert page.url == f"{address}/scan"


def test_a_foreign_code_is_refused_and_the_card_shown_after_it_is_read(
    address: str, open_browser: Callable[..., Browser], tmp_path: Path
):
    film = make_film(tmp_path / "both.mjpeg", [picture_of(POSTER), picture_of(CARD)])
    page, _ = open_scanner(open_browser(*flags(film)), address)

    page.get_by_role("button", name="Scanner la carte").click()
    page.locator(READ).wait_for()

    heard = page.evaluate("window.heard")
    assert ["scan", CARD] in heard
    assert POSTER not in str(heard)
    assert page.url == f"{address}/scan"


def test_without_webassembly_the_plain_script_reads_the_card(
    address: str, open_browser: Callable[..., Browser], tmp_path: Path
):
    film = make_film(tmp_path / "card.mjpeg", [picture_of(CARD)])
    page, asked = open_scanner(open_browser(*flags(film)), address)
    page.route("**/*.wasm", lambda route: route.abort())

    page.get_by_role("button", name="Scanner la carte").click()
    page.locator(READ).wait_for()

    assert page.evaluate("window.heard") == [["scan", CARD]]
    assert any(url.endswith("decode.js") for url in asked)


def test_without_a_camera_the_page_says_to_type_the_number(address: str, open_browser: Callable[..., Browser]):
    page, _ = open_scanner(open_browser("--use-fake-ui-for-media-stream"), address)

    page.get_by_role("button", name="Scanner la carte").click()
    page.get_by_text("Saisissez le numéro à la main").wait_for()


def test_one_of_two_cameras_is_chosen_and_remembered(address: str, open_browser: Callable[..., Browser]):
    two = ("--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream")
    page, _ = open_scanner(open_browser(*two), address)
    used = "() => document.querySelector('video').srcObject?.getVideoTracks()[0].getSettings().deviceId"

    page.get_by_role("button", name="Scanner la carte").click()
    cameras = page.get_by_label("Caméra")
    cameras.wait_for()
    page.locator(READING).wait_for()
    values = cameras.locator("option").evaluate_all("(all) => all.map((each) => each.value)")
    assert len(set(values)) == 2
    (other,) = set(values) - {page.evaluate(used)}
    cameras.select_option(other)
    page.locator(READING).wait_for()
    assert page.evaluate(used) == other

    page.reload()
    page.get_by_role("button", name="Scanner la carte").click()
    page.locator(READING).wait_for()
    assert page.evaluate(used) == other
    expect(cameras).to_have_value(other)
    page.get_by_role("button", name="Arrêter la caméra").click()
    assert cameras.is_hidden()


def test_a_device_with_one_camera_is_offered_no_choice(address: str, open_browser: Callable[..., Browser]):
    one = ("--use-fake-device-for-media-stream=device-count=1", "--use-fake-ui-for-media-stream")
    page, _ = open_scanner(open_browser(*one), address)
    page.get_by_role("button", name="Scanner la carte").click()
    page.locator(READING).wait_for()
    assert page.get_by_label("Caméra").is_hidden()
