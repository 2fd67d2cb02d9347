"""Staff, sessions, sign-in links, the audit trail, API keys and stored API answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SUBJECT_KINDS = "subject_kind IN ('staff', 'till', 'holder')"
ROLES = "role IN ('agent', 'programme_manager', 'approver', 'accountant', 'auditor', 'operator')"


def upgrade() -> None:
    """Create the tables of `monnaie_locale.identity` and of the API kit."""
    _create_staff()
    _create_sessions()
    _create_audit_events()
    _create_api_tables()
    if op.get_bind().dialect.name == "postgresql":
        _freeze_audit_events_on_postgresql()
    else:
        _freeze_audit_events_on_sqlite()


def downgrade() -> None:
    """Drop them, with their triggers."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_events_no_truncate ON audit_events")
        op.execute("DROP TRIGGER audit_events_no_change ON audit_events")
        op.execute("DROP FUNCTION refuse_audit_events_change()")
    else:
        for verb in ("update", "delete", "replace"):
            op.execute(f"DROP TRIGGER audit_events_no_{verb}")
    for table in ("idempotency_keys", "api_keys", "audit_events", "sign_in_devices", "sign_in_links", "sessions"):
        op.drop_table(table)
    for table in ("staff_roles", "staff"):
        op.drop_table(table)


def _territory_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name=f"fk_{table}_territory")


def _staff_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", "staff_id"], ["staff.territory_id", "staff.id"], name=f"fk_{table}_staff"
    )


def _create_staff() -> None:
    op.create_table(
        "staff",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("sealed_totp_secret", sa.LargeBinary, nullable=False),
        sa.Column("totp_last_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("failed_attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("credentials_by", sa.Text, nullable=False),
        sa.Column("confirmed_by", sa.Text, nullable=True),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_staff"),
        sa.UniqueConstraint("territory_id", "login", name="uq_staff_login"),
        sa.CheckConstraint("failed_attempts BETWEEN 0 AND 5", name="ck_staff_failed_attempts"),
        sa.CheckConstraint("length(login) BETWEEN 1 AND 64", name="ck_staff_login_length"),
        sa.CheckConstraint(
            "confirmed_by <> opened_by AND confirmed_by <> credentials_by "
            "AND confirmed_by <> 'staff:' || CAST(id AS TEXT)",
            name="ck_staff_confirmed_by_another",
        ),
        _territory_key("staff"),
    )
    op.create_table(
        "staff_roles",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("staff_id", sa.BigInteger, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("confirmed_by", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "staff_id", "role", name="pk_staff_roles"),
        sa.CheckConstraint(ROLES, name="ck_staff_roles_known"),
        sa.CheckConstraint(
            "confirmed_by <> granted_by AND confirmed_by <> 'staff:' || CAST(staff_id AS TEXT)",
            name="ck_staff_roles_confirmed_by_another",
        ),
        _staff_key("staff_roles"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("subject_kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "token_digest", name="pk_sessions"),
        sa.CheckConstraint(SUBJECT_KINDS, name="ck_sessions_subject_kind"),
        sa.CheckConstraint("length(token_digest) = 32", name="ck_sessions_token_digest"),
        sa.CheckConstraint("expires_at_ms > created_at_ms", name="ck_sessions_expiry"),
        _territory_key("sessions"),
    )
    op.create_index("ix_sessions_subject", "sessions", ["territory_id", "subject_kind", "subject_id"])
    op.create_table(
        "sign_in_links",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("staff_id", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("used_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "token_digest", name="pk_sign_in_links"),
        sa.CheckConstraint("length(token_digest) = 32", name="ck_sign_in_links_token_digest"),
        _staff_key("sign_in_links"),
    )
    op.create_table(
        "sign_in_devices",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("staff_id", sa.BigInteger, nullable=False),
        sa.Column("failed_attempts", sa.Integer, nullable=False),
        sa.Column("locked_until_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "token_digest", "staff_id", name="pk_sign_in_devices"),
        sa.CheckConstraint("length(token_digest) = 32", name="ck_sign_in_devices_token_digest"),
        sa.CheckConstraint("failed_attempts BETWEEN 0 AND 5", name="ck_sign_in_devices_failed_attempts"),
        _staff_key("sign_in_devices"),
    )


def _create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_audit_events"),
        _territory_key("audit_events"),
    )


def _create_api_tables() -> None:
    op.create_table(
        "api_keys",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("subject_kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "token_digest", name="pk_api_keys"),
        sa.CheckConstraint("subject_kind IN ('staff', 'till')", name="ck_api_keys_subject_kind"),
        sa.CheckConstraint("length(token_digest) = 32", name="ck_api_keys_token_digest"),
        _territory_key("api_keys"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("answered_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "caller", "key_digest", name="pk_idempotency_keys"),
        sa.CheckConstraint("length(key_digest) = 32", name="ck_idempotency_keys_key_digest"),
        sa.CheckConstraint("length(request_digest) = 32", name="ck_idempotency_keys_request_digest"),
        _territory_key("idempotency_keys"),
    )


def _freeze_audit_events_on_sqlite() -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{verb} BEFORE {verb.upper()} ON audit_events "
            "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
        )
    # INSERT OR REPLACE deletes the old row without firing the DELETE trigger.
    op.execute(
        "CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events "
        "WHEN EXISTS (SELECT 1 FROM audit_events "
        "WHERE territory_id = NEW.territory_id AND id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
    )


def _freeze_audit_events_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_events_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_events_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_events_change()"
    )
