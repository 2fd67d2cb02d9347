"""The chart of accounts: the codes that a town chose, and what its comptable confirmed of them.

Held here, by the database: every version stays as it was written, and no code is set for a year of which a month is
closed, so that a closed document reads the same for ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    op.create_table(
        "chart_accounts",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        *_line_columns(),
        sa.Column("effective_on", sa.Date, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_chart_accounts"),
        sa.CheckConstraint(_line_check(), name="ck_chart_accounts_line"),
        sa.CheckConstraint(_digits("code"), name="ck_chart_accounts_code"),
        sa.CheckConstraint("label <> '' AND length(label) <= 80", name="ck_chart_accounts_label"),
        sa.CheckConstraint(_first_of_january(), name="ck_chart_accounts_effective_on"),
        sa.CheckConstraint(_caller("set_by"), name="ck_chart_accounts_set_by"),
        _territory("chart_accounts"),
    )
    op.create_table(
        "chart_confirmations",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        *_line_columns(),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("confirmed_by", sa.Text, nullable=False),
        sa.Column("confirmed_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_chart_confirmations"),
        sa.UniqueConstraint("territory_id", "book", "role", "programme_id", "code", name="uq_chart_confirmations_once"),
        sa.CheckConstraint(_line_check(), name="ck_chart_confirmations_line"),
        sa.CheckConstraint(_digits("code"), name="ck_chart_confirmations_code"),
        sa.CheckConstraint(_caller("confirmed_by"), name="ck_chart_confirmations_confirmed_by"),
        _territory("chart_confirmations"),
    )
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_TRIGGERS]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them, with their triggers."""
    op.drop_table("chart_confirmations")
    op.drop_table("chart_accounts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION chart_frozen()")
        op.execute("DROP FUNCTION chart_open_year()")


def _line_columns() -> tuple[sa.Column, ...]:
    """Return which line of a chart a row speaks of."""
    return (
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
    )


def _line_check() -> str:
    """Return the CHECK of the line: only the aid of the CCAS has accounts by programme."""
    return (
        "book IN ('issuer', 'ccas') AND role <> '' AND programme_id >= 0"
        " AND (programme_id = 0 OR (book = 'ccas' AND role = 'aid'))"
    )


def _territory(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name=f"fk_{table}_territory")


def _digits(column: str) -> str:
    """Return the CHECK of an account's number: digits, as many as a chart may want."""
    length = f"length({column}) BETWEEN 3 AND 10"
    if op.get_bind().dialect.name == "postgresql":
        return f"{length} AND {column} !~ '[^0-9]'"
    return f"{length} AND {column} NOT GLOB '*[^0-9]*'"


def _first_of_january() -> str:
    """Return the CHECK that a code counts for whole years."""
    if op.get_bind().dialect.name == "postgresql":
        return "EXTRACT(MONTH FROM effective_on) = 1 AND EXTRACT(DAY FROM effective_on) = 1"
    return "effective_on LIKE '____-01-01'"


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


# The *_fresh triggers: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
SQLITE_TRIGGERS = """
CREATE TRIGGER chart_accounts_open_year BEFORE INSERT ON chart_accounts
WHEN EXISTS (SELECT 1 FROM closed_periods WHERE territory_id = NEW.territory_id AND ends_on >= NEW.effective_on)
BEGIN SELECT RAISE(ABORT, 'chart_year_closed'); END;

CREATE TRIGGER chart_accounts_fresh BEFORE INSERT ON chart_accounts
WHEN EXISTS (SELECT 1 FROM chart_accounts WHERE territory_id = NEW.territory_id AND id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;

CREATE TRIGGER chart_accounts_no_update BEFORE UPDATE ON chart_accounts
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;

CREATE TRIGGER chart_accounts_no_delete BEFORE DELETE ON chart_accounts
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;

CREATE TRIGGER chart_confirmations_fresh BEFORE INSERT ON chart_confirmations
WHEN EXISTS (SELECT 1 FROM chart_confirmations WHERE territory_id = NEW.territory_id AND (id = NEW.id
  OR (book = NEW.book AND role = NEW.role AND programme_id = NEW.programme_id AND code = NEW.code)))
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;

CREATE TRIGGER chart_confirmations_no_update BEFORE UPDATE ON chart_confirmations
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;

CREATE TRIGGER chart_confirmations_no_delete BEFORE DELETE ON chart_confirmations
BEGIN SELECT RAISE(ABORT, 'chart_frozen'); END;
"""

POSTGRESQL_TRIGGERS = """
CREATE FUNCTION chart_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'chart_frozen'; END $$;

CREATE FUNCTION chart_open_year() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM closed_periods WHERE territory_id = NEW.territory_id AND ends_on >= NEW.effective_on) THEN
    RAISE EXCEPTION 'chart_year_closed';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER chart_accounts_open_year BEFORE INSERT ON chart_accounts
  FOR EACH ROW EXECUTE FUNCTION chart_open_year();
CREATE TRIGGER chart_accounts_keep BEFORE UPDATE OR DELETE ON chart_accounts
  FOR EACH ROW EXECUTE FUNCTION chart_frozen();
CREATE TRIGGER chart_accounts_no_truncate BEFORE TRUNCATE ON chart_accounts
  FOR EACH STATEMENT EXECUTE FUNCTION chart_frozen();
CREATE TRIGGER chart_confirmations_keep BEFORE UPDATE OR DELETE ON chart_confirmations
  FOR EACH ROW EXECUTE FUNCTION chart_frozen();
CREATE TRIGGER chart_confirmations_no_truncate BEFORE TRUNCATE ON chart_confirmations
  FOR EACH STATEMENT EXECUTE FUNCTION chart_frozen();
"""
