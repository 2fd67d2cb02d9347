"""Tables of identity. Only `monnaie_locale.identity` imports this module."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from monnaie_locale.database import constraints
from monnaie_locale.database.metadata import metadata
from monnaie_locale.identity.errors import ConfirmedByMaker


def _territory_key(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name=f"fk_{table}_territory")


def _staff_key(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["territory_id", "staff_id"], ["staff.territory_id", "staff.id"], name=f"fk_{table}_staff"
    )


staff = Table(
    "staff",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("login", Text, nullable=False),
    Column("sealed_name", LargeBinary, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("sealed_totp_secret", LargeBinary, nullable=False),
    Column("totp_last_step", BigInteger, nullable=False, server_default="0"),
    Column("failed_attempts", Integer, nullable=False, server_default="0"),
    Column("locked_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("is_active", Boolean, nullable=False),
    # Who let the person in and who drew the credentials, and so has seen them; a third column says who confirmed.
    Column("opened_by", Text, nullable=False),
    Column("credentials_by", Text, nullable=False),
    Column("confirmed_by", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "login", name="uq_staff_login"),
    CheckConstraint("failed_attempts BETWEEN 0 AND 5", name="ck_staff_failed_attempts"),
    CheckConstraint("length(login) BETWEEN 1 AND 64", name="ck_staff_login_length"),
    CheckConstraint(
        "confirmed_by <> opened_by AND confirmed_by <> credentials_by AND confirmed_by <> 'staff:' || CAST(id AS TEXT)",
        name="ck_staff_confirmed_by_another",
    ),
    _territory_key("staff"),
)

staff_roles = Table(
    "staff_roles",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("staff_id", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    Column("granted_by", Text, nullable=False),
    Column("confirmed_by", Text),
    CheckConstraint(
        "role IN ('agent', 'programme_manager', 'approver', 'accountant', 'auditor', 'operator')",
        name="ck_staff_roles_known",
    ),
    CheckConstraint(
        "confirmed_by <> granted_by AND confirmed_by <> 'staff:' || CAST(staff_id AS TEXT)",
        name="ck_staff_roles_confirmed_by_another",
    ),
    _staff_key("staff_roles"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    CheckConstraint("subject_kind IN ('staff', 'till', 'holder')", name="ck_sessions_subject_kind"),
    CheckConstraint("length(token_digest) = 32", name="ck_sessions_token_digest"),
    CheckConstraint("expires_at_ms > created_at_ms", name="ck_sessions_expiry"),
    _territory_key("sessions"),
    Index("ix_sessions_subject", "territory_id", "subject_kind", "subject_id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("staff_id", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger),
    CheckConstraint("length(token_digest) = 32", name="ck_sign_in_links_token_digest"),
    _staff_key("sign_in_links"),
)

sign_in_devices = Table(
    "sign_in_devices",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("staff_id", BigInteger, primary_key=True, autoincrement=False),
    Column("failed_attempts", Integer, nullable=False),
    Column("locked_until_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    CheckConstraint("length(token_digest) = 32", name="ck_sign_in_devices_token_digest"),
    CheckConstraint("failed_attempts BETWEEN 0 AND 5", name="ck_sign_in_devices_failed_attempts"),
    _staff_key("sign_in_devices"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    _territory_key("audit_events"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("sealed_at_ms", BigInteger, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    CheckConstraint("size > 0", name="ck_audit_heads_size"),
    CheckConstraint("length(root) = 32", name="ck_audit_heads_root"),
    _territory_key("audit_heads"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("token_digest", LargeBinary, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
    CheckConstraint("subject_kind IN ('staff', 'till')", name="ck_api_keys_subject_kind"),
    CheckConstraint("length(token_digest) = 32", name="ck_api_keys_token_digest"),
    _territory_key("api_keys"),
)

constraints.names("ck_staff_confirmed_by_another", ConfirmedByMaker)
constraints.names("ck_staff_roles_confirmed_by_another", ConfirmedByMaker)
