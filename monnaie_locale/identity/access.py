"""The one guard before every route: who is asking, and may they.

A view says what it asks for with `@access.requires(Permission.X)` or `@access.public`; the API kit's `@endpoint` writes
the same mark. What says nothing stays shut.
"""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.globals import request_ctx
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.marks import View, mark, mark_of, reads_key
from monnaie_locale.database.together import read_together
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import cookies, errors, queries, tokens
from monnaie_locale.identity.model import DEVICE_LIFE_MS, SESSION_IDLE_MS, SESSION_LIFE_MS, VISITOR, Subject
from monnaie_locale.identity.remembered_keys import RememberedKeys
from monnaie_locale.identity.roles import Permission, Role, SubjectKind, kinds_for
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import MILLISECONDS_PER_SECOND, instant_ms
from monnaie_locale.runtime import Runtime

API_KEYS = "identity.api_keys"
REMEMBERED_KEYS = "identity.remembered_keys"
RESOLVERS = "identity.resolvers"
API_PREFIX = "/api/"
BEARER = "Bearer "
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN = "identity.sign_in"
UNAUTHENTICATED: dict[SubjectKind, type[Refusal]] = {
    SubjectKind.STAFF: errors.SignInNeeded,
    SubjectKind.TILL: errors.TillNotPaired,
    SubjectKind.HOLDER: errors.HolderNotSignedIn,
}
FIXED_ROLES = {SubjectKind.TILL: frozenset({Role.TILL}), SubjectKind.HOLDER: frozenset({Role.HOLDER})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the package that owns a till or a wallet says of a living one."""

    label: str
    merchant_id: int | None = None
    entity: object = None


class Resolver(Protocol):
    """Tells which tills or holders may still come in."""

    def __call__(self, db: Connection, *, territory_id: int, subject_ids: Collection[int]) -> Mapping[int, Resolved]:
        """Return what is shown of each subject; those that were revoked are left out."""


def requires(permission: Permission) -> Callable[[View], View]:
    """Mark a view with the permission it asks for."""
    return lambda view: mark(view, permission)


def public(view: View) -> View:
    """Mark a view that anybody may open; its subject is the visitor."""
    return mark(view, Permission.OPEN_TO_ALL)


def subject() -> Subject:
    """Return who is behind this request."""
    found: Subject = g.get("subject", VISITOR)
    return found


def resolve(app: Flask, kind: SubjectKind, resolver: Resolver) -> None:
    """Let a package say which of its tills or holders may come in, and under which name."""
    app.extensions[RESOLVERS][kind] = resolver


def init_app(app: Flask) -> None:
    """Put the guard before every route of `app`."""
    resolvers = app.extensions[RESOLVERS] = {}
    app.extensions[API_KEYS] = _ApiKeys(app.extensions[runtime.EXTENSION], resolvers)
    app.extensions[REMEMBERED_KEYS] = RememberedKeys()
    app.before_request(_guard)
    app.after_request(_renew_cookie)
    app.context_processor(lambda: {"subject": subject()})


def attach(response: Response, *, kind: SubjectKind, token: str) -> Response:
    """Give the browser the cookie of a session just opened."""
    rt = runtime.current()
    ticket = cookies.Ticket(token, instant_ms(rt.clock()))
    https = rt.base_url.startswith("https:")
    response.set_cookie(
        cookies.name_of(kind, https=https),
        cookies.pack(ticket, kind=kind, key=_key()),
        max_age=SESSION_LIFE_MS[kind] // MILLISECONDS_PER_SECOND,
        secure=https,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response


def detach(response: Response, *, kind: SubjectKind) -> Response:
    """Take the cookie of a session away; the session itself is ended by `operations.end_session`."""
    https = runtime.current().base_url.startswith("https:")
    g.pop("ticket", None)
    response.delete_cookie(cookies.name_of(kind, https=https), secure=https, httponly=True, samesite="Lax", path="/")
    return response


def attach_device(response: Response, *, token: str) -> Response:
    """Let the browser be known when the person signs in again; it opens nothing by itself."""
    https = runtime.current().base_url.startswith("https:")
    response.set_cookie(
        cookies.device_name(https=https),
        token,
        max_age=DEVICE_LIFE_MS // MILLISECONDS_PER_SECOND,
        secure=https,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response


def device_token() -> str | None:
    """Return the token by which this browser is known, if it carries one."""
    https = runtime.current().base_url.startswith("https:")
    return request.cookies.get(cookies.device_name(https=https))


def key_to_read() -> bytes | None:
    """Return the digest of the API key that this request's operation must read, or None when the guard has read it."""
    digest: bytes | None = g.get("key_to_read")
    return digest


def session_token(kind: SubjectKind) -> str | None:
    """Return the token of the browser's session of a kind, to end it."""
    ticket = _ticket(kind)
    return None if ticket is None else ticket.token


def session_of(kind: SubjectKind) -> Subject | None:
    """Return who is signed in as `kind` in this browser, and let the public page that asks be shown as theirs."""
    found = _session_subject(kind)
    if found is None:
        return None
    _adopt(*found)
    return found[0]


def _guard() -> Response | None:
    # Taken once: behind `request`, each look searches the thread's context anew.
    asked = request_ctx.request
    endpoint = asked.endpoint
    if endpoint is None or _is_static(endpoint):
        return None  # an unknown address is answered by 404; our own styles and scripts are for everybody
    view = current_app.view_functions[endpoint]
    marked = mark_of(view)
    if marked is None:
        raise errors.RouteUnmarked
    permission = Permission(marked)
    if permission is Permission.OPEN_TO_ALL:
        _refuse_foreign_form()
        return None
    authorization = asked.headers.get("Authorization", "") if asked.path.startswith(API_PREFIX) else ""
    if authorization.startswith(BEARER):
        key = authorization.removeprefix(BEARER).strip()
        g.subject = who = _api_key_subject(key, operation_reads_it=reads_key(view))
    elif _sign_in_by_cookie(permission):
        who = subject()
    else:
        return _ask_to_sign_in(permission)
    if not who.may(permission):
        raise errors.PermissionMissing
    return None


def _sign_in_by_cookie(permission: Permission) -> bool:
    # One browser may hold several sessions, say a till's and a manager's: the one that may do this is taken.
    present = [found for kind in kinds_for(permission) if (found := _session_subject(kind))]
    if not present:
        return False
    chosen = next((found for found in present if found[0].may(permission)), present[0])
    _adopt(*chosen)
    if request.method not in SAFE_METHODS:
        _refuse_foreign_form()
        given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(given.encode(), g.csrf_token.encode()):
            raise errors.CsrfTokenInvalid
    return True


def _adopt(found: Subject, ticket: cookies.Ticket) -> None:
    g.subject = found
    g.ticket = ticket
    g.csrf_token = cookies.form_token(ticket.token, key=_key())


def _refuse_foreign_form() -> None:
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        raise errors.ForeignOrigin
    # Our pages send no referrer, and then a browser writes "Origin: null" on our own forms as well.
    origin = request.headers.get("Origin", "null")
    if origin != "null" and urlsplit(origin).netloc != request.host:
        raise errors.ForeignOrigin


def _ask_to_sign_in(permission: Permission) -> Response:
    kinds = kinds_for(permission)
    first = kinds[0] if kinds else SubjectKind.STAFF
    is_page = not request.path.startswith(API_PREFIX)
    if is_page and first is SubjectKind.STAFF and request.method in SAFE_METHODS:
        response = redirect(url_for(SIGN_IN, suite=request.full_path.rstrip("?")), 303)
        return current_app.make_response(response)
    raise UNAUTHENTICATED[first]


def _session_subject(kind: SubjectKind) -> tuple[Subject, cookies.Ticket] | None:
    ticket = _ticket(kind)
    if ticket is None:
        return None
    rt = runtime.current()
    now_ms = instant_ms(rt.clock())
    if now_ms - ticket.seen_at_ms > SESSION_IDLE_MS[kind]:
        return None
    with reading(rt.engine) as db:
        session = queries.find_session(
            db,
            territory_id=rt.territory_id,
            token_digest=tokens.digest(ticket.token),
            kind=kind,
            now_ms=now_ms,
        )
        if session is None:
            return None
        found = _subjects(db, rt, current_app.extensions[RESOLVERS], kind, {session.subject_id})
    return (found[session.subject_id], ticket) if found else None


def _api_key_subject(key: str, *, operation_reads_it: bool) -> Subject:
    digest = tokens.digest(key)
    remembered: RememberedKeys = current_app.extensions[REMEMBERED_KEYS]
    found = remembered.find(digest) if operation_reads_it else None
    if found is not None:
        g.key_to_read = digest
        return found
    holders: _ApiKeys = current_app.extensions[API_KEYS]
    found = read_together(runtime.current().engine, holders, digest)
    if found is None:
        raise errors.ApiKeyUnknown
    if operation_reads_it:
        remembered.remember(digest, found)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _ApiKeys:
    """Who stands behind the API keys of one application; asked for many requests at once."""

    rt: Runtime
    resolvers: Mapping[SubjectKind, Resolver]

    def __call__(self, db: Connection, digests: Sequence[bytes]) -> list[Subject | None]:
        owners = queries.find_api_keys(db, territory_id=self.rt.territory_id, token_digests=set(digests))
        ids: dict[SubjectKind, set[int]] = {}
        for kind, subject_id in owners.values():
            ids.setdefault(kind, set()).add(subject_id)
        found = {kind: _subjects(db, self.rt, self.resolvers, kind, wanted) for kind, wanted in ids.items()}
        subjects = {digest: found[kind].get(subject_id) for digest, (kind, subject_id) in owners.items()}
        return [subjects.get(digest) for digest in digests]


def _subjects(
    db: Connection,
    rt: Runtime,
    resolvers: Mapping[SubjectKind, Resolver],
    kind: SubjectKind,
    subject_ids: Collection[int],
) -> dict[int, Subject]:
    """Return those of the subjects that may still come in."""
    if kind is SubjectKind.STAFF:
        staff = [
            queries.find_staff(db, territory_id=rt.territory_id, staff_id=staff_id, keyring=rt.keyring)
            for staff_id in subject_ids
        ]
        return {
            person.id: Subject(kind=kind, id=person.id, roles=person.roles, label=person.name)
            for person in staff
            if person is not None and person.may_enter
        }
    if kind not in resolvers:
        return {}
    resolved = resolvers[kind](db, territory_id=rt.territory_id, subject_ids=subject_ids)
    return {
        subject_id: Subject(
            kind=kind,
            id=subject_id,
            roles=FIXED_ROLES[kind],
            label=one.label,
            merchant_id=one.merchant_id,
            entity=one.entity,
        )
        for subject_id, one in resolved.items()
    }


def _renew_cookie(response: Response) -> Response:
    ticket: cookies.Ticket | None = g.get("ticket")
    if ticket is None:
        return response
    if instant_ms(runtime.current().clock()) - ticket.seen_at_ms < cookies.RENEW_AFTER_MS:
        return response
    kind = subject().kind
    # A view that has just set or taken away this very cookie has the last word.
    name = cookies.name_of(kind, https=runtime.current().base_url.startswith("https:"))
    if any(value.startswith(f"{name}=") for value in response.headers.getlist("Set-Cookie")):
        return response
    return attach(response, kind=kind, token=ticket.token)


def _ticket(kind: SubjectKind) -> cookies.Ticket | None:
    https = runtime.current().base_url.startswith("https:")
    value = request.cookies.get(cookies.name_of(kind, https=https))
    return None if value is None else cookies.unpack(value, kind=kind, key=_key())


def _key() -> bytes:
    return runtime.current().keyring.derive("session cookies")


def _is_static(endpoint: str) -> bool:
    return endpoint.rpartition(".")[2] == "static"
