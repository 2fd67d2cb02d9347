"""Who may do what: the matrix of roles and permissions. Pure."""

from enum import StrEnum


class SubjectKind(StrEnum):
    """What stands behind a request."""

    STAFF = "staff"
    TILL = "till"
    HOLDER = "holder"
    PUBLIC = "public"


class Role(StrEnum):
    """A staff member's role; the last three stand for the subjects that are not staff."""

    AGENT = "agent"
    PROGRAMME_MANAGER = "programme_manager"
    APPROVER = "approver"
    ACCOUNTANT = "accountant"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    TILL = "till"
    HOLDER = "holder"
    PUBLIC = "public"


class Permission(StrEnum):
    """What a route asks for; each route names exactly one."""

    OPEN_TO_ALL = "open_to_all"
    OWN_SESSION = "own_session"
    VIEW_DASHBOARD = "view_dashboard"
    VIEW_WALLETS = "view_wallets"
    MANAGE_WALLETS = "manage_wallets"
    APPROVE_WALLET_MOVE = "approve_wallet_move"
    VIEW_MERCHANTS = "view_merchants"
    MANAGE_MERCHANTS = "manage_merchants"
    MANAGE_TILLS = "manage_tills"
    VIEW_PROGRAMMES = "view_programmes"
    MANAGE_PROGRAMMES = "manage_programmes"
    REGISTER_FUNDING = "register_funding"
    PREPARE_DISTRIBUTION = "prepare_distribution"
    APPROVE_DISTRIBUTION = "approve_distribution"
    MOVE_GUARANTEE = "move_guarantee"
    APPROVE_GUARANTEE = "approve_guarantee"
    VIEW_JOURNAL = "view_journal"
    REVERSE_ENTRY = "reverse_entry"
    VIEW_STATEMENTS = "view_statements"
    IMPORT_STATEMENT = "import_statement"
    RESOLVE_DIFFERENCE = "resolve_difference"
    VIEW_PAYOUTS = "view_payouts"
    PREPARE_PAYOUT = "prepare_payout"
    APPROVE_PAYOUT = "approve_payout"
    VIEW_CLOSES = "view_closes"
    PREPARE_CLOSE = "prepare_close"
    APPROVE_CLOSE = "approve_close"
    EXPORT_BOOKS = "export_books"
    PRINT_NAMED_AID = "print_named_aid"
    MANAGE_CHART = "manage_chart"
    VIEW_AUDIT = "view_audit"
    VIEW_STAFF = "view_staff"
    MANAGE_STAFF = "manage_staff"
    CONFIRM_STAFF = "confirm_staff"
    CHARGE = "charge"
    REFUND = "refund"
    REQUEST_PAYMENT = "request_payment"
    VIEW_TILL = "view_till"
    VIEW_OWN_WALLET = "view_own_wallet"
    CONFIRM_PAYMENT = "confirm_payment"


STAFF_ROLES = frozenset(
    {Role.AGENT, Role.PROGRAMME_MANAGER, Role.APPROVER, Role.ACCOUNTANT, Role.AUDITOR, Role.OPERATOR}
)

# Reading the books is open to everyone who works on them. Reading who holds a card is not: an operator keeps the
# machine running and needs no household.
_READS_BOOKS = frozenset(
    {
        Permission.OWN_SESSION,
        Permission.VIEW_DASHBOARD,
        Permission.VIEW_PROGRAMMES,
        Permission.VIEW_MERCHANTS,
        Permission.VIEW_JOURNAL,
        Permission.VIEW_STATEMENTS,
        Permission.VIEW_PAYOUTS,
        Permission.VIEW_CLOSES,
    }
)

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.AGENT: frozenset(
        {
            Permission.OWN_SESSION,
            Permission.VIEW_DASHBOARD,
            Permission.VIEW_PROGRAMMES,
            Permission.VIEW_MERCHANTS,
            Permission.MANAGE_TILLS,
            Permission.VIEW_WALLETS,
            Permission.MANAGE_WALLETS,
        }
    ),
    # The convention with a shop, and so its IBAN, is the manager's; pairing a tablet is anyone's at the desk.
    Role.PROGRAMME_MANAGER: _READS_BOOKS
    | {
        Permission.VIEW_WALLETS,
        Permission.MANAGE_MERCHANTS,
        Permission.MANAGE_TILLS,
        Permission.MANAGE_PROGRAMMES,
        Permission.REGISTER_FUNDING,
        Permission.PREPARE_DISTRIBUTION,
        Permission.MOVE_GUARANTEE,
        Permission.PRINT_NAMED_AID,
    },
    Role.APPROVER: _READS_BOOKS
    | {
        Permission.VIEW_WALLETS,
        Permission.APPROVE_WALLET_MOVE,
        Permission.APPROVE_DISTRIBUTION,
        Permission.APPROVE_GUARANTEE,
        Permission.APPROVE_PAYOUT,
        Permission.APPROVE_CLOSE,
        # The état nominatif is the ordonnateur's voucher: the issuer's accountant and the auditor do without names.
        Permission.PRINT_NAMED_AID,
        # Who enters, and as what, waits for a second person as money does.
        Permission.VIEW_STAFF,
        Permission.CONFIRM_STAFF,
    },
    Role.ACCOUNTANT: _READS_BOOKS
    | {
        Permission.IMPORT_STATEMENT,
        Permission.RESOLVE_DIFFERENCE,
        Permission.REVERSE_ENTRY,
        Permission.PREPARE_PAYOUT,
        Permission.PREPARE_CLOSE,
        Permission.EXPORT_BOOKS,
        Permission.MANAGE_CHART,
    },
    # An export changes nothing: it is how an auditor verifies without trusting the service.
    Role.AUDITOR: _READS_BOOKS
    | {Permission.VIEW_WALLETS, Permission.VIEW_STAFF, Permission.VIEW_AUDIT, Permission.EXPORT_BOOKS},
    Role.OPERATOR: frozenset(
        {
            Permission.OWN_SESSION,
            Permission.VIEW_DASHBOARD,
            Permission.VIEW_MERCHANTS,
            Permission.MANAGE_TILLS,
            Permission.VIEW_STAFF,
            Permission.MANAGE_STAFF,
            Permission.CONFIRM_STAFF,
            Permission.VIEW_AUDIT,
        }
    ),
    Role.TILL: frozenset(
        {
            Permission.OWN_SESSION,
            Permission.VIEW_TILL,
            Permission.CHARGE,
            Permission.REFUND,
            Permission.REQUEST_PAYMENT,
        }
    ),
    Role.HOLDER: frozenset({Permission.OWN_SESSION, Permission.VIEW_OWN_WALLET, Permission.CONFIRM_PAYMENT}),
    Role.PUBLIC: frozenset(),
}

ROLE_NAMES: dict[Role, str] = {
    Role.AGENT: "agent d’accueil",
    Role.PROGRAMME_MANAGER: "gestionnaire de dispositif",
    Role.APPROVER: "valideur",
    Role.ACCOUNTANT: "comptable",
    Role.AUDITOR: "auditeur",
    Role.OPERATOR: "exploitant",
    Role.TILL: "caisse",
    Role.HOLDER: "porteur de carte",
    Role.PUBLIC: "visiteur",
}


def permits(*, roles: frozenset[Role], permission: Permission) -> bool:
    """Tell whether one of `roles` grants `permission` (DESIGN §1)."""
    return permission is Permission.OPEN_TO_ALL or any(permission in PERMISSIONS[role] for role in roles)


def kinds_for(permission: Permission) -> tuple[SubjectKind, ...]:
    """Return the kinds of subject that can ever hold `permission`, staff first."""
    kinds = []
    if any(permission in PERMISSIONS[role] for role in STAFF_ROLES):
        kinds.append(SubjectKind.STAFF)
    if permission in PERMISSIONS[Role.TILL]:
        kinds.append(SubjectKind.TILL)
    if permission in PERMISSIONS[Role.HOLDER]:
        kinds.append(SubjectKind.HOLDER)
    return tuple(kinds)
