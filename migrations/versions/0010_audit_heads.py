"""The signed heads of the audit trail: append-only, and each longer than the one before."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, then the triggers of the dialect."""
    op.create_table(
        "audit_heads",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("sealed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "size", name="pk_audit_heads"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_audit_heads_territory"),
        sa.CheckConstraint("size > 0", name="ck_audit_heads_size"),
        sa.CheckConstraint("length(root) = 32", name="ck_audit_heads_root"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _freeze_on_postgresql()
    else:
        _freeze_on_sqlite()


def downgrade() -> None:
    """Drop the table, with its triggers."""
    op.drop_table("audit_heads")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_heads_change()")


def _freeze_on_sqlite() -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_heads_no_{verb} BEFORE {verb.upper()} ON audit_heads "
            "BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        )
    # Also against INSERT OR REPLACE, which deletes the old row without firing the DELETE trigger.
    op.execute(
        "CREATE TRIGGER audit_heads_grow BEFORE INSERT ON audit_heads "
        "WHEN EXISTS (SELECT 1 FROM audit_heads WHERE territory_id = NEW.territory_id AND size >= NEW.size) "
        "BEGIN SELECT RAISE(ABORT, 'log_head_not_growing'); END"
    )


def _freeze_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_heads_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP <> 'INSERT' THEN RAISE EXCEPTION 'append_only'; END IF; "
        "IF EXISTS (SELECT 1 FROM audit_heads WHERE territory_id = NEW.territory_id AND size >= NEW.size) THEN "
        "RAISE EXCEPTION 'log_head_not_growing'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_heads_grow BEFORE INSERT OR UPDATE OR DELETE ON audit_heads "
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_heads_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_heads_no_truncate BEFORE TRUNCATE ON audit_heads "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_heads_change()"
    )
