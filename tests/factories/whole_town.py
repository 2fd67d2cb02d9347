"""The small demonstration once it is served, with one of each thing that a page can show, and people of every kind."""

import datetime
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser, BrowserContext
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from merchants.charging.charge import charge
from merchants.holders.counter_card import COUNTER_PATH, issue_counter_card
from merchants.holders.payment_requests import REQUEST_PATH, request_payment
from merchants.model import Till
from merchants.payouts.operations import approve_payout, prepare_payout
from merchants.shops.operations import PAIRING_PATH, renew_pairing
from monnaie_locale.app import create_app
from monnaie_locale.closing import desk, runs
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo.invitations import household_with_most_left
from monnaie_locale.demo.run import Demo
from monnaie_locale.identity.operations import create_sign_in_link, create_staff
from monnaie_locale.identity.roles import STAFF_ROLES
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.differences.model import DifferenceState
from monnaie_locale.reconciliation.differences.operations import carry
from monnaie_locale.reconciliation.differences.queries import differences
from monnaie_locale.reconciliation.operations import import_statement
from monnaie_locale.reconciliation.queries import last_statement
from monnaie_locale.runtime import Runtime, open_home
from tests.factories.demo import small_demo
from tests.factories.month import BankLine, statement_xml
from tests.factories.pain002 import status_report
from tests.factories.phones import pocket_phone
from wallets.codes.card_token import CARD_PATH
from wallets.operations.phones import bind_phone

# Three weeks after the close; the aid of the month is still there to spend.
TODAY = datetime.datetime(2026, 11, 23, 10, 0, tzinfo=datetime.UTC)
SOMEBODY = "job:test"
# Of a payment at the till on that day.
KEY = "aujourdhui"
LINK = re.compile(r'href="(/[^"#]*)|href="HTTPS://[^/"]+(/[^"#]*)')
NOWHERE = "nowhere"
# So many pages are asked for in search of one of each kind.
ASKED_MAX = 400


@dataclass
class Town:
    """The town with its application and where it is served."""

    demo: Demo
    rt: Runtime
    app: Flask
    household: int
    address: str = ""
    # What each visitor found, so that a second walk needs no second search.
    walked: dict[str, dict[str, str]] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)

    def common(self) -> dict[str, object]:
        """Return what every operation takes."""
        return {"territory_id": self.rt.territory_id, "now": TODAY}

    @property
    def till(self) -> Till:
        """Return the till of the first shop."""
        return self.demo.ended.tills[0]

    def pairing_path(self) -> str:
        """Return the address that pairs a device with the till; the one before is void."""
        code = transact(
            self.rt.engine, renew_pairing, till_id=self.till.id, actor=SOMEBODY, random_bytes=os.urandom,
            **self.common(),  # type: ignore[arg-type]
        )  # fmt: skip
        return f"{PAIRING_PATH}{code}"

    def sign_in_path(self) -> str:
        """Return a link that signs in somebody new who has every role."""
        more = {"actor": SOMEBODY, "random_bytes": os.urandom, **self.common()}
        person = transact(
            self.rt.engine, create_staff, login=f"a{os.urandom(4).hex()}", name="Camille Exemple", roles=STAFF_ROLES,
            keyring=self.rt.keyring, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        token = transact(self.rt.engine, create_sign_in_link, staff_id=person.staff_id, **more)  # type: ignore[arg-type]
        return f"/connexion/lien/{token}"

    @property
    def card_path(self) -> str:
        """Return the address of a household's card; the PIN is `pin`."""
        return f"{CARD_PATH}{self.demo.ended.counters.cards[self.household].token}"

    @property
    def card_number(self) -> str:
        """Return the number printed on that card."""
        return self.demo.ended.counters.cards[self.household].number

    @property
    def pin(self) -> str:
        """Return the PIN of that card."""
        return self.demo.ended.counters.pin_of(self.household)

    def counter_path(self) -> str:
        """Return the address of the first shop's counter card."""
        code = transact(
            self.rt.engine, issue_counter_card, merchant_id=self.till.merchant_id, actor=SOMEBODY,
            random_bytes=os.urandom, **self.common(),  # type: ignore[arg-type]
        )  # fmt: skip
        return f"{COUNTER_PATH}{code}"

    def request_code(self) -> str:
        """Return the code of a payment that the till asks for."""
        _, code = transact(
            self.rt.engine, request_payment, till=self.till, amount_cents=840, random_bytes=os.urandom,
            **self.common(),  # type: ignore[arg-type]
        )  # fmt: skip
        return code

    def endpoint_of(self, path: str) -> str | None:
        """Return the endpoint that a GET of a path reaches."""
        try:
            return self.app.url_map.bind("localhost").match(urlsplit(path).path, method="GET")[0]
        except (HTTPException, RequestRedirect):
            return None

    def never_seen(self) -> set[str]:
        """Return the addresses outside the API whose view nobody has reached, under any of its names."""
        views = self.app.view_functions
        shown = {views[endpoint] for endpoint in self.reached}
        rules = [rule for rule in self.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        screens = [rule for rule in rules if not rule.rule.startswith(("/api/", "/static/"))]
        return {rule.rule for rule in screens if views[rule.endpoint] not in shown}


@dataclass
class Visitor:
    """Somebody at a browser: where the walk begins, and what no link leads to."""

    name: str
    context: BrowserContext
    starts: tuple[str, ...]


def open_town(folder: Path) -> Town:
    """Live the small month, then let a bank line come that nothing explains, and a phone be bound."""
    demo = small_demo(folder / "out")
    rt = open_home(demo.home, base_url=demo.rt.base_url)
    rt.clock = lambda: TODAY
    town = Town(demo, rt, create_app(rt), household_with_most_left(rt, demo.ended))
    _close_again(town)
    with reading(rt.engine) as db:
        last = last_statement(db, territory_id=rt.territory_id)
    assert last is not None
    day = last.to_on + datetime.timedelta(days=1)
    iban = rt_iban(demo)
    statement = statement_xml(
        BankLine(cents=-500, on=day, text="PRLV INCONNU"),
        BankLine(cents=-300, on=day, text="FRAIS DE TENUE DE COMPTE", code=("ACMT", "MDOP", "CHRG")),
        identifier="REL-SUITE", opening=last.closing_cents, from_on=day, to_on=day, iban=iban,
    )  # fmt: skip
    transact(rt.engine, import_statement, content=statement, actor=SOMEBODY, **town.common())  # type: ignore[arg-type]
    _decide(town)
    card_id = demo.ended.counters.cards[town.household].card_id
    transact(
        rt.engine, bind_phone, card_id=card_id, public_key=pocket_phone().public_key, actor=f"holder:{card_id}",
        **town.common(),  # type: ignore[arg-type]
    )  # fmt: skip
    charge(
        engine=rt.engine, keyring=rt.keyring, writer=rt.writer, host=urlsplit(rt.base_url).netloc, till=town.till,
        card_code=demo.ended.counters.cards[town.household].number, pin=town.pin, amount_cents=120, idempotency_key=KEY,
        **town.common(),  # type: ignore[arg-type]
    )  # fmt: skip
    _debit_what_was_rejected(town, opening_cents=last.closing_cents - 800, on=TODAY.date())
    return town


def _debit_what_was_rejected(town: Town, *, opening_cents: int, on: datetime.date) -> None:
    """Pay the shop of the till, let the bank reject the transfer, then debit it all the same."""
    rt, common = town.rt, town.common()
    prepared = transact(
        rt.engine, prepare_payout, label="Novembre", cutoff_on=on, execution_on=on, minimum_cents=1, actor="staff:901",
        **common,  # type: ignore[arg-type]
    )  # fmt: skip
    payout = transact(rt.engine, approve_payout, payout_id=prepared.id, actor="staff:902", **common)  # type: ignore[arg-type]
    line = payout.lines[0]
    answer = status_report(group="PART", payments=[(line.end_to_end_id, "RJCT", "AC04")], order=payout.message_id)
    debit = BankLine(cents=-line.amount_cents, on=on, end_to_end_id=line.end_to_end_id, code=("PMNT", "ICDT", "ESCT"))
    statement = statement_xml(
        debit, identifier="REL-REJET", opening=opening_cents, from_on=on, to_on=on, iban=rt_iban(town.demo)
    )
    for content in (answer, statement):
        transact(rt.engine, import_statement, content=content, actor=SOMEBODY, **common)  # type: ignore[arg-type]


def _decide(town: Town) -> None:
    """Carry what nothing explains over the end of the month, so that a decision can be undone."""
    by = By(territory_id=town.rt.territory_id, actor=SOMEBODY, note="La banque cherche", now=TODAY)
    month = Month.of(TODAY.date())
    with reading(town.rt.engine) as db:
        (first, *_) = [
            each for each in differences(db, town.rt.territory_id, month) if each.state is DifferenceState.OPEN
        ]
    transact(town.rt.engine, carry, by=by, month=month, key=first.key)


def _close_again(town: Town) -> None:
    """Reopen the closed month and close it again, so that two closes of it are kept; the page of a run is there."""
    rt, month = town.rt, Month(2026, 10)
    with reading(rt.engine) as db:
        (close,) = closes_of(db, territory_id=rt.territory_id)
    one, other = {"actor": "staff:901", "now": TODAY}, {"actor": "staff:902", "now": TODAY}
    desk.ask_reopening(rt, close_id=close.close_id, reason="Une facture de frais oubliée", **one)  # type: ignore[arg-type]
    desk.reopen(rt, close_id=close.close_id, **other)  # type: ignore[arg-type]
    run = runs.start(
        rt, month=month, step=runs.PREPARE, actor="staff:901",
        work=lambda tell: desk.prepare(rt, month=month, carried_reason="Rien à reporter", tell=tell, **one),  # type: ignore[arg-type]
    )  # fmt: skip
    assert run.wait(60)
    with reading(rt.engine) as db:
        again = max(closes_of(db, territory_id=rt.territory_id), key=lambda each: each.close_id)
    later = TODAY + datetime.timedelta(minutes=1)
    desk.approve(rt, close_id=again.close_id, actor="staff:902", now=later)


def rt_iban(demo: Demo) -> str:
    """Return the account of the reserve, as the bank's last file names it."""
    text = b"".join(demo.ended.statements.values()).decode()
    found = re.search(r"<IBAN>(\w+)</IBAN>", text)
    assert found
    return found[1]


def visitors(town: Town, browser: Browser, **options: object) -> Iterator[Visitor]:
    """Yield a stranger, a till, a holder in each language, and somebody of the staff, each signed in by the pages.

    Args:
        town: served at `town.address`.
        browser: gives each a profile of its own.
        options: of the profile, such as java_script_enabled.

    """
    request_code = town.request_code()
    for language in ("fr-FR", "en-GB"):
        stranger = browser.new_context(locale=language, **options)  # type: ignore[arg-type]
        starts = (
            "/", "/connexion", town.sign_in_path(), town.card_path, f"{REQUEST_PATH}{request_code}",
            town.pairing_path(), town.counter_path(), "/telephone/", "/T/X", "/w/", "/w/au-revoir", "/nulle-part",
            "/telephone/service.js",
        )  # fmt: skip
        yield Visitor(f"visitor-{language[:2]}", stranger, starts)
        holder = browser.new_context(locale=language, **options)  # type: ignore[arg-type]
        page = holder.new_page()
        page.goto(town.address + town.card_path)
        page.locator("input[name=pin]").fill(town.pin)
        with page.expect_navigation():
            page.locator("main button[type=submit]").click()
        page.close()
        starts = (
            "/porte-monnaie", f"{REQUEST_PATH}{request_code}", town.counter_path(), "/porte-monnaie/telephones",
            "/porte-monnaie/telephones/1/retirer",
        )  # fmt: skip
        yield Visitor(f"holder-{language[:2]}", holder, starts)
    at_the_till = (
        "/caisse", "/caisse/journee", "/caisse/mois/2026-10", f"/caisse/demandes/{request_code}",
        f"/caisse/demandes/{request_code}/etat", f"/caisse/recu/{KEY}", "/caisse/recu/rien", "/caisse/remboursements",
        "/caisse/service-worker.js",
    )  # fmt: skip
    in_the_office = (
        "/bureau", "/bureau/arretes/2026-10", "/bureau/commercants/1/comptoir", "/nulle-part",
        "/bureau/exports/fec?year=2026", "/bureau/exports/journal?through=2026-10-31",
        "/bureau/exports/balance?through=2026-10-31", "/bureau/documents/2026-10",
        "/bureau/arretes/en-cours/1", "/bureau/banque/4", "/bureau/ecarts/2026-11",
    )  # fmt: skip
    for name, path, starts in (
        ("till", town.pairing_path(), at_the_till),
        ("staff", town.sign_in_path(), in_the_office),
    ):
        context = browser.new_context(locale="fr-FR", **options)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(town.address + path)
        with page.expect_navigation():
            page.locator("main button[type=submit]").click()
        page.close()
        yield Visitor(name, context, starts)


def pages_of(town: Town, visitor: Visitor) -> dict[str, str]:
    """Return an address for each kind of page that a visitor can open by links, and for each kind of error.

    What is downloaded is noted in `town.reached`, with the pages. A page that is the same for everybody is given to the
    first visitor only.
    """
    if visitor.name in town.walked:
        return town.walked[visitor.name]
    waiting, seen, pages = list(visitor.starts), set(), {}
    while waiting and len(seen) < ASKED_MAX:
        path = waiting.pop(0)
        endpoint = town.endpoint_of(path) or NOWHERE
        if path in seen or (endpoint in town.reached and path not in visitor.starts):
            continue
        seen.add(path)
        answer = visitor.context.request.get(town.address + path)
        if answer.ok and endpoint != NOWHERE:
            town.reached.add(endpoint)
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages.setdefault(endpoint if answer.ok else f"{endpoint}-{answer.status}", path)
            waiting += [unescape(plain or shouted) for plain, shouted in LINK.findall(answer.text())]
    town.walked[visitor.name] = pages
    return pages
