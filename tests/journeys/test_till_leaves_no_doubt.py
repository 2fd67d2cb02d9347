"""Every payment at the till ends as paid or as not paid, whatever is cut, closed or opened twice meanwhile."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.factories.market import HOST, Market
from tests.factories.merchants import admit
from tests.factories.till_page import NARROW, look, paired_page
from wallets.codes.card_token import card_url

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]


def scan(page: Page, market: Market) -> None:
    """Scan the card with a USB scanner, which types the code and Enter within a few milliseconds."""
    expect(page.locator("#till-pay")).to_be_hidden()  # the script is there: nothing to press before there is a card
    page.keyboard.type(card_url(host=HOST, token=market.card.token))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Carte lue", exact=True)).to_be_visible()


@pytest.mark.parametrize("lost", ["the request", "the answer"])
def test_a_tab_closed_in_the_middle_learns_the_end_when_it_opens_again(
    lost: str, open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market)
    packets: list[dict[str, object]] = []

    def cut(route: Route) -> None:
        packets.append({"headers": route.request.headers, "data": route.request.post_data})
        if lost == "the answer":
            route.fetch()
        route.abort("connectionreset")

    till.route("**/api/v1/charges", cut)
    till.route("**/api/v1/charges/resolve", lambda route: route.abort("internetdisconnected"))
    till.get_by_label("Montant à payer").fill("12,50")
    scan(till, market)
    till.get_by_role("button", name="Encaisser 12,50 €").click()
    expect(till.get_by_text("vérification en cours")).to_be_visible()
    context = till.context
    till.close()

    again = context.new_page()
    again.goto(f"{address}/caisse")
    ended = again.locator("#till-doubts")
    if lost == "the answer":
        expect(ended).to_contain_text("12,50 € commencé")
        expect(ended).to_contain_text("payé, écriture n°")
        assert market.owed() == 1_250
    else:
        expect(ended).to_contain_text("Non payé : rien n’a été encaissé.")
        # The packet that was held back arrives now: the shop was told "not paid", and so it stays.
        late = context.request.post(f"{address}/api/v1/charges", **packets[0])
        assert (late.status, late.json()["code"]) == (410, "charge_abandoned")
        assert market.owed() == 0
    look(again, f"doubt-{lost.split()[1]}")
    again.get_by_role("button", name="Compris").click()
    again.reload()
    expect(again.locator("#till-doubts")).to_be_hidden()


def test_two_tabs_of_one_till_do_not_give_up_each_other_s_payment(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    first = paired_page(open_browser(), address, market)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    first.route("**/api/v1/charges", hold)
    first.get_by_label("Montant à payer").fill("3")
    scan(first, market)
    first.get_by_role("button", name="Encaisser 3,00 €").click()
    expect(first.get_by_text("Encaissement en cours")).to_be_visible()
    second = first.context.new_page()
    second.goto(f"{address}/caisse")
    second.get_by_label("Montant à payer").fill("4")
    scan(second, market)
    second.get_by_role("button", name="Encaisser 4,00 €").click()
    expect(second.get_by_role("heading", name="Payé")).to_be_visible()
    held[0].continue_()
    expect(first.get_by_role("heading", name="Payé")).to_be_visible()
    assert market.owed() == 700


def test_what_is_left_and_who_pays_what_is_shown_before_confirming_by_keyboard_alone_at_320_px(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    till = paired_page(open_browser(), address, market, viewport=NARROW)
    expect(till.get_by_label("Montant à payer")).to_be_focused()
    till.keyboard.type("130")
    till.keyboard.press("Tab")
    till.keyboard.press("Enter")
    till.keyboard.press("Tab")
    till.keyboard.type("20")
    scan(till, market)
    left = till.locator("#till-left")
    expect(left).to_have_text(
        "Disponible ici : 100,00 €. Total 150,00 € : 100,00 € par cette carte, 50,00 € autrement."
    )
    assert market.owed() == 0
    assert "notice" not in (left.get_attribute("class") or "")
    expect(till.get_by_role("button", name="Encaisser 100,00 €")).to_be_focused()
    look(till, "till-left")
    assert till.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    till.keyboard.press("Enter")
    expect(till.get_by_role("alert")).to_contain_text("code secret")
    till.keyboard.type(market.card.pin)
    till.keyboard.press("Enter")
    expect(till.get_by_role("heading", name="Payé")).to_be_visible()
    expect(till.locator(".till-rest")).to_contain_text("50,00")
    look(till, "till-part-paid")
    assert (market.owed(), market.purse()) == (10_000, 0)


@pytest.mark.parametrize("lost", ["the request", "the answer"])
@pytest.mark.parametrize("kind", ["refund", "shop"])
def test_a_refund_and_a_payment_to_a_shop_end_by_themselves_too(
    kind: str, lost: str, open_browser: Callable[..., Browser], market: Market, address: str
):
    taken = market.charge(5_000)
    other = admit(market.world, 2)
    till = paired_page(open_browser(), address, market)
    packets: list[dict[str, object]] = []

    def cut(route: Route) -> None:
        packets.append({"headers": route.request.headers, "data": route.request.post_data})
        if lost == "the answer":
            route.fetch()
        route.abort("connectionreset")

    sent = "charges/*/refunds" if kind == "refund" else "merchant-payments"
    till.route(f"**/api/v1/{sent}", cut)
    till.route("**/api/v1/charges/resolve", lambda route: route.abort("internetdisconnected"))
    page = f"rembourser/{taken.entry_id}" if kind == "refund" else "payer-un-commerce"
    till.goto(f"{address}/caisse/{page}")
    if kind == "shop":
        till.get_by_label("Code du commerce").fill(other.code)
    till.locator("[name=amount]").fill("12,50")
    till.locator("#till-send [type=submit]").click()
    expect(till.locator("#till-send")).to_contain_text("vérification en cours")
    look(till, f"doubt-{kind}")
    context = till.context
    till.close()

    again = context.new_page()
    again.goto(f"{address}/caisse")
    ended = again.locator("#till-doubts")
    what = "Remboursement" if kind == "refund" else "Paiement à un commerce"
    expect(ended).to_contain_text(f"{what} de 12,50 € commencé")
    if lost == "the answer":
        expect(ended).to_contain_text("remboursé, écriture n°" if kind == "refund" else "payé, écriture n°")
        assert market.owed() == 3_750
        return
    expect(ended).to_contain_text("Non remboursé : rien" if kind == "refund" else "Non payé : rien n’a été versé.")
    # The packet that was held back arrives now: the shop was told "not done", and so it stays.
    where = f"charges/{taken.entry_id}/refunds" if kind == "refund" else "merchant-payments"
    late = context.request.post(f"{address}/api/v1/{where}", **packets[0])
    assert (late.status, late.json()["code"]) == (410, "charge_abandoned")
    assert market.owed() == 5_000


def test_a_refund_whose_answer_is_lost_and_found_shows_its_receipt(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    taken = market.charge(5_000)
    till = paired_page(open_browser(), address, market)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    till.route("**/api/v1/charges/*/refunds", lose_the_answer)
    till.goto(f"{address}/caisse/rembourser/{taken.entry_id}")
    till.locator("[name=amount]").fill("99")
    till.get_by_role("button", name="Rembourser").click()
    # Refused, and then lost: both are found by the key, and the next try is another request.
    expect(till.get_by_role("alert")).to_contain_text("Non remboursé : rien n’a été rendu.")
    till.locator("[name=amount]").fill("12,50")
    till.get_by_role("button", name="Rembourser").click()
    expect(till.get_by_role("heading", name="Remboursé")).to_be_visible()
    assert market.owed() == 3_750
