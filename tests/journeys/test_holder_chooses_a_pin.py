"""At the desk, the holder chooses the PIN on the keypad; it is shown nowhere, and easy ones are refused."""

import json
import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, text

from monnaie_locale.commands.verification_trail import check_trail
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import STAFF_ROLES, Role, permits
from monnaie_locale.journal.verify_log import Finding
from tests.factories.held import Held
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import Market
from tests.factories.site import Site, csrf_token
from wallets.errors import CardRefused, PinLocked, PinTrivial

CHOOSE = "/bureau/cartes/1/code/choisir"
CHOSEN = "7305"
SHOTS = os.environ.get("SCREENSHOTS")
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 800}}
PASSWORD_FIELD = re.compile(r'<input id="field-pin[^>]*>')


def type_twice(client, pin: str, again: str | None = None):
    token = csrf_token(client, "/bureau/menages")
    return client.post(CHOOSE, data={"csrf_token": token, "pin": pin, "pin_again": pin if again is None else again})


def shows(page: str, pin: str) -> bool:
    """Tell whether a page holds the PIN, apart from the letters and digits of a digest."""
    return re.search(rf"(?<![0-9a-zA-Z]){pin}(?![0-9a-zA-Z])", page) is not None


def trail(engine: Engine) -> list[tuple[str, str, str]]:
    with reading(engine) as db:
        rows = db.execute(text("SELECT actor, action, detail FROM audit_events WHERE target = 'card:1' ORDER BY id"))
        return [(row[0], row[1], row[2]) for row in rows]


def test_the_chosen_pin_replaces_the_old_one_and_unlocks_the_card(town: Site, market: Market) -> None:
    old = market.card.pin
    wrong = f"{(int(old) + 1) % 10_000:04d}"
    for number in range(5):
        with pytest.raises(CardRefused):
            market.charge(100, key=f"wrong{number}", pin=wrong)
    with pytest.raises(PinLocked):
        market.charge(100, key="sixth", pin=old)
    before = len(trail(market.engine))

    agent = town.client_of(Role.AGENT)
    page = agent.get(CHOOSE)
    assert page.status_code == 200
    for field in PASSWORD_FIELD.findall(page.text):
        assert 'type="password"' in field
        assert 'autocomplete="off"' in field
        assert 'value=""' in field
    kept = type_twice(agent, CHOSEN)
    assert (kept.status_code, kept.headers["Location"]) == (303, "/bureau/menages/1")
    assert not shows(agent.get("/bureau/menages/1").text, CHOSEN)

    assert market.charge(100, key="chosen", pin=CHOSEN).amount_cents == 100
    with pytest.raises(CardRefused):
        market.charge(100, key="old", pin=old)
    ((actor, action, detail),) = trail(market.engine)[before:]
    assert (actor.partition(":")[0], action) == ("staff", "card.choose-pin")
    assert set(json.loads(detail)) == {"seal"}
    assert not altered(town), "the trail knows the PIN that was chosen"
    swapped = text("UPDATE cards SET pin_hash = replace(pin_hash, 'v=19', 'v=18')")
    transact(market.engine, lambda db: db.execute(swapped))
    assert altered(town), "the control: a PIN changed behind its back is told"


def altered(town: Site) -> list[Finding]:
    """Return what `verify` says of cards that are not what the trail tells."""
    with reading(town.rt.engine) as db:
        found = check_trail(db, territory_id=TERRITORY_ID, public_key_pem=town.rt.keyring.public_key_pem)
        return [finding for finding in found if finding.code == "card_altered"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_two_different_codes_and_easy_ones_are_refused_and_never_shown_again(town: Site, market: Market) -> None:
    agent = town.client_of(Role.AGENT)
    before = trail(market.engine)
    apart = type_twice(agent, "7305", "7306")
    assert apart.status_code == 422
    assert "pas les mêmes" in apart.text
    on_the_card = market.card.number[3:7]
    answers = {pin: type_twice(agent, pin) for pin in ("1234", "0000", "1212", "1984", "2580", on_the_card, "12a4", "")}
    for pin, answer in answers.items():
        assert answer.status_code == 422, pin
        code = "pin_malformed" if pin in {"12a4", ""} else "pin_trivial"
        assert f"<code>{code}</code>" in answer.text, pin
    assert PinTrivial().sentence() in answers["1234"].text.replace("&#39;", "'")
    for answer in (apart, *answers.values()):
        # The page's own advice names two of the easy ones: what counts is that no field comes back filled in.
        assert all('value=""' in field for field in PASSWORD_FIELD.findall(answer.text))
    assert not shows(apart.text, "7305")
    assert shows(apart.text, "1234"), "the control: the example on the page is seen"
    assert trail(market.engine) == before
    assert market.charge(100, pin=market.card.pin).amount_cents == 100
    # The control: the same form with another code is kept.
    assert type_twice(agent, CHOSEN).status_code == 303


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_only_who_manages_cards_may_reset_a_pin(town: Site, market: Market) -> None:
    before = trail(market.engine)
    for role in sorted(STAFF_ROLES):
        client = town.client_of(role)
        may = permits(roles=frozenset({role}), permission="manage_wallets")
        token = csrf_token(client, "/personnel")
        printed = client.post("/bureau/cartes/1/code", data={"csrf_token": token})
        chosen = client.post(CHOOSE, data={"csrf_token": token, "pin": CHOSEN, "pin_again": CHOSEN})
        assert (printed.status_code, chosen.status_code) == ((200, 303) if may else (403, 403)), role
        assert may == (role is Role.AGENT)
    added = [(actor.partition(":")[0], action) for actor, action, _ in trail(market.engine)[len(before) :]]
    assert added == [("staff", "card.reset-pin"), ("staff", "card.choose-pin")]


@pytest.mark.browser
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_holder_types_on_the_screen(
    town: Site, market: Market, address: str, open_browser: Callable[..., Browser]
) -> None:
    person = town.staff(Role.AGENT)
    context = open_browser().new_context(viewport=SIZES["phone"], locale="fr-FR")
    page = context.new_page()
    page.goto(f"{address}/connexion")
    page.locator("#field-login").fill(person.login)
    page.locator("#field-password").fill(person.password)
    page.locator("#field-code").fill(town.code(person))
    page.locator("main form button[type=submit]").click()
    page.goto(f"{address}/bureau/menages/1")
    script = Held()
    page.route("**/static/keypad.js*", script)
    page.get_by_role("link", name="Laisser choisir le code secret").click(no_wait_after=True)
    page.locator("#field-pin").fill("7309")
    page.locator("#field-pin_again").press_sequentially("73")
    script.one(page).continue_()  # the keypad comes late, and goes on where the holder is
    page.get_by_role("button", name="0", exact=True).click()
    expect(page.locator("#field-pin_again")).to_have_value("730")
    page.unroute("**/static/keypad.js*")
    page.reload()
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/choose-pin-{size}.png", full_page=True)
    for digit in "7309":
        page.get_by_role("button", name=digit, exact=True).click()
    for digit in "7305":
        page.get_by_role("button", name=digit, exact=True).click()
    page.get_by_role("button", name="Enregistrer mon code").click()
    expect(page.get_by_text("ne sont pas les mêmes").first).to_be_visible()
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/choose-pin-refused.png", full_page=True)
    for typed in ("7309", "7305"):
        for digit in typed:
            page.get_by_role("button", name=digit, exact=True).click()
        if typed == "7309":
            page.locator("#field-pin").focus()
            page.get_by_role("button", name="Effacer un chiffre").click()
            page.get_by_role("button", name="5", exact=True).click()
    assert page.locator("#field-pin").get_attribute("type") == "password"
    page.get_by_role("button", name="Enregistrer mon code").click()
    expect(page.get_by_text("Le code secret choisi est enregistré")).to_be_visible()
    assert not shows(page.content() + page.url, CHOSEN)
    assert market.charge(100, pin=CHOSEN).amount_cents == 100
