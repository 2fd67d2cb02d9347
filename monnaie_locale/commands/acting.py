"""Who acts by a command: a staff member who proves it, as in the application, and never a name that was only typed."""

import os

import click

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import errors, queries, tokens
from monnaie_locale.identity.model import StaffMember
from monnaie_locale.identity.operations import end_session
from monnaie_locale.identity.roles import Permission, SubjectKind, permits
from monnaie_locale.identity.sign_in import sign_in
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.runtime import Runtime

# In the environment, not among the arguments, which every process of the machine can read.
KEY_VARIABLE = "MONNAIE_LOCALE_API_KEY"

login_option = click.option("--login", help=f"Votre identifiant, si votre clé d’accès n’est pas dans {KEY_VARIABLE}.")


def caller_typed(rt: Runtime, login: str | None, permission: Permission) -> str:
    """Return who runs the command: by the key in the environment, else by what is asked at the prompt.

    Refuses as `caller_of_key` and `caller_of_password`.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key and login is None:
        return caller_of_key(rt, key=key, permission=permission)
    login = login or click.prompt("Identifiant", err=True)
    password = click.prompt("Mot de passe", hide_input=True, err=True)
    code = click.prompt("Code à six chiffres", err=True)
    return caller_of_password(rt, login=login, password=password, code=code, permission=permission)


def caller_of_key(rt: Runtime, *, key: str, permission: Permission) -> str:
    """Return the caller ("staff:3") that an API key stands for.

    Refuses: api_key_unknown (also a till's key, or that of a person who may not enter), permission_missing.
    """
    with reading(rt.engine) as db:
        digest = tokens.digest(key)
        found = queries.find_api_keys(db, territory_id=rt.territory_id, token_digests=[digest]).get(digest)
    if found is None or found[0] is not SubjectKind.STAFF:
        raise errors.ApiKeyUnknown
    person = _person(rt, found[1])
    if person is None:
        raise errors.ApiKeyUnknown
    return _caller(person, permission)


def caller_of_password(rt: Runtime, *, login: str, password: str, code: str, permission: Permission) -> str:
    """Return the caller who signs in by login, password and code; the session opened for it is ended at once.

    Refuses: sign_in_refused, permission_missing.
    """
    now = rt.clock()
    signed_in = sign_in(
        rt.engine,
        keyring=rt.keyring,
        territory_id=rt.territory_id,
        login=login,
        password=password,
        code=code,
        now=now,
        random_bytes=rt.random_bytes,
    )
    with reading(rt.engine) as db:
        session = queries.find_session(
            db,
            territory_id=rt.territory_id,
            token_digest=tokens.digest(signed_in.session_token),
            kind=SubjectKind.STAFF,
            now_ms=instant_ms(now),
        )
    transact(rt.engine, end_session, territory_id=rt.territory_id, token=signed_in.session_token)
    person = None if session is None else _person(rt, session.subject_id)
    if person is None:
        raise errors.SignInRefused
    return _caller(person, permission)


def _person(rt: Runtime, staff_id: int) -> StaffMember | None:
    with reading(rt.engine) as db:
        person = queries.find_staff(db, territory_id=rt.territory_id, staff_id=staff_id, keyring=rt.keyring)
    return person if person is not None and person.may_enter else None


def _caller(person: StaffMember, permission: Permission) -> str:
    if not permits(roles=person.roles, permission=permission):
        raise errors.PermissionMissing
    return f"{SubjectKind.STAFF}:{person.id}"
