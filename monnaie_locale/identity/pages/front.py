"""The front page, and what we say about accessibility."""

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue

from monnaie_locale.identity import access
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.web import navigation, pages

blueprint = Blueprint("front", __name__, template_folder="../templates")


def init_app(app: Flask) -> None:
    """Add the two pages."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
@access.public
def home() -> ResponseReturnValue:
    """Show the ways in; to a staff member, the menu."""
    staff = access.session_of(SubjectKind.STAFF)
    entries = [entry for entry in navigation.entries_of(current_app) if staff and staff.may(entry.permission)]
    return pages.render("identity/home.html", staff=staff, entries=entries, doors=navigation.doors_of(current_app))


@blueprint.get("/accessibilite")
@access.public
def accessibility() -> ResponseReturnValue:
    """Show the accessibility statement."""
    return pages.render("identity/accessibility.html")
