"""Pages: headers, errors, forms and what is shown of them, without a browser."""

import re
from collections.abc import Iterator

import pytest
from flask import Blueprint, abort
from sqlalchemy import Engine

from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.web import pages
from tests.factories.site import Site, build_site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def trouble() -> Blueprint:
    blueprint = Blueprint("trouble", __name__)

    @blueprint.get("/short")
    @access.public
    def short():
        raise InsufficientFunds(available_cents=1250)

    @blueprint.get("/broken")
    @access.public
    def broken():
        message = "secret detail"
        raise RuntimeError(message)

    @blueprint.get("/teapot")
    @access.public
    def teapot():
        abort(418)

    @blueprint.get("/camera")
    @access.public
    def camera():
        return pages.render("identity/accessibility.html", camera=True)

    return blueprint


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build a site on which things go wrong."""
    built = build_site(db_engine, blueprints=(trouble(),))
    yield built
    built.rt.stop()


def test_a_refusal_is_a_french_page_with_its_code_and_what_to_do_next(site: Site):
    answer = site.app.test_client().get("/short")

    assert answer.status_code == 409
    for shown in ("Solde insuffisant : il reste 12,50", "insufficient_funds", "Choisissez un montant plus petit"):
        assert shown in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "shown"),
    [
        ("GET", "/nothing", 404, "Page introuvable"),
        ("POST", "/accessibilite", 405, "Action impossible ici"),
        ("GET", "/broken", 500, "Une erreur s’est produite de notre côté"),
        ("GET", "/teapot", 418, "Demande illisible"),
    ],
)
def test_faults_are_french_pages_that_tell_no_secret(site: Site, method: str, path: str, status: int, shown: str):
    answer = site.app.test_client().open(path, method=method)

    assert answer.status_code == status
    assert shown in answer.text
    assert f"http_{status}" in answer.text
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_the_log_of_a_fault_holds_neither_query_nor_form(site: Site, caplog: pytest.LogCaptureFixture):
    site.app.test_client().get("/broken?card=0123456789ABCDEFGHJK")

    assert "trouble.broken" in caplog.text
    assert "0123456789ABCDEFGHJK" not in caplog.text


@pytest.mark.parametrize("path", ["/", "/connexion", "/nothing", "/short", "/broken", "/api/v1/nothing", "/camera"])
def test_every_answer_carries_the_security_headers(site: Site, path: str):
    headers = site.app.test_client().get(path).headers
    policy = headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert ("'wasm-unsafe-eval'" in policy) is (path == "/camera")
    assert headers["Permissions-Policy"].startswith("camera=(self)" if path == "/camera" else "camera=()")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_styles_are_kept_as_long_as_they_do_not_change(site: Site):
    client = site.app.test_client()
    address = re.search(r'href="(/static/kit\.css\?v=[0-9a-f]{12})"', client.get("/").text)

    assert "immutable" in client.get(address[1]).headers["Cache-Control"]
    assert client.get("/static/kit.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/nothing.css?v=1").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/connexion", "/accessibilite", "/nothing", "/personnel", "/personnel/nouveau"])
def test_every_page_has_what_a_screen_reader_needs_and_nothing_inline(site: Site, path: str):
    page = site.client_of(Role.OPERATOR).get(path).text

    assert '<html lang="fr">' in page
    assert re.search(r"<title>[^<]+ – Monnaie locale de Ville-Exemple</title>", page)
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert 'href="#contenu"' in page
    assert 'id="contenu"' in page
    assert "Démonstration" in page
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)|javascript:", page)
    for field in re.findall(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]*\sid="([^"]+)"', page):
        assert f'<label for="{field}"' in page or f'for="{field}"' in page
    for described in re.findall(r'aria-describedby="([^"]+)"', page):
        assert all(f'id="{part}"' in page for part in described.split())


def test_the_menu_shows_what_one_may_open(site: Site):
    assert "Personnel" in site.client_of(Role.OPERATOR).get("/").text
    assert "Personnel" not in site.client_of(Role.AGENT).get("/").text


def test_what_a_person_types_is_shown_as_text(site: Site):
    page = site.app.test_client().post("/connexion", data={"login": '"><script>alert(1)</script>'}).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_wrong_fields_are_named_beside_themselves_and_kept(site: Site):
    client = site.client_of(Role.OPERATOR)
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get("/personnel/nouveau").text)[1]

    answer = client.post("/personnel", data={"csrf_token": token, "name": "", "login": "camille", "role_agent": "1"})

    assert answer.status_code == 422
    assert 'aria-describedby="error-name" aria-invalid="true"' in answer.text
    assert 'value="camille"' in answer.text
    assert re.search(r'id="field-role_agent"[^>]* checked', answer.text)


def test_new_credentials_are_shown_once_and_work(site: Site):
    client = site.client_of(Role.OPERATOR)
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get("/personnel/nouveau").text)[1]
    form = {"csrf_token": token, "name": "Dominique", "login": "dominique", "role_auditor": "1"}
    page = client.post("/personnel", data=form).text

    password = re.search(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}", page)[0]
    assert "<svg" in page
    assert password not in client.get("/personnel").text
    again = client.post("/personnel", data=form)
    assert again.status_code == 409
    assert "L’identifiant « dominique » est déjà pris." in again.text


def test_one_cannot_change_ones_own_roles(site: Site):
    person = site.staff(Role.OPERATOR)
    client = site.app.test_client()
    site.sign_in(client, person)
    page = client.get(f"/personnel/{person.staff_id}").text

    assert "Vos propres rôles" in page
    assert "Enregistrer les rôles" not in page
