"""The printed card is shown to the till's camera; the shop is paid; the holder sees it; the row is in the ledger."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.ledger.entries import EntryKind
from tests.factories import camera, films
from tests.factories.market import Market
from tests.factories.till_page import OFFICE, PHONE, context_of, look, paired_page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

PIXELS_PER_MM = 7


def film_of_card(market: Market, folder: Path) -> Path:
    """Return a film of the card as `cards.pdf` prints it."""
    return camera.make_film(folder / "card.mjpeg", [films.printed_card(market, pixels_per_mm=PIXELS_PER_MM)])


def last_entry(market: Market):
    with reading(market.engine) as db:
        number = head_of(db, territory_id=1).last_entry_id
        return entry_of(db, territory_id=1, entry_id=number).entry


@pytest.mark.parametrize("viewport", [PHONE, OFFICE], ids=["phone", "desk"])
def test_the_printed_card_pays_in_two_taps(
    open_browser: Callable[..., Browser],
    market: Market,
    address: str,
    tmp_path: Path,
    viewport: dict[str, int],
):
    browser = open_browser(*camera.flags(film_of_card(market, tmp_path)))
    till = paired_page(browser, address, market, viewport=viewport)
    look(till, "till")

    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_role("button", name="Scanner la carte").click()
    expect(till.get_by_text("Carte lue", exact=True)).to_be_visible(timeout=20_000)
    look(till, "till-read")
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    expect(till.locator(".paid")).to_contain_text("87,50")
    look(till, "till-paid")

    entry = last_entry(market)
    assert (entry.kind, entry.amount_cents) == (EntryKind.CHARGE, 1_250)
    assert entry.reference == f"CARD:{market.card.card_id}"
    assert market.owed() == 1_250

    phone = context_of(browser, PHONE).new_page()
    phone.goto(f"{address}/W/{market.card.token}")
    phone.get_by_label("Code secret").fill(market.card.pin)
    phone.get_by_role("button", name="Voir mon argent").click()
    expect(phone.locator("main")).to_contain_text("87,50")
    expect(phone.locator("main")).to_contain_text("Boulangerie Exemple 1")
    look(phone, "holder")


def test_the_pin_is_asked_for_when_the_amount_needs_it(
    open_browser: Callable[..., Browser], market: Market, address: str, tmp_path: Path
):
    browser = open_browser(*camera.flags(film_of_card(market, tmp_path)))
    till = paired_page(browser, address, market)
    pin = till.get_by_label("Code secret du porteur")
    expect(pin).to_be_hidden()

    till.get_by_label("Montant à payer").fill("60")
    till.get_by_role("button", name="Scanner la carte").click()
    expect(till.get_by_text("Carte lue", exact=True)).to_be_visible(timeout=20_000)
    till.get_by_role("button", name="Encaisser 60").click()
    expect(till.get_by_role("alert")).to_contain_text("code secret")
    expect(pin).to_be_focused()
    look(till, "till-pin")
    pin.fill(market.card.pin)
    till.get_by_role("button", name="Encaisser 60").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 6_000


def test_too_little_on_the_card_offers_to_take_what_there_is(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    till.get_by_label("Montant à payer").fill("130")
    till.get_by_label("Carte", exact=True).fill(market.card.number)
    till.get_by_label("Code secret du porteur").fill(market.card.pin)
    till.get_by_role("button", name="Encaisser 130").click()
    expect(till.get_by_role("alert")).to_contain_text("Solde insuffisant")
    look(till, "till-short")
    till.get_by_label("Code secret du porteur").fill(market.card.pin)
    till.get_by_role("button", name="Encaisser 100,00").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.purse() == 0


@pytest.mark.parametrize("lost", ["the request", "the answer"])
def test_a_cut_network_never_leaves_the_counter_in_doubt(
    lost: str, open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    cuts: list[str] = []

    def cut(route: Route) -> None:
        if lost == "the answer":
            route.fetch()  # the service hears it and posts; the till does not hear the answer
        cuts.append(route.request.headers["idempotency-key"])
        route.abort("connectionreset")

    till.route("**/api/v1/charges", cut, times=1)
    till.get_by_label("Montant à payer").fill("12,50")
    till.get_by_label("Carte", exact=True).fill(market.card.number)
    till.get_by_label("Code secret du porteur").fill(market.card.pin)
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_text("vérification en cours")).to_be_visible()
    if lost == "the request":
        expect(till.get_by_role("alert")).to_contain_text("rien n’a été encaissé")
        assert market.owed() == 0
        till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    assert len(cuts) == 1
    assert market.owed() == 1_250


def test_the_holder_scans_the_till_and_the_till_learns_it(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    browser = open_browser()
    till = paired_page(browser, address, market)
    till.get_by_label("Montant à payer").fill("8,40")
    till.get_by_role("button", name="Montrer un QR").click()
    expect(till.get_by_role("img", name="Code à scanner")).to_be_visible()
    look(till, "request")
    code = till.url.rpartition("/")[2]

    phone = context_of(browser, PHONE).new_page()
    phone.goto(f"{address}/P/{code}")
    expect(phone.get_by_role("heading", name="Payer Boulangerie Exemple 1")).to_be_visible()
    phone.get_by_label("Numéro de votre carte").fill(market.card.number)
    phone.get_by_label("Votre code secret").fill(market.card.pin)
    look(phone, "confirm")
    phone.get_by_role("button", name="Payer 8,40").click()
    expect(phone.get_by_role("heading", name="Payé")).to_be_visible()
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    look(till, "request-paid")
    assert market.owed() == 840


def test_a_refund_from_the_list_of_the_day(open_browser: Callable[..., Browser], market: Market, address: str):
    market.charge(1_250)
    till = paired_page(open_browser(), address, market)
    till.get_by_role("link", name="Liste du jour").click()
    look(till, "list")
    till.get_by_role("link", name="Rembourser l’encaissement").click()
    look(till, "refund")
    till.get_by_label("Montant à rembourser").fill("2,50")
    till.get_by_role("button", name="Rembourser").click()
    expect(till.get_by_role("heading", name="Remboursé")).to_be_visible()
    assert (market.owed(), last_entry(market).kind) == (1_000, EntryKind.REFUND)
