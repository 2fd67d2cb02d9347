"""The closes: who prepared and who approved each month, the checklist they saw, the signed certificate.

A close that is closed never changes; it can be closed only by a second person, and only on a locked period.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A prepared close has no approver, no certificate and no closing instant; a closed one has the three.
COMPLETE = (
    "(state = 'prepared' AND approved_by IS NULL AND certificate = '' AND closed_at_ms IS NULL)"
    " OR (state = 'closed' AND approved_by IS NOT NULL AND certificate <> '' AND closed_at_ms IS NOT NULL)"
)
LOCKED = "EXISTS (SELECT 1 FROM closed_periods p WHERE p.territory_id = NEW.territory_id AND p.ends_on = {ends_on})"


def upgrade() -> None:
    """Create the table, then the triggers of the dialect."""
    op.create_table(
        "closes",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("period_starts_on", sa.Date, nullable=False),
        sa.Column("period_ends_on", sa.Date, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("carried_reason", sa.Text, nullable=False),
        sa.Column("checklist", sa.Text, nullable=False),
        sa.Column("certificate", sa.Text, nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_closes"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_closes_territory"),
        sa.UniqueConstraint("territory_id", "period_ends_on", name="uq_closes_period"),
        sa.CheckConstraint("period_starts_on < period_ends_on", name="ck_closes_order"),
        sa.CheckConstraint("state IN ('prepared', 'closed')", name="ck_closes_state"),
        sa.CheckConstraint(COMPLETE, name="ck_closes_complete"),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_closes_prepared_by"),
        sa.CheckConstraint(_caller("approved_by"), name="ck_closes_approved_by"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_closes_two_people"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def downgrade() -> None:
    """Drop the table, with its triggers."""
    op.drop_table("closes")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION guard_closes()")
        op.execute("DROP FUNCTION refuse_closes_removal()")


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


def _guard_on_sqlite() -> None:
    op.execute(
        "CREATE TRIGGER closes_no_change BEFORE UPDATE ON closes WHEN OLD.state = 'closed' "
        "BEGIN SELECT RAISE(ABORT, 'closes_final'); END"
    )
    op.execute("CREATE TRIGGER closes_no_delete BEFORE DELETE ON closes BEGIN SELECT RAISE(ABORT, 'closes_final'); END")
    # INSERT OR REPLACE deletes the old row without firing the DELETE trigger.
    op.execute(
        "CREATE TRIGGER closes_no_replace BEFORE INSERT ON closes "
        "WHEN EXISTS (SELECT 1 FROM closes WHERE territory_id = NEW.territory_id "
        "AND (id = NEW.id OR period_ends_on = NEW.period_ends_on)) "
        "BEGIN SELECT RAISE(ABORT, 'uq_closes_period'); END"
    )
    for verb in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER closes_locked_{verb.lower()} BEFORE {verb} ON closes "
            f"WHEN NEW.state = 'closed' AND NOT {LOCKED.format(ends_on='NEW.period_ends_on')} "
            "BEGIN SELECT RAISE(ABORT, 'closes_not_locked'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION guard_closes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'UPDATE' THEN IF OLD.state = 'closed' THEN RAISE EXCEPTION 'closes_final'; END IF; END IF; "
        f"IF NEW.state = 'closed' AND NOT {LOCKED.format(ends_on='NEW.period_ends_on')} THEN "
        "RAISE EXCEPTION 'closes_not_locked'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE FUNCTION refuse_closes_removal() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'closes_final'; END $$"
    )
    op.execute(
        "CREATE TRIGGER closes_guard BEFORE INSERT OR UPDATE ON closes FOR EACH ROW EXECUTE FUNCTION guard_closes()"
    )
    op.execute(
        "CREATE TRIGGER closes_no_delete BEFORE DELETE ON closes FOR EACH ROW EXECUTE FUNCTION refuse_closes_removal()"
    )
    op.execute(
        "CREATE TRIGGER closes_no_truncate BEFORE TRUNCATE ON closes "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_closes_removal()"
    )
