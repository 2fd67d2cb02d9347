"""Who enters, and as what, waits for a second person: without it one operator could hire two people and be both.

Only what staff do waits. Whoever types a command on the server holds the database and its keys, and a second click
would protect nothing from them: that is how a new installation gets its first people.
"""

import datetime

from sqlalchemy import Connection, update

from monnaie_locale.identity import audit, errors, queries
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.identity.tables import staff, staff_roles
from monnaie_locale.keyring import Keyring

# Written where a person's "staff:3" would be.
SERVER = "server"


def confirmed_at_once(actor: str) -> str | None:
    """Return by whom what `actor` does is confirmed already: nobody yet, when they are staff."""
    return None if actor.startswith(f"{SubjectKind.STAFF}:") else SERVER


def confirm_staff(
    db: Connection, *, territory_id: int, staff_id: int, keyring: Keyring, actor: str, now: datetime.datetime
) -> None:
    """Confirm the access and the roles of a staff member, all that waits.

    Args:
        db: the transaction.
        territory_id: whose staff.
        staff_id: who is to enter.
        keyring: unseals the name, which is not looked at.
        actor: a caller who neither opened the access, drew the credentials nor granted what waits.
        now: aware UTC.

    Refuses: staff_unknown, nothing_to_confirm, confirmed_by_maker; the last also by a constraint (DESIGN §3).

    """
    person = queries.find_staff(db, territory_id=territory_id, staff_id=staff_id, keyring=keyring)
    if person is None:
        raise errors.StaffUnknown
    if not person.awaits_confirmation:
        raise errors.NothingToConfirm
    by = confirmed_at_once(actor) or actor
    if by in person.proposed_by or by == f"{SubjectKind.STAFF}:{staff_id}":
        raise errors.ConfirmedByMaker
    account = (staff.c.territory_id == territory_id) & (staff.c.id == staff_id)
    db.execute(update(staff).where(account, staff.c.confirmed_by.is_(None)).values(confirmed_by=by))
    roles = (staff_roles.c.territory_id == territory_id) & (staff_roles.c.staff_id == staff_id)
    # Only the roles that were seen: one granted meanwhile waits for its own confirmation.
    seen = staff_roles.c.role.in_([role.value for role in person.pending_roles])
    db.execute(update(staff_roles).where(roles, seen, staff_roles.c.confirmed_by.is_(None)).values(confirmed_by=by))
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="staff.confirm",
        target=f"staff:{staff_id}",
        detail={"roles": " ".join(sorted(person.pending_roles))},
    )
