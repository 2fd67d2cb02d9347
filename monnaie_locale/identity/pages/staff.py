"""Staff, their roles, and the audit trail."""

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents import qr
from monnaie_locale.identity import access, operations, queries, totp
from monnaie_locale.identity.confirming import confirm_staff
from monnaie_locale.identity.errors import StaffUnknown
from monnaie_locale.identity.model import NewCredentials, StaffMember
from monnaie_locale.identity.roles import ROLE_NAMES, STAFF_ROLES, Permission, Role
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import navigation, pages
from monnaie_locale.web.forms import FormReader
from monnaie_locale.web.paging import ROWS_PER_PAGE, Page, offset_of, page_number

blueprint = Blueprint("staff", __name__, template_folder="../templates")
# A blueprint of its own: the menu marks where one is by the blueprint.
audit_blueprint = Blueprint("audit", __name__, template_folder="../templates")

ROLE_CHOICES = [(role, ROLE_NAMES[role]) for role in sorted(STAFF_ROLES)]


def init_app(app: Flask) -> None:
    """Add the pages and their lines in the menu."""
    app.register_blueprint(blueprint)
    app.register_blueprint(audit_blueprint)
    navigation.add(app, label="Personnel", endpoint="staff.index", permission=Permission.VIEW_STAFF, order=90)
    navigation.add(app, label="Journal des actions", endpoint="audit.index", permission=Permission.VIEW_AUDIT, order=95)


@blueprint.get("/personnel")
@access.requires(Permission.VIEW_STAFF)
def index() -> ResponseReturnValue:
    """List the staff."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        people = queries.list_staff(db, territory_id=rt.territory_id, keyring=rt.keyring)
    return pages.render("identity/staff.html", people=people, role_names=ROLE_NAMES)


@blueprint.get("/personnel/nouveau")
@access.requires(Permission.MANAGE_STAFF)
def new() -> ResponseReturnValue:
    """Show the form for a new staff member."""
    return pages.render("identity/staff_new.html", form=FormReader(), roles=ROLE_CHOICES)


@blueprint.post("/personnel")
@access.requires(Permission.MANAGE_STAFF)
def create() -> ResponseReturnValue:
    """Create a staff member and show, once, what they sign in with."""
    rt = runtime.current()
    form = FormReader(request.form)
    login, name, roles = form.text("login", length_max=32), form.text("name", length_max=80), _roles(form)
    if form.errors:
        return pages.render("identity/staff_new.html", status=422, form=form, roles=ROLE_CHOICES)
    try:
        credentials = transact(
            rt.engine,
            operations.create_staff,
            territory_id=rt.territory_id,
            login=login,
            name=name,
            roles=roles,
            keyring=rt.keyring,
            actor=access.subject().caller,
            now=pages.now(),
            random_bytes=rt.random_bytes,
        )
    except Refusal as refusal:
        return pages.render("identity/staff_new.html", form=form, roles=ROLE_CHOICES, refusal=refusal)
    return _show_credentials(credentials)


@blueprint.get("/personnel/<int:staff_id>")
@access.requires(Permission.VIEW_STAFF)
def show(staff_id: int) -> ResponseReturnValue:
    """Show one staff member."""
    person = _find(staff_id)
    rt = runtime.current()
    with reading(rt.engine) as db:
        proposers = [
            queries.name_of_caller(db, territory_id=rt.territory_id, caller=caller, keyring=rt.keyring)
            for caller in sorted(person.proposed_by)
        ]
    ticked = FormReader({f"role_{role}": "1" for role in person.roles | person.pending_roles})
    return pages.render(
        "identity/staff_member.html", person=person, proposers=proposers, form=ticked, roles=ROLE_CHOICES
    )


@blueprint.post("/personnel/<int:staff_id>/roles")
@access.requires(Permission.MANAGE_STAFF)
def set_roles(staff_id: int) -> ResponseReturnValue:
    """Give exactly the ticked roles."""
    rt = runtime.current()
    form = FormReader(request.form)
    transact(
        rt.engine,
        operations.set_roles,
        territory_id=rt.territory_id,
        staff_id=staff_id,
        roles=_roles(form),
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Les rôles sont enregistrés. Un rôle nouveau attend la confirmation d’une autre personne.")
    return pages.see_other("staff.show", staff_id=staff_id)


@blueprint.post("/personnel/<int:staff_id>/acces")
@access.requires(Permission.MANAGE_STAFF)
def set_active(staff_id: int) -> ResponseReturnValue:
    """Let a staff member in, or out."""
    rt = runtime.current()
    active = request.form.get("active") == "1"
    transact(
        rt.engine,
        operations.set_active,
        territory_id=rt.territory_id,
        staff_id=staff_id,
        active=active,
        actor=access.subject().caller,
        now=pages.now(),
    )
    reopened = "L’accès sera ouvert dès qu’une autre personne l’aura confirmé."
    pages.say(reopened if active else "L’accès est fermé, et les sessions sont terminées.")
    return pages.see_other("staff.show", staff_id=staff_id)


@blueprint.post("/personnel/<int:staff_id>/identifiants")
@access.requires(Permission.MANAGE_STAFF)
def renew_credentials(staff_id: int) -> ResponseReturnValue:
    """Draw a new password and code, and show them once."""
    rt = runtime.current()
    credentials = transact(
        rt.engine,
        operations.renew_credentials,
        territory_id=rt.territory_id,
        staff_id=staff_id,
        keyring=rt.keyring,
        actor=access.subject().caller,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    return _show_credentials(credentials)


@blueprint.post("/personnel/<int:staff_id>/confirmation")
@access.requires(Permission.CONFIRM_STAFF)
def confirm(staff_id: int) -> ResponseReturnValue:
    """Confirm what another person prepared: the access, the credentials, the roles."""
    rt = runtime.current()
    transact(
        rt.engine,
        confirm_staff,
        territory_id=rt.territory_id,
        staff_id=staff_id,
        keyring=rt.keyring,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("L’accès et les rôles sont confirmés.")
    return pages.see_other("staff.show", staff_id=staff_id)


@audit_blueprint.get("/journal-des-actions", endpoint="index")
@access.requires(Permission.VIEW_AUDIT)
def audit() -> ResponseReturnValue:
    """Show the audit trail, newest first."""
    rt = runtime.current()
    number = page_number(request.args.get("page"))
    with reading(rt.engine) as db:
        events = queries.audit_events_page(
            db, territory_id=rt.territory_id, offset=offset_of(number), limit=ROWS_PER_PAGE
        )
        total = queries.count_audit_events(db, territory_id=rt.territory_id)
    return pages.render("identity/audit.html", page=Page(events, number, total))


def _find(staff_id: int) -> StaffMember:
    rt = runtime.current()
    with reading(rt.engine) as db:
        person = queries.find_staff(db, territory_id=rt.territory_id, staff_id=staff_id, keyring=rt.keyring)
    if person is None:
        raise StaffUnknown
    return person


def _roles(form: FormReader) -> frozenset[Role]:
    return frozenset(role for role in STAFF_ROLES if form.checked(f"role_{role}"))


def _show_credentials(credentials: NewCredentials) -> ResponseReturnValue:
    secret = credentials.totp_secret
    address = totp.enrolment_address(secret=secret, login=credentials.login, issuer="Monnaie locale")
    return pages.render(
        "identity/credentials.html",
        credentials=credentials,
        secret=totp.secret_text(secret),
        enrolment=qr.svg(address, label="Code d’enrôlement à scanner avec l’application d’authentification"),
    )
