"""Render pages, redirect after a form, and say what was done."""

import datetime
from collections.abc import Callable

from flask import Flask, Response, current_app, flash, g, make_response, redirect, render_template, url_for

from monnaie_locale import runtime
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import assets, compression, headers, navigation
from monnaie_locale.web.filters import FILTERS

STATUS_OF = "web.status_of"
TOWN = "web.town"
DEMO = "web.is_demo"
HOME = "/"


def init_app(app: Flask, *, town: str, is_demo: bool, status_of: Callable[[Refusal], int]) -> None:
    """Give `app` the kit's templates, filters and context.

    Args:
        app: the application.
        town: the name shown in the header of every page.
        is_demo: whether every page says that it is a demonstration.
        status_of: the HTTP status of a refusal.

    """
    assets.init_app(app)
    compression.init_app(app)
    app.extensions[STATUS_OF] = status_of
    app.extensions[TOWN] = town
    app.extensions[DEMO] = is_demo
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    # Globals and not context: the macros of kit/forms.html are imported without the page's context.
    app.jinja_env.globals.update(asset=assets.asset, vendor_folder=assets.vendor_folder, csrf_token=csrf_token)
    app.jinja_env.globals["place"] = place
    app.context_processor(_context)


def render(template: str, *, status: int | None = None, camera: bool = False, **context: object) -> Response:
    """Return a page.

    Args:
        template: its path, namespaced by package.
        status: the HTTP status; by default 200, or the status of the `refusal` shown on the page.
        camera: whether the page scans codes; it then gets the headers that this needs.
        **context: what the template shows.

    """
    if camera:
        headers.use_camera()
    refusal = context.get("refusal")
    if status is None:
        status = status_of(refusal) if isinstance(refusal, Refusal) else 200
    return make_response(render_template(template, **context), status)


def see_other(endpoint: str, **values: str | int) -> Response:
    """Redirect after a form, so that reloading the next page repeats nothing."""
    return make_response(redirect(url_for(endpoint, **values), 303))  # type: ignore[arg-type]


def place(endpoint: str, **values: str | int) -> str:
    """Return the address of a page of another package, empty when that package is not on this application."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""  # type: ignore[arg-type]


def say(sentence: str, *, kind: str = "done") -> None:
    """Show a sentence at the top of the next page; `kind` is "done" or "warning"."""
    flash(sentence, kind)


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal."""
    status: int = current_app.extensions[STATUS_OF](refusal)
    return status


def csrf_token() -> str:
    """Return the token that the forms of this page send back; empty for a visitor without a session."""
    token: str = g.get("csrf_token", "")
    return token


def now() -> datetime.datetime:
    """Return the moment of this request; the same one however often it is asked."""
    if "now" not in g:
        g.now = runtime.current().clock()
    moment: datetime.datetime = g.now
    return moment


def _context() -> dict[str, object]:
    return {
        "menu": navigation.entries_of(current_app),
        "town": current_app.extensions[TOWN],
        "is_demo": current_app.extensions[DEMO],
        "home_url": HOME,
    }
