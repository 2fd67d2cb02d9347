"""Staff over JSON: hired by one person, confirmed by another; credentials are given once and never stored."""

from typing import Any

from flask import Flask
from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Reply
from monnaie_locale.identity import confirming, errors, operations, queries, totp
from monnaie_locale.identity.model import NewCredentials, StaffMember
from monnaie_locale.identity.roles import Permission, Role

NAME_LENGTH_MAX = 80
LOGIN_LENGTH_MAX = 32

blueprint = api_blueprint("staff_api", __name__)


def init_app(app: Flask) -> None:
    """Add the endpoints."""
    app.register_blueprint(blueprint)


class StaffBody(Body):
    """Somebody to hire."""

    login: str = Field(max_length=LOGIN_LENGTH_MAX)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    roles: list[Role] = Field(strict=False)


class RolesBody(Body):
    """Exactly these roles."""

    roles: list[Role] = Field(strict=False)


class AccessReply(Reply):
    """What a staff member may do; what waits for a second person grants nothing. No name: this answer is stored."""

    id: int
    roles: list[Role]
    pending_roles: list[Role]
    is_active: bool
    is_confirmed: bool
    proposed_by: list[str]


class StaffReply(AccessReply):
    """A staff member."""

    login: str
    name: str


class StaffListReply(Reply):
    """The staff, by login."""

    staff: list[StaffReply]


class CredentialsReply(Reply):
    """What the person signs in with, once a second person has confirmed it."""

    staff_id: int
    login: str
    password: str
    totp_secret: str


@endpoint(
    blueprint, "GET", "/staff", summary="List the staff", permission=Permission.VIEW_STAFF, answers=StaffListReply
)
def list_staff(db: Connection, *, call: Call) -> StaffListReply:
    """List who has access, and what waits for a confirmation."""
    del call
    rt = runtime.current()
    people = queries.list_staff(db, territory_id=rt.territory_id, keyring=rt.keyring)
    return StaffListReply(
        staff=[StaffReply(**_access(person), login=person.login, name=person.name) for person in people]
    )


@endpoint(
    blueprint,
    "POST",
    "/staff",
    summary="Hire somebody",
    permission=Permission.MANAGE_STAFF,
    body=StaffBody,
    answers=CredentialsReply,
    status=201,
    refusals=(errors.LoginMalformed, errors.StaffNameMissing, errors.RoleUnknown, errors.LoginTaken),
    idempotent="secret",
)
def create_staff(db: Connection, *, body: StaffBody, call: Call) -> CredentialsReply:
    """Create an account and give its credentials once; it opens when a second person confirms it."""
    rt = runtime.current()
    created = operations.create_staff(
        db,
        territory_id=rt.territory_id,
        login=body.login,
        name=body.name,
        roles=body.roles,
        keyring=rt.keyring,
        actor=call.caller,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    return _credentials(created)


@endpoint(
    blueprint,
    "PUT",
    "/staff/<int:staff_id>/roles",
    summary="Set somebody's roles",
    permission=Permission.MANAGE_STAFF,
    body=RolesBody,
    answers=AccessReply,
    refusals=(errors.RoleUnknown, errors.StaffUnknown, errors.OwnAccount),
    idempotent="stored",
)
def set_staff_roles(db: Connection, *, body: RolesBody, call: Call, staff_id: int) -> AccessReply:
    """Give exactly these roles; a new one waits for a second person, a former one ends at once."""
    town = runtime.current().territory_id
    operations.set_roles(db, territory_id=town, staff_id=staff_id, roles=body.roles, actor=call.caller, now=call.now)
    return _found(db, staff_id)


@endpoint(
    blueprint,
    "POST",
    "/staff/<int:staff_id>/credentials",
    summary="Renew somebody's credentials",
    permission=Permission.MANAGE_STAFF,
    answers=CredentialsReply,
    refusals=(errors.StaffUnknown, errors.OwnAccount),
    idempotent="secret",
)
def renew_staff_credentials(db: Connection, *, call: Call, staff_id: int) -> CredentialsReply:
    """Draw new credentials; the old ones, sessions, keys and links end at once."""
    rt = runtime.current()
    renewed = operations.renew_credentials(
        db,
        territory_id=rt.territory_id,
        staff_id=staff_id,
        keyring=rt.keyring,
        actor=call.caller,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    return _credentials(renewed)


@endpoint(
    blueprint,
    "POST",
    "/staff/<int:staff_id>/close",
    summary="Close somebody's access",
    permission=Permission.MANAGE_STAFF,
    answers=AccessReply,
    refusals=(errors.StaffUnknown, errors.OwnAccount),
    idempotent="stored",
)
def close_staff(db: Connection, *, call: Call, staff_id: int) -> AccessReply:
    """Close an access: sessions, keys and links end at once."""
    return _switched(db, call=call, staff_id=staff_id, active=False)


@endpoint(
    blueprint,
    "POST",
    "/staff/<int:staff_id>/reopen",
    summary="Open somebody's access again",
    permission=Permission.MANAGE_STAFF,
    answers=AccessReply,
    refusals=(errors.StaffUnknown, errors.OwnAccount),
    idempotent="stored",
)
def reopen_staff(db: Connection, *, call: Call, staff_id: int) -> AccessReply:
    """Open a closed access again, once a second person confirms it."""
    return _switched(db, call=call, staff_id=staff_id, active=True)


@endpoint(
    blueprint,
    "POST",
    "/staff/<int:staff_id>/confirmation",
    summary="Confirm somebody's access and roles",
    permission=Permission.CONFIRM_STAFF,
    answers=AccessReply,
    refusals=(errors.StaffUnknown, errors.NothingToConfirm, errors.ConfirmedByMaker),
    idempotent="stored",
)
def confirm_staff(db: Connection, *, call: Call, staff_id: int) -> AccessReply:
    """Confirm all that waits; who prepared it does not."""
    rt = runtime.current()
    confirming.confirm_staff(
        db, territory_id=rt.territory_id, staff_id=staff_id, keyring=rt.keyring, actor=call.caller, now=call.now
    )
    return _found(db, staff_id)


def _switched(db: Connection, *, call: Call, staff_id: int, active: bool) -> AccessReply:
    town = runtime.current().territory_id
    operations.set_active(db, territory_id=town, staff_id=staff_id, active=active, actor=call.caller, now=call.now)
    return _found(db, staff_id)


def _found(db: Connection, staff_id: int) -> AccessReply:
    rt = runtime.current()
    person = queries.find_staff(db, territory_id=rt.territory_id, staff_id=staff_id, keyring=rt.keyring)
    if person is None:
        raise errors.StaffUnknown
    return AccessReply(**_access(person))


def _access(person: StaffMember) -> dict[str, Any]:
    return {
        "id": person.id,
        "roles": sorted(person.roles),
        "pending_roles": sorted(person.pending_roles),
        "is_active": person.is_active,
        "is_confirmed": person.is_confirmed,
        "proposed_by": sorted(person.proposed_by),
    }


def _credentials(drawn: NewCredentials) -> CredentialsReply:
    return CredentialsReply(
        staff_id=drawn.staff_id,
        login=drawn.login,
        password=drawn.password,
        totp_secret=totp.secret_text(drawn.totp_secret),
    )
