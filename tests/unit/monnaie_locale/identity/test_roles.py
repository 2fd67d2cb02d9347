"""The matrix of roles and permissions."""

import pytest

from monnaie_locale.identity.model import VISITOR, Subject
from monnaie_locale.identity.roles import (
    PERMISSIONS,
    ROLE_NAMES,
    STAFF_ROLES,
    Permission,
    Role,
    SubjectKind,
    kinds_for,
    permits,
)

HARMLESS = {Permission.OPEN_TO_ALL, Permission.OWN_SESSION, Permission.EXPORT_BOOKS}


def changes(permission: Permission) -> bool:
    return not permission.startswith("view_") and permission not in HARMLESS


def test_the_auditor_changes_nothing():
    assert not {permission for permission in PERMISSIONS[Role.AUDITOR] if changes(permission)}
    assert all(any(map(changes, PERMISSIONS[role])) for role in STAFF_ROLES - {Role.AUDITOR})


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
def test_the_auditor_reads_what_every_other_role_reads(role):
    assert {name for name in PERMISSIONS[role] if name.startswith("view_")} <= PERMISSIONS[Role.AUDITOR]


@pytest.mark.parametrize("what", ["DISTRIBUTION", "PAYOUT", "CLOSE"])
def test_no_role_both_prepares_and_approves(what):
    both = {Permission[f"PREPARE_{what}"], Permission[f"APPROVE_{what}"]}

    assert not [role for role, held in PERMISSIONS.items() if both <= held]
    assert all(any(permission in held for held in PERMISSIONS.values()) for permission in both)


def test_only_those_who_work_with_households_see_wallets():
    seeing = {role for role, held in PERMISSIONS.items() if Permission.VIEW_WALLETS in held}

    assert seeing == {Role.AGENT, Role.PROGRAMME_MANAGER, Role.APPROVER, Role.AUDITOR}


def test_every_permission_is_granted_to_somebody_and_every_role_has_a_french_name():
    granted = {permission for held in PERMISSIONS.values() for permission in held}

    assert granted == set(Permission) - {Permission.OPEN_TO_ALL}
    assert set(PERMISSIONS) == set(ROLE_NAMES) == set(Role)


def test_a_visitor_may_open_what_is_public_and_nothing_else():
    assert [permission for permission in Permission if VISITOR.may(permission)] == [Permission.OPEN_TO_ALL]


def test_roles_add_up():
    both = frozenset({Role.AGENT, Role.ACCOUNTANT})

    assert permits(roles=both, permission=Permission.MANAGE_WALLETS)
    assert permits(roles=both, permission=Permission.IMPORT_STATEMENT)
    assert not permits(roles=both, permission=Permission.MANAGE_STAFF)


def test_each_permission_belongs_to_kinds_of_subject():
    assert kinds_for(Permission.CHARGE) == (SubjectKind.TILL,)
    assert kinds_for(Permission.VIEW_OWN_WALLET) == (SubjectKind.HOLDER,)
    assert kinds_for(Permission.MANAGE_STAFF) == (SubjectKind.STAFF,)
    assert kinds_for(Permission.OWN_SESSION) == (SubjectKind.STAFF, SubjectKind.TILL, SubjectKind.HOLDER)


def test_a_caller_is_a_kind_and_a_number():
    subject = Subject(kind=SubjectKind.STAFF, id=3, roles=frozenset({Role.AGENT, Role.AUDITOR}), label="Camille")

    assert subject.caller == "staff:3"
    assert subject.role_names == "agent d’accueil, auditeur"
