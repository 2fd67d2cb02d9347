"""Programmes, their categories, funding orders, distributions and their lines.

Held here, by the database: a distribution is approved by another person than the one who prepared it, its lines are
those that were approved, an approval is not taken back, a funding is received once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CENTS_MAX = 2**53 - 1
# Technical regulation (EU) 2018/389, article 11: no payment above 50 € without strong authentication.
PIN_ABOVE_MAX_CENTS = 5_000
GRACE_DAYS_MAX = 366
CATEGORIES = (
    "'food', 'hygiene', 'clothing', 'household', 'transport', 'health', 'school', 'culture', 'sport', 'services'"
)
TABLES = ("distribution_lines", "distributions", "funding_orders", "programme_categories", "programmes")


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _create_programmes()
    _create_funding_orders()
    _create_distributions()
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_FUNCTIONS]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them, with their triggers."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in FUNCTIONS:
            op.execute(f"DROP FUNCTION {function}()")


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


def _programme_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", "programme_id"], ["programmes.territory_id", "programmes.id"], name=f"fk_{table}_programme"
    )


def _create_programmes() -> None:
    op.create_table(
        "programmes",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("legal_basis", sa.Text, nullable=False),
        sa.Column("decision_reference", sa.Text, nullable=False),
        sa.Column("decided_on", sa.Date, nullable=False),
        sa.Column("budget_cents", sa.BigInteger, nullable=False),
        sa.Column("pin_rule", sa.Text, nullable=False),
        sa.Column("pin_above_cents", sa.BigInteger, nullable=False),
        sa.Column("grace_days", sa.SmallInteger, nullable=False),
        sa.Column("expired_goes_to", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_programmes"),
        sa.UniqueConstraint("territory_id", "name", name="uq_programmes_name"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_programmes_territory"),
        sa.CheckConstraint("id > 0", name="ck_programmes_id"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 80", name="ck_programmes_name"),
        sa.CheckConstraint("legal_basis IN ('civil_mandate', 'convention', 'cap')", name="ck_programmes_legal_basis"),
        sa.CheckConstraint(f"budget_cents > 0 AND budget_cents <= {CENTS_MAX}", name="ck_programmes_budget"),
        sa.CheckConstraint("pin_rule IN ('never', 'above', 'always')", name="ck_programmes_pin_rule"),
        sa.CheckConstraint(f"pin_above_cents BETWEEN 0 AND {PIN_ABOVE_MAX_CENTS}", name="ck_programmes_pin_above"),
        sa.CheckConstraint(f"grace_days BETWEEN 0 AND {GRACE_DAYS_MAX}", name="ck_programmes_grace_days"),
        sa.CheckConstraint("expired_goes_to IN ('ccas', 'programme')", name="ck_programmes_expired_goes_to"),
        sa.CheckConstraint(_caller("created_by"), name="ck_programmes_created_by"),
    )
    op.create_table(
        "programme_categories",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "programme_id", "category", name="pk_programme_categories"),
        sa.CheckConstraint(f"category IN ({CATEGORIES})", name="ck_programme_categories_known"),
        _programme_key("programme_categories"),
    )


def _create_funding_orders() -> None:
    op.create_table(
        "funding_orders",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_funding_orders"),
        sa.UniqueConstraint("territory_id", "reference", name="uq_funding_orders_reference"),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_funding_orders_entry"),
        _programme_key("funding_orders"),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_funding_orders_entry",
        ),
        sa.CheckConstraint(f"amount_cents > 0 AND amount_cents <= {CENTS_MAX}", name="ck_funding_orders_amount"),
        sa.CheckConstraint("state IN ('expected', 'received')", name="ck_funding_orders_state"),
        sa.CheckConstraint("(state = 'received') = (entry_id IS NOT NULL)", name="ck_funding_orders_entry"),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_funding_orders_prepared_by"),
    )


def _create_distributions() -> None:
    op.create_table(
        "distributions",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("line_count", sa.Integer, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("posted_through_line", sa.Integer, nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_at_ms", sa.BigInteger, nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_distributions"),
        _programme_key("distributions"),
        sa.CheckConstraint("length(label) BETWEEN 1 AND 120", name="ck_distributions_label"),
        sa.CheckConstraint("state IN ('prepared', 'approved', 'posted', 'cancelled')", name="ck_distributions_state"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_distributions_two_people"),
        sa.CheckConstraint(
            "(state <> 'prepared' OR approved_by IS NULL)"
            " AND (state NOT IN ('approved', 'posted') OR approved_by IS NOT NULL)"
            " AND (approved_by IS NULL) = (approved_at_ms IS NULL)",
            name="ck_distributions_approved",
        ),
        sa.CheckConstraint(
            "(state IN ('posted', 'cancelled')) = (ended_at_ms IS NOT NULL)", name="ck_distributions_ended"
        ),
        sa.CheckConstraint("line_count > 0", name="ck_distributions_line_count"),
        sa.CheckConstraint(f"total_cents > 0 AND total_cents <= {CENTS_MAX}", name="ck_distributions_total"),
        sa.CheckConstraint(
            "posted_through_line BETWEEN 0 AND line_count"
            " AND (posted_through_line = 0 OR state IN ('approved', 'posted'))"
            " AND (state <> 'posted' OR posted_through_line = line_count)",
            name="ck_distributions_progress",
        ),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_distributions_prepared_by"),
    )
    op.create_table(
        "distribution_lines",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("distribution_id", sa.Integer, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("wallet_id", sa.Integer, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "distribution_id", "line_no", name="pk_distribution_lines"),
        sa.UniqueConstraint("territory_id", "distribution_id", "wallet_id", name="uq_distribution_lines_wallet"),
        sa.ForeignKeyConstraint(
            ["territory_id", "distribution_id"],
            ["distributions.territory_id", "distributions.id"],
            name="fk_distribution_lines_distribution",
        ),
        sa.CheckConstraint("line_no > 0", name="ck_distribution_lines_line_no"),
        sa.CheckConstraint("wallet_id > 0", name="ck_distribution_lines_wallet"),
        sa.CheckConstraint(f"amount_cents > 0 AND amount_cents <= {CENTS_MAX}", name="ck_distribution_lines_amount"),
    )


# What both dialects refuse, written once. {changed} stands for "is another value than", NULL being a value.
_FIXED = ("territory_id", "id", "programme_id", "label", "expires_on", "prepared_by", "line_count", "total_cents",
          "prepared_at_ms")  # fmt: skip
_FUNDING_FIXED = ("territory_id", "id", "programme_id", "amount_cents", "reference", "prepared_by", "created_at_ms")


def _changed(columns: tuple[str, ...], operator: str) -> str:
    return " OR ".join(f"NEW.{column} {operator} OLD.{column}" for column in columns)


_STEP = """(OLD.state = NEW.state
    OR (OLD.state = 'prepared' AND NEW.state IN ('approved', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state = 'posted')
    OR (OLD.state = 'approved' AND NEW.state = 'cancelled' AND OLD.posted_through_line = 0))"""
_SUMS = """(SELECT COUNT(*) FROM distribution_lines l
      WHERE l.territory_id = NEW.territory_id AND l.distribution_id = NEW.id) = NEW.line_count
    AND (SELECT SUM(l.amount_cents) FROM distribution_lines l
      WHERE l.territory_id = NEW.territory_id AND l.distribution_id = NEW.id) = NEW.total_cents"""
_OPEN = """EXISTS (SELECT 1 FROM distributions d
    WHERE d.territory_id = NEW.territory_id AND d.id = NEW.distribution_id AND d.state = 'prepared')"""

# ---------------------------------------------------------------------------------------------------- SQLite
# The *_fresh triggers: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
SQLITE_TRIGGERS = f"""
CREATE TRIGGER distributions_fresh BEFORE INSERT ON distributions
WHEN NEW.state <> 'prepared'
  OR EXISTS (SELECT 1 FROM distributions WHERE territory_id = NEW.territory_id AND id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'distribution_not_fresh'); END;

CREATE TRIGGER distributions_keep BEFORE UPDATE ON distributions
BEGIN
  SELECT RAISE(ABORT, 'distribution_frozen') WHERE {_changed(_FIXED, "IS NOT")};
  SELECT RAISE(ABORT, 'distribution_approval_frozen')
  WHERE OLD.approved_by IS NOT NULL
    AND (NEW.approved_by IS NOT OLD.approved_by OR NEW.approved_at_ms IS NOT OLD.approved_at_ms);
  SELECT RAISE(ABORT, 'distribution_step') WHERE NOT {_STEP};
  SELECT RAISE(ABORT, 'distribution_progress') WHERE NEW.posted_through_line < OLD.posted_through_line;
  SELECT RAISE(ABORT, 'distribution_sums')
  WHERE OLD.state = 'prepared' AND NEW.state = 'approved' AND NOT ({_SUMS});
END;

CREATE TRIGGER distributions_no_delete BEFORE DELETE ON distributions
BEGIN SELECT RAISE(ABORT, 'distribution_frozen'); END;

CREATE TRIGGER distribution_lines_fresh BEFORE INSERT ON distribution_lines
WHEN NOT {_OPEN}
  OR EXISTS (SELECT 1 FROM distribution_lines WHERE territory_id = NEW.territory_id
    AND distribution_id = NEW.distribution_id AND (line_no = NEW.line_no OR wallet_id = NEW.wallet_id))
BEGIN SELECT RAISE(ABORT, 'distribution_lines_frozen'); END;

CREATE TRIGGER distribution_lines_no_update BEFORE UPDATE ON distribution_lines
BEGIN SELECT RAISE(ABORT, 'distribution_lines_frozen'); END;

CREATE TRIGGER distribution_lines_no_delete BEFORE DELETE ON distribution_lines
BEGIN SELECT RAISE(ABORT, 'distribution_lines_frozen'); END;

CREATE TRIGGER funding_orders_fresh BEFORE INSERT ON funding_orders
WHEN NEW.state <> 'expected'
  OR EXISTS (SELECT 1 FROM funding_orders
    WHERE territory_id = NEW.territory_id AND (id = NEW.id OR reference = NEW.reference))
BEGIN SELECT RAISE(ABORT, 'funding_order_frozen'); END;

CREATE TRIGGER funding_orders_keep BEFORE UPDATE ON funding_orders
WHEN OLD.state = 'received' OR {_changed(_FUNDING_FIXED, "IS NOT")}
BEGIN SELECT RAISE(ABORT, 'funding_order_frozen'); END;

CREATE TRIGGER funding_orders_no_delete BEFORE DELETE ON funding_orders
BEGIN SELECT RAISE(ABORT, 'funding_order_frozen'); END;
"""

# ------------------------------------------------------------------------------------------------ PostgreSQL

POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION programmes_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;

CREATE FUNCTION programmes_keep_distribution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'prepared' THEN RAISE EXCEPTION 'distribution_not_fresh'; END IF;
    RETURN NEW;
  END IF;
  IF {_changed(_FIXED, "IS DISTINCT FROM")} THEN RAISE EXCEPTION 'distribution_frozen'; END IF;
  IF OLD.approved_by IS NOT NULL AND (NEW.approved_by IS DISTINCT FROM OLD.approved_by
    OR NEW.approved_at_ms IS DISTINCT FROM OLD.approved_at_ms) THEN
    RAISE EXCEPTION 'distribution_approval_frozen';
  END IF;
  IF NOT {_STEP} THEN RAISE EXCEPTION 'distribution_step'; END IF;
  IF NEW.posted_through_line < OLD.posted_through_line THEN RAISE EXCEPTION 'distribution_progress'; END IF;
  IF OLD.state = 'prepared' AND NEW.state = 'approved' AND NOT ({_SUMS}) THEN
    RAISE EXCEPTION 'distribution_sums';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION programmes_keep_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The share lock makes an approval wait for lines being added, and the other way round.
  PERFORM 1 FROM distributions d
  WHERE d.territory_id = NEW.territory_id AND d.id = NEW.distribution_id AND d.state = 'prepared' FOR SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'distribution_lines_frozen'; END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION programmes_keep_funding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'expected' THEN RAISE EXCEPTION 'funding_order_frozen'; END IF;
    RETURN NEW;
  END IF;
  IF OLD.state = 'received' OR {_changed(_FUNDING_FIXED, "IS DISTINCT FROM")} THEN
    RAISE EXCEPTION 'funding_order_frozen';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER distributions_keep BEFORE INSERT OR UPDATE ON distributions
  FOR EACH ROW EXECUTE FUNCTION programmes_keep_distribution();
CREATE TRIGGER distributions_no_delete BEFORE DELETE ON distributions
  FOR EACH ROW EXECUTE FUNCTION programmes_frozen('distribution_frozen');
CREATE TRIGGER distributions_no_truncate BEFORE TRUNCATE ON distributions
  FOR EACH STATEMENT EXECUTE FUNCTION programmes_frozen('distribution_frozen');
CREATE TRIGGER distribution_lines_keep BEFORE INSERT ON distribution_lines
  FOR EACH ROW EXECUTE FUNCTION programmes_keep_lines();
CREATE TRIGGER distribution_lines_no_change BEFORE UPDATE OR DELETE ON distribution_lines
  FOR EACH ROW EXECUTE FUNCTION programmes_frozen('distribution_lines_frozen');
CREATE TRIGGER distribution_lines_no_truncate BEFORE TRUNCATE ON distribution_lines
  FOR EACH STATEMENT EXECUTE FUNCTION programmes_frozen('distribution_lines_frozen');
CREATE TRIGGER funding_orders_keep BEFORE INSERT OR UPDATE ON funding_orders
  FOR EACH ROW EXECUTE FUNCTION programmes_keep_funding();
CREATE TRIGGER funding_orders_no_delete BEFORE DELETE ON funding_orders
  FOR EACH ROW EXECUTE FUNCTION programmes_frozen('funding_order_frozen');
CREATE TRIGGER funding_orders_no_truncate BEFORE TRUNCATE ON funding_orders
  FOR EACH STATEMENT EXECUTE FUNCTION programmes_frozen('funding_order_frozen');
"""
FUNCTIONS = (
    "programmes_frozen", "programmes_keep_distribution", "programmes_keep_lines", "programmes_keep_funding",
)  # fmt: skip
