"""What changes staff, sessions, links and API keys. Each takes the connection and leaves a line in the audit trail."""

import datetime
import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit, errors, tokens, totp
from monnaie_locale.identity.api_keys import revoke_api_keys_of
from monnaie_locale.identity.confirming import confirmed_at_once
from monnaie_locale.identity.model import SESSION_LIFE_MS, NewCredentials
from monnaie_locale.identity.roles import STAFF_ROLES, Role, SubjectKind
from monnaie_locale.identity.tables import sessions, sign_in_devices, sign_in_links, staff, staff_roles
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms

LOGIN = re.compile(r"[a-z0-9][a-z0-9.-]{1,31}")
PASSWORD_LENGTH_MIN = 12
LINK_LIFE = datetime.timedelta(hours=24)

RandomBytes = Callable[[int], bytes]


def create_staff(
    db: Connection,
    *,
    territory_id: int,
    login: str,
    name: str,
    roles: Iterable[Role],
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
    password: str | None = None,
) -> NewCredentials:
    """Create a staff member and return what they sign in with, to be shown once.

    They enter when a second person has confirmed it (`confirming.confirm_staff`).

    Args:
        db: the transaction.
        territory_id: whose staff.
        login: 2 to 32 lower-case letters, digits, dots, hyphens.
        name: shown on pages; stored sealed.
        roles: of `STAFF_ROLES`.
        keyring: hashes and seals.
        actor: the caller who does it.
        now: aware UTC.
        random_bytes: the source of randomness.
        password: at least 12 characters; drawn when not given.

    Refuses: login_malformed, staff_name_missing, password_too_short, role_unknown, login_taken.

    """
    roles = _check_new_staff(db, territory_id=territory_id, login=login, name=name, roles=roles, password=password)
    staff_id = next_id(db, staff, territory_id=territory_id)
    credentials, columns = _draw_credentials(keyring, random_bytes, staff_id=staff_id, login=login, password=password)
    columns |= {"id": staff_id, "login": login, "sealed_name": keyring.seal({"name": name.strip()})}
    columns |= {"territory_id": territory_id, "is_active": True, "created_at_ms": instant_ms(now)}
    columns |= {"opened_by": actor, "credentials_by": actor, "confirmed_by": confirmed_at_once(actor)}
    db.execute(insert(staff), columns)
    _insert_roles(db, territory_id=territory_id, staff_id=staff_id, roles=roles, actor=actor)
    granted = " ".join(sorted(roles))
    _record(
        db, territory_id=territory_id, staff_id=staff_id, now=now, actor=actor, action="staff.create", roles=granted
    )
    return credentials


def set_roles(
    db: Connection, *, territory_id: int, staff_id: int, roles: Iterable[Role], actor: str, now: datetime.datetime
) -> None:
    """Give a staff member exactly these roles; a new one waits for a second person, a former one ends at once.

    Refuses: role_unknown, staff_unknown, own_account.
    """
    roles = frozenset(roles)
    if not roles <= STAFF_ROLES:
        raise errors.RoleUnknown
    _other_staff(db, territory_id=territory_id, staff_id=staff_id, actor=actor)
    mine = (staff_roles.c.territory_id == territory_id) & (staff_roles.c.staff_id == staff_id)
    before = frozenset(Role(role) for role in db.scalars(select(staff_roles.c.role).where(mine)))
    for role in before - roles:
        db.execute(delete(staff_roles).where(mine, staff_roles.c.role == role.value))
    _insert_roles(db, territory_id=territory_id, staff_id=staff_id, roles=roles - before, actor=actor)
    _record(
        db,
        territory_id=territory_id,
        staff_id=staff_id,
        now=now,
        actor=actor,
        action="staff.set_roles",
        before=" ".join(sorted(before)),
        after=" ".join(sorted(roles)),
    )


def grant_role(
    db: Connection, *, territory_id: int, staff_id: int, role: Role, actor: str, now: datetime.datetime
) -> None:
    """Add one role. Refuses: role_unknown, staff_unknown, own_account."""
    mine = (staff_roles.c.territory_id == territory_id) & (staff_roles.c.staff_id == staff_id)
    held = {Role(name) for name in db.scalars(select(staff_roles.c.role).where(mine))}
    set_roles(db, territory_id=territory_id, staff_id=staff_id, roles=held | {role}, actor=actor, now=now)


def set_active(
    db: Connection, *, territory_id: int, staff_id: int, active: bool, actor: str, now: datetime.datetime
) -> None:
    """Let a staff member in, once a second person confirms it, or out: then whatever lets them in ends at once.

    Refuses: staff_unknown, own_account.
    """
    _other_staff(db, territory_id=territory_id, staff_id=staff_id, actor=actor)
    mine = (staff.c.territory_id == territory_id) & (staff.c.id == staff_id) & (staff.c.is_active != active)
    if active:
        reopened = {"opened_by": actor, "confirmed_by": confirmed_at_once(actor)}
        db.execute(update(staff).where(mine).values(is_active=True, **reopened))
    else:
        db.execute(update(staff).where(mine).values(is_active=False))
        _end_access(db, territory_id=territory_id, staff_id=staff_id, actor=actor, now=now)
    action = "staff.activate" if active else "staff.deactivate"
    _record(db, territory_id=territory_id, staff_id=staff_id, now=now, actor=actor, action=action)


def renew_credentials(
    db: Connection,
    *,
    territory_id: int,
    staff_id: int,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> NewCredentials:
    """Draw a new password and a new TOTP secret; whatever let the person in before ends at once.

    They enter again when a second person has confirmed it. Refuses: staff_unknown, own_account.
    """
    login = _other_staff(db, territory_id=territory_id, staff_id=staff_id, actor=actor)
    credentials, columns = _draw_credentials(keyring, random_bytes, staff_id=staff_id, login=login)
    db.execute(
        update(staff)
        .where(staff.c.territory_id == territory_id, staff.c.id == staff_id)
        .values(
            **columns,
            credentials_by=actor,
            confirmed_by=confirmed_at_once(actor),
            totp_last_step=0,
            failed_attempts=0,
            locked_until_ms=0,
        )
    )
    _end_access(db, territory_id=territory_id, staff_id=staff_id, actor=actor, now=now)
    _record(db, territory_id=territory_id, staff_id=staff_id, now=now, actor=actor, action="staff.renew_credentials")
    return credentials


def open_session(
    db: Connection,
    *,
    territory_id: int,
    kind: SubjectKind,
    subject_id: int,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> str:
    """Open a session and return its token, which is stored nowhere; clear away those that have ended."""
    token = tokens.draw(random_bytes)
    now_ms = instant_ms(now)
    db.execute(delete(sessions).where(sessions.c.territory_id == territory_id, sessions.c.expires_at_ms <= now_ms))
    db.execute(
        insert(sessions),
        {
            "territory_id": territory_id,
            "token_digest": tokens.digest(token),
            "subject_kind": kind.value,
            "subject_id": subject_id,
            "created_at_ms": now_ms,
            "expires_at_ms": now_ms + SESSION_LIFE_MS[kind],
        },
    )
    return token


def end_session(db: Connection, *, territory_id: int, token: str) -> None:
    """End one session: its cookie is worth nothing from now on."""
    db.execute(
        delete(sessions).where(sessions.c.territory_id == territory_id, sessions.c.token_digest == tokens.digest(token))
    )


def close_sessions_of(db: Connection, *, territory_id: int, kind: SubjectKind, subject_id: int) -> int:
    """End every session of a subject and return how many there were."""
    ended = db.execute(
        delete(sessions).where(
            sessions.c.territory_id == territory_id,
            sessions.c.subject_kind == kind.value,
            sessions.c.subject_id == subject_id,
        )
    )
    return ended.rowcount


def create_sign_in_link(
    db: Connection,
    *,
    territory_id: int,
    staff_id: int,
    actor: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> str:
    """Return the token of a link that signs a staff member in once, within a day. Refuses: staff_unknown."""
    known = select(staff.c.id).where(staff.c.territory_id == territory_id, staff.c.id == staff_id, staff.c.is_active)
    if db.scalar(known) is None:
        raise errors.StaffUnknown
    token = tokens.draw(random_bytes)
    db.execute(
        insert(sign_in_links),
        {
            "territory_id": territory_id,
            "token_digest": tokens.digest(token),
            "staff_id": staff_id,
            "expires_at_ms": instant_ms(now + LINK_LIFE),
        },
    )
    _record(db, territory_id=territory_id, staff_id=staff_id, now=now, actor=actor, action="sign_in_link.create")
    return token


def use_sign_in_link(
    db: Connection, *, territory_id: int, token: str, now: datetime.datetime, random_bytes: RandomBytes
) -> str:
    """Spend a link and return the token of the session it opens. Refuses: sign_in_link_spent."""
    now_ms = instant_ms(now)
    staff_id = db.scalar(
        update(sign_in_links)
        .where(
            sign_in_links.c.territory_id == territory_id,
            sign_in_links.c.token_digest == tokens.digest(token),
            sign_in_links.c.used_at_ms.is_(None),
            sign_in_links.c.expires_at_ms > now_ms,
        )
        .values(used_at_ms=now_ms)
        .returning(sign_in_links.c.staff_id)
    )
    let_in = select(staff.c.id).where(
        staff.c.territory_id == territory_id,
        staff.c.id == staff_id,
        staff.c.is_active,
        staff.c.confirmed_by.is_not(None),
    )
    if staff_id is None or db.scalar(let_in) is None:
        raise errors.SignInLinkSpent
    _record(db, territory_id=territory_id, staff_id=staff_id, now=now, actor=f"staff:{staff_id}", action="sign_in.link")
    return open_session(
        db,
        territory_id=territory_id,
        kind=SubjectKind.STAFF,
        subject_id=staff_id,
        now=now,
        random_bytes=random_bytes,
    )


def _end_access(db: Connection, *, territory_id: int, staff_id: int, actor: str, now: datetime.datetime) -> None:
    """End the sessions, the API keys, the unused links and the known browsers of a staff member."""
    subject: dict[str, Any] = {"territory_id": territory_id, "kind": SubjectKind.STAFF, "subject_id": staff_id}
    close_sessions_of(db, **subject)
    revoke_api_keys_of(db, **subject, actor=actor, now=now)
    links = (sign_in_links.c.territory_id == territory_id) & (sign_in_links.c.staff_id == staff_id)
    db.execute(
        update(sign_in_links).where(links, sign_in_links.c.used_at_ms.is_(None)).values(used_at_ms=instant_ms(now))
    )
    devices = (sign_in_devices.c.territory_id == territory_id) & (sign_in_devices.c.staff_id == staff_id)
    db.execute(delete(sign_in_devices).where(devices))


def _other_staff(db: Connection, *, territory_id: int, staff_id: int, actor: str) -> str:
    login: str | None = db.scalar(
        select(staff.c.login).where(staff.c.territory_id == territory_id, staff.c.id == staff_id)
    )
    if login is None:
        raise errors.StaffUnknown
    if actor == f"staff:{staff_id}":
        raise errors.OwnAccount
    return login


def _draw_credentials(
    keyring: Keyring, random_bytes: RandomBytes, *, staff_id: int, login: str, password: str | None = None
) -> tuple[NewCredentials, dict[str, str | bytes | int | None]]:
    """Return what is handed over, and the columns that keep it."""
    password = password or tokens.draw_password(random_bytes)
    secret = random_bytes(totp.SECRET_BYTES)
    columns: dict[str, str | bytes | int | None] = {
        "password_hash": keyring.hash_secret(password),
        "sealed_totp_secret": keyring.seal({"totp": secret.hex()}),
    }
    return NewCredentials(staff_id=staff_id, login=login, password=password, totp_secret=secret), columns


def _check_new_staff(
    db: Connection, *, territory_id: int, login: str, name: str, roles: Iterable[Role], password: str | None
) -> frozenset[Role]:
    roles = frozenset(roles)
    if not LOGIN.fullmatch(login):
        raise errors.LoginMalformed
    if not name.strip():
        raise errors.StaffNameMissing
    if password is not None and len(password) < PASSWORD_LENGTH_MIN:
        raise errors.PasswordTooShort
    if not roles <= STAFF_ROLES:
        raise errors.RoleUnknown
    if db.scalar(select(staff.c.id).where(staff.c.territory_id == territory_id, staff.c.login == login)) is not None:
        raise errors.LoginTaken(login=login)
    return roles


def _record(
    db: Connection, *, territory_id: int, staff_id: int, now: datetime.datetime, actor: str, action: str, **detail: str
) -> None:
    target = f"staff:{staff_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target, detail=detail)


def _insert_roles(db: Connection, *, territory_id: int, staff_id: int, roles: Iterable[Role], actor: str) -> None:
    granted = {"granted_by": actor, "confirmed_by": confirmed_at_once(actor)}
    for role in sorted(roles):
        row = {"territory_id": territory_id, "staff_id": staff_id, "role": role.value}
        db.execute(insert(staff_roles), row | granted)
