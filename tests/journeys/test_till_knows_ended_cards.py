"""The signed list of cards on the real page: a blocked card is refused without network, a forged list is nothing."""

import datetime
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from monnaie_locale.database.transaction import transact
from monnaie_locale.keyring import Keyring
from monnaie_locale.programmes.model import PinRule
from tests.factories.market import HOST, Market, issue
from tests.factories.merchants import NOW
from tests.factories.till_device import base64url
from tests.factories.till_page import context_of, kept_list, kept_on_device, look, paired_page
from tests.factories.vandal import run
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard
from wallets.operations.cards import block_card

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)]

ENDED = "Carte refusée : elle ne peut pas payer"
OLD = "La liste des cartes a plus de 24 heures"
MISSING = "Cette caisse n’a pas de liste vérifiée des cartes"
UNSUPPORTED = "Ce navigateur ne sait pas vérifier la liste des cartes"
REPLACE = """async (kept) => {
  const { put } = await import("/static/till-memory.js");
  await put("signer", kept);
}"""
REFRESH = """async () => {
  const { ask } = await import("/static/till-api.js");
  const { recall } = await import("/static/till-memory.js");
  const kept = await recall("signer", "cards");
  return (await ask("GET", "/api/v1/tills/own-cards", { known: kept.etag })).status;
}"""
NO_ED25519 = """
const importKey = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = (format, data, how, ...more) =>
  how.name === "Ed25519" ? Promise.reject(new Error("NotSupportedError")) : importKey(format, data, how, ...more);
"""


def scan(till: Page, card: IssuedCard, euros: str = "12,00") -> None:
    """Type an amount and scan a card with a USB scanner."""
    till.get_by_label("Montant à payer").fill(euros)
    expect(till.locator("#till-pay")).to_be_hidden()  # the script is there
    till.keyboard.type(card_url(host=HOST, token=card.token))
    till.keyboard.press("Enter")


def meet_silence(till: Page, card: IssuedCard, euros: str = "12,00") -> None:
    """Scan a card and press the button with the network away."""
    scan(till, card, euros)
    till.get_by_role("button", name=f"Encaisser {euros}").click()
    expect(till.locator("#till-outcome")).to_contain_text("vérification en cours")


def device_of(browser: Browser) -> BrowserContext:
    device = context_of(browser)
    device.clock.set_fixed_time(NOW)
    return device


def block(market: Market, card: IssuedCard) -> None:
    transact(market.engine, block_card, territory_id=1, card_id=card.card_id, actor="staff:1", now=NOW, reason="stolen")


def signed_by(market: Market, signed: str) -> dict[str, str]:
    """Return a text with the town's true signature of it."""
    return {"signed": signed, "signature": base64url(market.keyring.sign(signed.encode()))}


def reopened(till: Page, address: str) -> None:
    till.goto(f"{address}/caisse")
    expect(till.get_by_role("heading", name="Encaisser")).to_be_visible()


def test_a_blocked_card_is_refused_at_once_without_network_and_another_is_taken(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    stolen = issue(market.world, market.keyring, reference="M-2")
    market.charge(100)
    block(market, stolen)
    device = device_of(open_browser())
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    kept = kept_list(till)
    assert till.evaluate(REFRESH) == 304
    device.set_offline(True)
    reopened(till, address)
    scan(till, stolen)
    expect(till.locator("#till-refusal")).to_contain_text(ENDED)
    look(till, "offline-blocked-card")
    expect(till.locator("#till-pay")).to_be_hidden()
    # The control: a card that pays, at the same till, without a word of caution.
    meet_silence(till, market.card)
    taking = till.get_by_role("button", name="hors connexion")
    expect(taking).to_be_visible()
    expect(till.locator("#till-outcome")).not_to_contain_text("liste")

    # A day later the list is old: said on the screen, the caps hold alone; but who has ended has ended.
    device.clock.set_fixed_time(NOW + datetime.timedelta(hours=24))
    reopened(till, address)
    meet_silence(till, market.card)
    expect(till.locator("#till-outcome")).to_contain_text(OLD)
    expect(taking).to_be_visible()
    look(till, "offline-old-list")
    reopened(till, address)
    scan(till, stolen)
    expect(till.locator("#till-refusal")).to_contain_text(ENDED)

    # Somebody takes the blocked card off the list that the device keeps: the town did not sign that.
    device.clock.set_fixed_time(NOW)
    forged = kept["signed"].replace(kept["signed"].split('"denied":"')[1][:16], "", 1)
    assert forged != kept["signed"]
    till.evaluate(REPLACE, kept | {"signed": forged})
    reopened(till, address)
    meet_silence(till, stolen)
    expect(till.locator("#till-outcome")).to_contain_text(MISSING)
    expect(till.locator("#till-outcome")).not_to_contain_text(ENDED)
    look(till, "offline-forged-list")
    # The control: the true one again.
    till.evaluate(REPLACE, kept)
    reopened(till, address)
    scan(till, stolen)
    expect(till.locator("#till-refusal")).to_contain_text(ENDED)


def test_a_list_signed_by_another_or_for_another_shop_is_nothing_and_the_caps_hold(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    market.charge(100)
    run(market.engine, f"UPDATE programmes SET pin_rule = '{PinRule.ABOVE}', pin_above_cents = 1000 WHERE id = 1")
    device = device_of(open_browser())
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    kept = kept_list(till)
    device.set_offline(True)
    outcome = till.locator("#till-outcome")

    def answer_to(row: dict[str, object], euros: str) -> None:
        till.evaluate(REPLACE, row)
        reopened(till, address)
        meet_silence(till, market.card, euros)

    answer_to(kept, "12,00")
    expect(outcome).to_contain_text("10,00 € au plus avec cette carte")
    answer_to(kept, "10,00")
    expect(till.get_by_role("button", name="hors connexion")).to_be_visible()
    body = kept["signed"].partition("\n")[2]
    for forged in (
        {"signature": base64url(Keyring.generate().sign(kept["signed"].encode()))},
        {"signature": "not base64!"},
        # Signed by the town indeed, as something else and for somebody else.
        signed_by(market, "another thing 1\n" + body),
        signed_by(market, kept["signed"].replace(f'"merchant":{market.merchant.id}', '"merchant":99')),
    ):
        answer_to(kept | forged, "12,00")
        expect(outcome).to_contain_text(MISSING)
    answer_to(kept | {"signature": "A" * 86}, "20,01")
    expect(outcome).to_contain_text("20,00 € au plus par encaissement")


def test_a_browser_that_cannot_verify_says_so_and_works_as_before(
    open_browser: Callable[..., Browser], market: Market, address: str
):
    device = device_of(open_browser())
    device.add_init_script(NO_ED25519)
    till = paired_page(device.browser, address, market, context=device)
    kept_on_device(till)
    block(market, market.card)
    device.set_offline(True)
    reopened(till, address)
    meet_silence(till, market.card)
    expect(till.locator("#till-outcome")).to_contain_text(UNSUPPORTED)
    expect(till.get_by_role("button", name="hors connexion")).to_be_visible()
