"""Put the kits, the guard and identity's pages on an application, in the one order that works."""

from collections.abc import Iterable

from flask import Flask

from monnaie_locale import runtime
from monnaie_locale.api import health, openapi, problems
from monnaie_locale.identity import access, errors
from monnaie_locale.identity.pages import front, sign_in, staff
from monnaie_locale.journal.directory import Territory
from monnaie_locale.ledger import errors as ledger_errors
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import Runtime
from monnaie_locale.web import addresses, error_pages, headers
from monnaie_locale.web import pages as web_pages

UPLOAD_BYTES_MAX = 8 * 1024 * 1024


def init_app(app: Flask, rt: Runtime, *, territory: Territory, refusals: Iterable[type[Refusal]] = ()) -> None:
    """Make `app` a site of the house: runtime, headers, error pages, guard, API document, identity's pages.

    Args:
        app: an application made with `Flask(name, static_folder=None)`.
        rt: the running service's parts.
        territory: whose name the pages show.
        refusals: those of every other package, for the API's catalogue.

    """
    https = rt.base_url.startswith("https:")
    app.extensions[runtime.EXTENSION] = rt
    app.config["MAX_CONTENT_LENGTH"] = UPLOAD_BYTES_MAX
    app.config["SESSION_COOKIE_NAME"] = "__Host-monnaie-notice" if https else "monnaie-notice"
    app.config["SESSION_COOKIE_SECURE"] = https
    app.config["SESSION_COOKIE_HTTPONLY"] = True
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    # Flask's own session holds one thing: the sentence shown on the next page. Who is signed in is not in it.
    app.secret_key = rt.keyring.derive("notices")
    addresses.init_app(app)
    headers.init_app(app, https=https)
    error_pages.init_app(app, api_answer=problems.answer)
    web_pages.init_app(app, town=territory.name, is_demo=territory.is_demo, status_of=problems.status_of)
    access.init_app(app)
    health.init_app(app)
    openapi.init_app(app, refusals=(*ledger_errors.REFUSALS, *errors.REFUSALS, *refusals))
    front.init_app(app)
    sign_in.init_app(app)
    staff.init_app(app)
