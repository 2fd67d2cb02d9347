"""The till as an application: light at the first load, nothing after, and there when the network is not."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from monnaie_locale.web import assets
from tests.factories.market import Market
from tests.factories.meter import Meter
from tests.factories.site import Site, served
from tests.factories.till_page import kept_list, kept_on_device, look, paired_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
    pytest.mark.skipif(assets._newest_folder("zxing-wasm") is None, reason="the scanner is not vendored: make scanner"),
]
FIRST_LOAD_MAX_BYTES = 400_000
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
def meter(town: Site) -> Meter:
    return Meter(town.app)


@pytest.fixture
def address(meter: Meter) -> Iterator[str]:
    with served(meter) as found:  # type: ignore[arg-type]
        yield found


def test_the_first_load_weighs_at_most_400_kb_and_the_next_ones_nothing(
    open_browser: Callable[..., Browser], market: Market, address: str, meter: Meter
):
    till = paired_page(open_browser(*CAMERA), address, market)
    kept_on_device(till)
    kept_list(till)
    assert any(path.endswith(".wasm") for path, _ in meter.weights)
    assert meter.total <= FIRST_LOAD_MAX_BYTES, meter.weights

    meter.clear()
    till.goto(f"{address}/caisse")
    till.get_by_role("button", name="Scanner la carte").click()
    expect(till.locator(".scanner")).to_have_attribute("data-state", "reading", timeout=20_000)
    assert meter.weights == []

    till.goto(f"{address}/caisse/journee")  # the control: what is not kept weighs
    assert meter.total > 0


def test_the_till_opens_with_the_network_away_and_another_pairing_gets_its_own_page(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    kept_on_device(till)
    till.context.set_offline(True)
    till.goto(f"{address}/caisse")
    expect(till.get_by_role("heading", name="Encaisser")).to_contain_text("Comptoir")
    assert till.locator("input[name=key]").get_attribute("value") == ""
    till.context.set_offline(False)

    again = paired_page(open_browser(), address, market, label="Terrasse", context=till.context)
    expect(again.get_by_role("heading", name="Encaisser")).to_contain_text("Terrasse")
    again.evaluate(
        """async () => {
            const kept = async () => (await caches.match("/caisse"))?.text();
            while (!(await kept())?.includes("Terrasse")) await new Promise((done) => setTimeout(done, 50));
        }"""
    )
    again.goto(f"{address}/caisse")
    expect(again.get_by_role("heading", name="Encaisser")).to_contain_text("Terrasse")
    look(again, "till-again")
