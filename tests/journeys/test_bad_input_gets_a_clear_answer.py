"""Bad input gets a clear answer, and nothing is lost: each case of issue 2, over the JSON API and on the pages.

Each is a refusal with its stable code, its HTTP status, its sentence in French, and no trace in the books.
"""

import base64
import datetime
import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from merchants.model import Till
from merchants.shops.operations import renew_pairing
from monnaie_locale.api.openapi import catalogue
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.ledger import TERRITORY_ID, World
from tests.factories.market import HOST, Market, issue, market_at
from tests.factories.merchants import MANAGER, admit, iban, paired
from tests.factories.month import Month2026, moment, open_month_in, statement_xml
from tests.factories.site import Site, build_site, csrf_token
from wallets.codes.card_token import card_url, draw_token
from wallets.operations.cards import block_card

OCTOBER = "/bureau/arretes/2026-10"
PREPARED = {"label": "Octobre", "expires_on": "2026-12-31"}
# Everything that an operation on the books may leave behind; the audit trail and the PIN's tries are not books.
BOOKS = (
    "accounts", "balances", "journal_entries", "transfers", "ledger_heads", "closed_periods", "log_heads",
    "distributions", "distribution_lines", "bank_statements", "bank_lines", "closes",
)  # fmt: skip


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build the whole application and stop it after the test."""
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


def books(site: Site) -> dict[str, list[tuple[object, ...]]]:
    with reading(site.rt.engine) as db:
        return {table: sorted(map(tuple, db.execute(text(f"SELECT * FROM {table}"))), key=repr) for table in BOOKS}


class Desk:
    """Somebody, or a till, with a key for programs and a browser for the pages; each answer is checked whole."""

    def __init__(self, site: Site, kind: SubjectKind, subject_id: int, browser: FlaskClient, home: str) -> None:
        self.site, self.browser, self.home, self.count = site, browser, home, 0
        self.key = transact(
            site.rt.engine,
            issue_api_key,
            territory_id=TERRITORY_ID,
            kind=kind,
            subject_id=subject_id,
            label="test",
            actor="job:test",
            now=site.clock(),
            random_bytes=site.rt.random_bytes,
        )

    def send(self, path: str, body: dict[str, Any] | None = None) -> TestResponse:
        """Write by JSON under a fresh key."""
        self.count += 1
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"bad-{self.count}"}
        return self.site.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)

    def fill(self, path: str, **fields: object) -> TestResponse:
        """Send a form from the browser."""
        self.count += 1
        hidden = {"csrf_token": csrf_token(self.browser, self.home), "key": f"page-{self.count}"}
        return self.browser.post(path, data=hidden | fields)

    def refused(self, path: str, body: dict[str, Any] | None, status: int, code: str) -> dict[str, Any]:
        """Check the problem that a program gets; return its details."""
        before = books(self.site)
        answer = self.send(path, body)
        assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
        assert answer.content_type == "application/problem+json"
        refusal = catalogue(self.site.app)[code](**answer.json["details"])
        assert answer.json["title"] == refusal.sentence() != refusal.english()
        assert books(self.site) == before, code
        details: dict[str, Any] = answer.json["details"]
        return details

    def told(self, path: str, status: int, sentence: str, **fields: object) -> None:
        """Check the page that a person gets."""
        before = books(self.site)
        page = self.fill(path, **fields)
        assert page.status_code == status, (sentence, page.text)
        assert str(escape(sentence)) in page.text, page.text
        assert '<html lang="fr"' in page.text
        assert books(self.site) == before, sentence


def till_desk(site: Site, till: Till) -> Desk:
    """Pair the till's device, as the shop would, and give its program a key."""
    browser = site.app.test_client()
    code = transact(
        site.rt.engine,
        renew_pairing,
        territory_id=TERRITORY_ID,
        till_id=till.id,
        actor=MANAGER,
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )
    assert browser.post(f"/caisse/appairer/{code}").status_code == 303
    return Desk(site, SubjectKind.TILL, till.id, browser, "/caisse")


def staff_desk(site: Site, *roles: Role) -> Desk:
    person, browser = site.staff(*roles), site.app.test_client()
    assert site.sign_in(browser, person).status_code == 303
    return Desk(site, SubjectKind.STAFF, person.staff_id, browser, "/bureau")


def scanned(market: Market) -> str:
    return card_url(host=HOST, token=market.card.token)


def test_a_wrong_amount_pays_nothing(site: Site) -> None:
    market = market_at(site)
    till = till_desk(site, market.till)
    for amount, code in ((0, "amount_not_positive"), (-5, "amount_not_positive"), (2**53, "amount_too_large")):
        till.refused("/charges", {"card": scanned(market), "amount_cents": amount}, 422, code)
    for shapeless in (12.5, 12.0, "12", True, None):
        till.refused("/charges", {"card": scanned(market), "amount_cents": shapeless}, 422, "body_invalid")
    typed = (
        ("0", "Le montant doit être supérieur à zéro."),
        ("-5", "Le montant doit être supérieur à zéro."),
        ("12,505", "Écrivez un montant en euros, par exemple 12,50."),
        ("90071992547409,92", "Le montant est trop grand."),
    )
    for amount, sentence in typed:
        till.told("/caisse", 422, sentence, card=scanned(market), amount=amount)
    # The control: the same till, the same card, an amount.
    assert till.send("/charges", {"card": scanned(market), "amount_cents": 500}).status_code == 201
    assert till.fill("/caisse", card=scanned(market), amount="5,00").status_code == 303
    assert market.purse() == 9_000


def test_a_card_that_may_not_pay_pays_nothing(site: Site) -> None:
    market = market_at(site)
    till = till_desk(site, market.till)
    wrong = f"{(int(market.card.pin) + 1) % 10_000:04d}"
    blocked = issue(market.world, market.keyring, reference="M-BLOQUE")
    market.world.issue(blocked.wallet_id, 5_000)
    transact(
        site.rt.engine, block_card, territory_id=TERRITORY_ID, card_id=blocked.card_id, actor=MANAGER, now=site.clock()
    )
    refused = "Carte ou code secret refusé."
    unknown = card_url(host=HOST, token=draw_token(site.rt.random_bytes))
    cases: tuple[tuple[dict[str, str], int, str, str], ...] = (
        ({"card": unknown}, 403, "card_refused", refused),
        ({"card": card_url(host=HOST, token=blocked.token)}, 403, "card_refused", refused),
        ({"card": scanned(market), "pin": wrong}, 403, "card_refused", refused),
        ({"card": "pas-une-carte"}, 422, "card_malformed", "Ce code n’est pas celui d’une carte."),
        ({"card": market.card.number}, 403, "pin_required", "Le porteur doit taper son code secret."),
        ({"card": scanned(market), "pin": "12"}, 422, "pin_malformed", "Le code secret a quatre chiffres."),
    )
    for typed, status, code, sentence in cases:
        till.refused("/charges", {"amount_cents": 100, **typed}, status, code)
        till.told("/caisse", status, sentence, amount="1,00", **typed)
    assert market.purse() == 10_000


def test_what_the_purses_do_not_allow_is_not_paid_and_says_what_is_left(site: Site) -> None:
    market = market_at(site)
    till = till_desk(site, market.till)
    card = {"card": scanned(market), "pin": market.card.pin}
    short = till.refused("/charges", {"amount_cents": 10_001, **card}, 409, "insufficient_funds")
    assert short["available_cents"] == 10_000
    till.told("/caisse", 409, "100,00", amount="100,01", **card)

    bus = till_desk(site, paired(market.world, admit(market.world, 2, category="transport")))
    bus.refused("/charges", {"amount_cents": 100, **card}, 403, "merchant_not_eligible")
    bus.told("/caisse", 403, "Elle paie : Alimentation", amount="1,00", **card)

    site.clock.now = datetime.datetime(2027, 1, 1, 12, tzinfo=datetime.UTC)
    till.refused("/charges", {"amount_cents": 100, **card}, 410, "purse_expired")
    till.told("/caisse", 410, "a expiré le 31/12/2026", amount="1,00", **card)


def test_a_distribution_unfunded_unapproved_or_from_a_bad_file_gives_nothing(site: Site) -> None:
    market = market_at(site)
    manager, approver = staff_desk(site, Role.PROGRAMME_MANAGER), staff_desk(site, Role.APPROVER)
    expires = {"expires_on": "2026-12-31", "label": "Octobre"}
    bad = (
        ("M-001;10\nM-404;5\n", 3, "reference"),
        ("M-001;10\nM-001;5\n", 3, "reference"),
        ("M-001;dix\n", 2, "montant"),
        ("M-001;0\n", 2, "montant"),
    )
    for lines, line, column in bad:
        csv = f"reference;montant\n{lines}"
        details = manager.refused("/programmes/1/distributions/csv", {"csv": csv, **PREPARED}, 422, "csv_line_invalid")
        assert (details["line"], details["column"]) == (line, column)
        file = (io.BytesIO(csv.encode()), "aides.csv")
        manager.told("/bureau/dispositifs/1/distribuer", 422, f"Ligne {line}, colonne", file=file, **expires)

    # Programme 2 was never funded.
    lines = [{"wallet_id": market.card.wallet_id, "amount_cents": 500}]
    assert manager.send("/programmes/2/distributions", {"lines": lines, **PREPARED}).status_code == 201
    approver.refused("/distributions/1/post", None, 409, "distribution_not_approved")
    approver.told("/bureau/distributions/1/verser", 409, "n’est pas validée")
    assert approver.send("/distributions/1/approve").status_code == 200
    missing = approver.refused("/distributions/1/post", None, 409, "distribution_unfunded")
    assert (missing["missing_cents"], missing["available_cents"]) == (500, 0)
    approver.told("/bureau/distributions/1/verser", 409, "il manque 5,00")


def test_a_statement_that_is_not_ours_or_not_sound_is_not_imported(site: Site) -> None:
    month = open_month_in(World(site.rt.engine), keyring=site.rt.keyring)
    site.clock.now = moment(11)
    accountant = staff_desk(site, Role.ACCOUNTANT)
    period = {"identifier": "X", "opening": 0, "from_on": moment(1).date(), "to_on": moment(10).date()}
    cases: list[tuple[bytes, int, str, str]] = [
        (b"Date;Montant\n", 422, "statement_not_xml", "Ce fichier n’est pas"),
        (b"<a><b/></a>", 422, "statement_not_camt053", "camt.053"),
        (statement_xml(**period, iban=iban(99)), 422, "statement_not_ours", "Ce relevé concerne"),
        (statement_xml(**period, closing=1), 422, "statement_does_not_add_up", "relevé"),
    ]
    for content, status, code, sentence in cases:
        refused_statement(accountant, content, status, code, sentence)
    assert accountant.send("/statements", encoded(month.first_statement())).status_code == 201
    refused_statement(accountant, month.first_statement(), 409, "statement_already_imported", "déjà importé")


def encoded(content: bytes) -> dict[str, str]:
    return {"camt053_base64": base64.b64encode(content).decode()}


def refused_statement(desk: Desk, content: bytes, status: int, code: str, sentence: str) -> None:
    desk.refused("/statements", encoded(content), status, code)
    desk.told("/bureau/banque", status, sentence, file=(io.BytesIO(content), "releve.xml"))


def test_a_month_is_closed_once(site: Site) -> None:
    month = open_month_in(World(site.rt.engine), keyring=site.rt.keyring)
    closed_month(site, month)
    accountant, approver = staff_desk(site, Role.ACCOUNTANT), staff_desk(site, Role.APPROVER)

    accountant.refused("/closes", {"month": "2026-10"}, 409, "month_already_closed")
    accountant.told(f"{OCTOBER}/preparer", 409, "est déjà arrêté", carried_reason="")
    approver.refused("/closes/1/approval", None, 409, "month_already_closed")
    approver.told("/bureau/arretes/1/approuver", 409, "est déjà arrêté")


def closed_month(site: Site, month: Month2026) -> None:
    month.live()
    site.clock.now = moment(3, 11)
    assert month.approve(month.prepare()).certificate
