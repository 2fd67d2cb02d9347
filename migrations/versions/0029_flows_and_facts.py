"""Keep with a close what it needs no more to read again, and what its documents say that is not in the ledger.

What went from kind to kind by the month's end, per programme: a later close adds a month to it. And the registers as
they were at the cut (shops, programmes, payouts, the town): documents rendered later, after a crash, say the same.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLES = ("period_flows", "close_facts")
SQLITE_TRIGGERS = (
    *(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        for table in TABLES
        for verb in ("UPDATE", "DELETE")
    ),
    # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    """
CREATE TRIGGER period_flows_insert BEFORE INSERT ON period_flows
BEGIN
  SELECT RAISE(ABORT, 'append_only') FROM period_flows
  WHERE territory_id = NEW.territory_id AND ends_on = NEW.ends_on AND closed_at_ms = NEW.closed_at_ms
    AND programme_id = NEW.programme_id AND debit_kind = NEW.debit_kind AND credit_kind = NEW.credit_kind;
  SELECT RAISE(ABORT, 'flow_without_period') WHERE NOT EXISTS (SELECT 1 FROM closed_periods
    WHERE territory_id = NEW.territory_id AND ends_on = NEW.ends_on AND closed_at_ms = NEW.closed_at_ms);
END
""",
    """
CREATE TRIGGER close_facts_insert BEFORE INSERT ON close_facts
BEGIN
  SELECT RAISE(ABORT, 'append_only') FROM close_facts
  WHERE territory_id = NEW.territory_id AND close_id = NEW.close_id;
  SELECT RAISE(ABORT, 'facts_after_close') WHERE NOT EXISTS (SELECT 1 FROM closes
    WHERE territory_id = NEW.territory_id AND id = NEW.close_id AND state = 'prepared');
END
""",
)
POSTGRESQL_TRIGGERS = """
CREATE FUNCTION guard_period_flows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.ends_on AND p.closed_at_ms = NEW.closed_at_ms) THEN
    RAISE EXCEPTION 'flow_without_period';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION guard_close_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'prepared') THEN
    RAISE EXCEPTION 'facts_after_close';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER period_flows_guard BEFORE INSERT ON period_flows
  FOR EACH ROW EXECUTE FUNCTION guard_period_flows();
CREATE TRIGGER close_facts_guard BEFORE INSERT ON close_facts
  FOR EACH ROW EXECUTE FUNCTION guard_close_facts();
"""
POSTGRESQL_APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
"""


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    op.create_table(
        "period_flows",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("programme_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("debit_kind", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("credit_kind", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "territory_id", "ends_on", "closed_at_ms", "programme_id", "debit_kind", "credit_kind",
            name="pk_period_flows",
        ),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_period_flows_territory"),
        sa.CheckConstraint("amount_cents > 0", name="ck_period_flows_cents"),
    )  # fmt: skip
    op.create_table(
        "close_facts",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("close_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "close_id", name="pk_close_facts"),
        sa.ForeignKeyConstraint(
            ["territory_id", "close_id"], ["closes.territory_id", "closes.id"], name="fk_close_facts_close"
        ),
        sa.CheckConstraint("facts <> ''", name="ck_close_facts_facts"),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    frozen = [POSTGRESQL_APPEND_ONLY.format(table=table) for table in TABLES]
    for statement in (POSTGRESQL_TRIGGERS, *frozen) if is_postgresql else SQLITE_TRIGGERS:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them, with their triggers."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION guard_period_flows()")
        op.execute("DROP FUNCTION guard_close_facts()")
