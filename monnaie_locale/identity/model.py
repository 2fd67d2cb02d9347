"""The subject of a request, sessions and staff as values. Pure."""

from dataclasses import dataclass, field

from monnaie_locale.identity.roles import ROLE_NAMES, Permission, Role, SubjectKind, permits

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# How long a session lives at most, and how long it may stay unused. A till stays signed in on the counter.
SESSION_LIFE_MS: dict[SubjectKind, int] = {
    SubjectKind.STAFF: 12 * HOUR_MS,
    SubjectKind.HOLDER: 12 * HOUR_MS,
    SubjectKind.TILL: 90 * DAY_MS,
}
SESSION_IDLE_MS: dict[SubjectKind, int] = {
    SubjectKind.STAFF: 30 * MINUTE_MS,
    SubjectKind.HOLDER: 10 * MINUTE_MS,
    SubjectKind.TILL: 90 * DAY_MS,
}
# A browser in which somebody signed in keeps a count of its own for half a year.
DEVICE_LIFE_MS = 180 * DAY_MS
ATTEMPTS_MAX = 5
LOCK_MS = 15 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who stands behind a request, and what they may do."""

    kind: SubjectKind
    id: int
    roles: frozenset[Role]
    label: str = ""
    merchant_id: int | None = None
    # What the package that owns the till or the wallet read of it, so that its views need not read it again.
    entity: object = field(default=None, compare=False, repr=False)

    @property
    def caller(self) -> str:
        """Return the name written in the journal and the audit trail: "staff:3". Never a person's name."""
        return f"{self.kind}:{self.id}"

    @property
    def role_names(self) -> str:
        """Return the roles in French, for the page's header."""
        return ", ".join(ROLE_NAMES[role] for role in sorted(self.roles))

    def may(self, permission: str) -> bool:
        """Tell whether the subject holds a permission."""
        return permits(roles=self.roles, permission=Permission(permission))


VISITOR = Subject(kind=SubjectKind.PUBLIC, id=0, roles=frozenset({Role.PUBLIC}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is stored: the token itself is not."""

    kind: SubjectKind
    subject_id: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """A person who works on the books: `roles` are confirmed, `pending_roles` are not and grant nothing."""

    id: int
    login: str
    name: str
    roles: frozenset[Role]
    is_active: bool
    is_confirmed: bool
    pending_roles: frozenset[Role]
    proposed_by: frozenset[str]

    @property
    def may_enter(self) -> bool:
        """Tell whether the person is let in: the access is open, and a second person confirmed it."""
        return self.is_active and self.is_confirmed

    @property
    def awaits_confirmation(self) -> bool:
        """Tell whether the access, or a role, waits for a second person."""
        return not self.is_confirmed or bool(self.pending_roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredentials:
    """What a new staff member is given once; nothing of it is stored in clear."""

    staff_id: int
    login: str
    password: str = field(repr=False)
    totp_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One attempt to sign in, counted before it is judged."""

    staff_id: int
    password_hash: str = field(repr=False)
    sealed_totp_secret: bytes = field(repr=False)
    totp_last_step: int
    device_digest: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a browser keeps after signing in: the session, and by what it is known the next time."""

    session_token: str = field(repr=False)
    device_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the audit trail."""

    id: int
    at_ms: int
    actor: str
    action: str
    target: str
    detail: str
