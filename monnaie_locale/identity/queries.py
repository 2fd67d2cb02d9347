"""Reads of identity: sessions, staff, API keys, the audit trail."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from monnaie_locale.database.prepared import Look, as_bytes, look
from monnaie_locale.identity.callers import caller_fr
from monnaie_locale.identity.model import AuditEvent, Session, StaffMember
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.identity.tables import audit_events, sessions, staff, staff_roles
from monnaie_locale.keyring import Keyring

API_KEYS = """
SELECT wanted.value, subject_kind, subject_id FROM {wanted} CROSS JOIN api_keys
WHERE api_keys.territory_id = {p} AND api_keys.token_digest = {digest} AND revoked_at_ms IS NULL
"""


def find_session(
    db: Connection, *, territory_id: int, token_digest: bytes, kind: SubjectKind, now_ms: int
) -> Session | None:
    """Return the session of a token while it lives, else None."""
    row = db.execute(
        select(sessions.c.subject_id, sessions.c.expires_at_ms).where(
            sessions.c.territory_id == territory_id,
            sessions.c.token_digest == token_digest,
            sessions.c.subject_kind == kind.value,
            sessions.c.expires_at_ms > now_ms,
        )
    ).first()
    return None if row is None else Session(kind=kind, subject_id=row.subject_id, expires_at_ms=row.expires_at_ms)


def find_api_keys(
    db: Connection, *, territory_id: int, token_digests: Collection[bytes]
) -> dict[bytes, tuple[SubjectKind, int]]:
    """Return the kind and the id of the subject that each of these keys stands for, those revoked left out."""
    return look(db, look_for_api_keys(territory_id=territory_id, token_digests=token_digests))


def look_for_api_keys(
    *, territory_id: int, token_digests: Collection[bytes]
) -> Look[dict[bytes, tuple[SubjectKind, int]]]:
    """Return what `find_api_keys` asks the database."""
    return Look(
        API_KEYS,
        list(token_digests),
        (territory_id,),
        lambda rows: {as_bytes(row[0]): (SubjectKind(row[1]), row[2]) for row in rows},
    )


def find_staff(db: Connection, *, territory_id: int, staff_id: int, keyring: Keyring) -> StaffMember | None:
    """Return one staff member, active or not."""
    found = _staff(db, territory_id=territory_id, keyring=keyring, staff_id=staff_id)
    return found[0] if found else None


def list_staff(db: Connection, *, territory_id: int, keyring: Keyring) -> list[StaffMember]:
    """Return every staff member, by login."""
    return _staff(db, territory_id=territory_id, keyring=keyring)


def name_of_caller(db: Connection, *, territory_id: int, caller: str | None, keyring: Keyring) -> str:
    """Return the name of the person behind "staff:3", or of what acted; the books keep the number, a page names it."""
    kind, _, number = (caller or "").partition(":")
    if kind != SubjectKind.STAFF or not number.isdigit():
        return caller_fr(caller or "")
    person = find_staff(db, territory_id=territory_id, staff_id=int(number), keyring=keyring)
    return person.name if person else str(caller)


def count_audit_events(db: Connection, *, territory_id: int) -> int:
    """Return how many lines the audit trail has."""
    count = db.scalar(select(func.count()).select_from(audit_events).where(audit_events.c.territory_id == territory_id))
    return count or 0


def audit_events_page(db: Connection, *, territory_id: int, offset: int, limit: int) -> Sequence[AuditEvent]:
    """Return some lines of the audit trail, newest first."""
    columns = audit_events.c
    rows = db.execute(
        select(columns.id, columns.at_ms, columns.actor, columns.action, columns.target, columns.detail)
        .where(columns.territory_id == territory_id)
        .order_by(columns.id.desc())
        .offset(offset)
        .limit(limit)
    ).mappings()
    return [AuditEvent(**row) for row in rows]


def events_of_actions(db: Connection, *, territory_id: int, actions: Collection[str]) -> Iterator[AuditEvent]:
    """Yield the lines of the audit trail about some actions, oldest first."""
    columns = audit_events.c
    rows = db.execute(
        select(columns.id, columns.at_ms, columns.actor, columns.action, columns.target, columns.detail)
        .where(columns.territory_id == territory_id, columns.action.in_(actions))
        .order_by(columns.id)
    ).mappings()
    for row in rows:
        yield AuditEvent(**row)


def _staff(db: Connection, *, territory_id: int, keyring: Keyring, staff_id: int | None = None) -> list[StaffMember]:
    columns = (staff.c.id, staff.c.login, staff.c.sealed_name, staff.c.is_active)
    makers = (staff.c.opened_by, staff.c.credentials_by, staff.c.confirmed_by)
    roles = (staff_roles.c.role, staff_roles.c.granted_by, staff_roles.c.confirmed_by.label("role_confirmed_by"))
    wanted = (
        select(*columns, *makers, *roles)
        .outerjoin(
            staff_roles, (staff_roles.c.territory_id == staff.c.territory_id) & (staff_roles.c.staff_id == staff.c.id)
        )
        .where(staff.c.territory_id == territory_id)
    )
    if staff_id is not None:
        wanted = wanted.where(staff.c.id == staff_id)
    rows: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for row in db.execute(wanted.order_by(staff.c.login, staff_roles.c.role)):
        rows.setdefault(row.id, []).append(row)
    return [_as_staff_member(of_one, keyring=keyring) for of_one in rows.values()]


def _as_staff_member(rows: Sequence[Row[*tuple[Any, ...]]], *, keyring: Keyring) -> StaffMember:
    """Read one person from their rows, one a role."""
    first = rows[0]
    held = [row for row in rows if row.role is not None]
    pending = [row for row in held if row.role_confirmed_by is None]
    makers = {row.granted_by for row in pending}
    if first.confirmed_by is None or pending:
        # Who has seen the credentials could act as the person, and so confirms none of their roles.
        makers |= {first.credentials_by}
    if first.confirmed_by is None:
        makers |= {first.opened_by}
    return StaffMember(
        id=first.id,
        login=first.login,
        name=str(keyring.unseal(first.sealed_name)["name"]),
        roles=frozenset(Role(row.role) for row in held if row.role_confirmed_by is not None),
        is_active=first.is_active,
        is_confirmed=first.confirmed_by is not None,
        pending_roles=frozenset(Role(row.role) for row in pending),
        proposed_by=frozenset(makers),
    )
