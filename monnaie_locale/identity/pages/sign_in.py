"""Sign in, sign out, and sign-in links."""

from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import access, operations
from monnaie_locale.identity.errors import SignInRefused
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.identity.sign_in import sign_in as check_sign_in
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint("identity", __name__, template_folder="../templates")

NEXT_LENGTH_MAX = 500


def init_app(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(blueprint)


@blueprint.get("/connexion")
@access.public
def sign_in() -> ResponseReturnValue:
    """Show the sign-in form."""
    return pages.render("identity/sign_in.html", form=FormReader(), next=_next_address())


@blueprint.post("/connexion")
@access.public
def sign_in_now() -> ResponseReturnValue:
    """Check login, password and code; open a session under a new token."""
    rt = runtime.current()
    form = FormReader(request.form)
    login, code = form.text("login", length_max=64), form.text("code", length_max=16)
    # Not `form.text`: a space at either end of a password is part of it.
    password = request.form.get("password", "")
    try:
        signed_in = check_sign_in(
            rt.engine,
            keyring=rt.keyring,
            territory_id=rt.territory_id,
            login=login,
            password=password,
            code=code,
            now=pages.now(),
            random_bytes=rt.random_bytes,
            device_token=access.device_token(),
        )
    except SignInRefused as refusal:
        return pages.render("identity/sign_in.html", form=form, next=_next_address(), refusal=refusal)
    _end_session()
    response = access.attach(_go_on(), kind=SubjectKind.STAFF, token=signed_in.session_token)
    return access.attach_device(response, token=signed_in.device_token)


@blueprint.post("/deconnexion")
@access.requires(Permission.OWN_SESSION)
def sign_out() -> ResponseReturnValue:
    """End the session in the database, then take the cookie away."""
    kind = access.subject().kind
    token = access.session_token(kind)
    rt = runtime.current()
    if token is not None:
        transact(rt.engine, operations.end_session, territory_id=rt.territory_id, token=token)
    pages.say("Vous êtes déconnecté.")
    return access.detach(pages.see_other("front.home"), kind=kind)


@blueprint.get("/connexion/lien/<token>")
@access.public
def show_link(token: str) -> ResponseReturnValue:
    """Show a button: a link that is merely looked at, by a mail filter say, is not spent."""
    return pages.render("identity/link.html", token=token)


@blueprint.post("/connexion/lien/<token>")
@access.public
def use_link(token: str) -> ResponseReturnValue:
    """Spend the link and open a session."""
    rt = runtime.current()
    session_token = transact(
        rt.engine,
        operations.use_sign_in_link,
        territory_id=rt.territory_id,
        token=token,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    _end_session()
    return access.attach(pages.see_other("front.home"), kind=SubjectKind.STAFF, token=session_token)


def _end_session() -> None:
    # The browser's former session must not outlive the change of person.
    former = access.session_token(SubjectKind.STAFF)
    if former is not None:
        rt = runtime.current()
        transact(rt.engine, operations.end_session, territory_id=rt.territory_id, token=former)


def _next_address() -> str:
    """Return the page to go on to: an address on this site, or nothing."""
    wanted = request.values.get("suite", "")
    inside = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if inside and len(wanted) <= NEXT_LENGTH_MAX else ""


def _go_on() -> Response:
    address = _next_address()
    if not address:
        return pages.see_other("front.home")
    response = pages.see_other("front.home")
    response.headers["Location"] = address
    return response
