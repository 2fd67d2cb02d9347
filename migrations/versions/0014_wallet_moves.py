"""Moves of what one wallet holds to another, and merges of two households: prepared by one person, approved by another.

Held here, by the database: who prepared a move and between which wallets never changes, who decided is somebody else
when it was approved, a decision is final, and each posted move has an entry of its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, then the triggers of the dialect."""
    op.create_table(
        "wallet_moves",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("from_wallet_id", sa.Integer, nullable=False),
        sa.Column("to_wallet_id", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_wallet_moves"),
        sa.ForeignKeyConstraint(
            ["territory_id", "from_wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_wallet_moves_from"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "to_wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_wallet_moves_to"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_wallet_moves_entry",
        ),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_wallet_moves_entry"),
        sa.CheckConstraint("kind IN ('move', 'merge')", name="ck_wallet_moves_kind"),
        sa.CheckConstraint("from_wallet_id <> to_wallet_id", name="ck_wallet_moves_two_wallets"),
        sa.CheckConstraint("state IN ('prepared', 'posted', 'cancelled')", name="ck_wallet_moves_state"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_wallet_moves_two_people"),
        sa.CheckConstraint("(state = 'posted') = (approved_by IS NOT NULL)", name="ck_wallet_moves_approved"),
        sa.CheckConstraint("(state = 'prepared') = (ended_at_ms IS NULL)", name="ck_wallet_moves_ended"),
        # A merge of a wallet that holds nothing has no entry.
        sa.CheckConstraint(
            "(entry_id IS NULL OR state = 'posted') AND (state <> 'posted' OR kind = 'merge' OR entry_id IS NOT NULL)",
            name="ck_wallet_moves_entry",
        ),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_wallet_moves_prepared_by"),
    )
    # One at a time for a wallet: two that wait would each promise the same money.
    op.create_index(
        "uq_wallet_moves_waiting",
        "wallet_moves",
        ["territory_id", "from_wallet_id"],
        unique=True,
        sqlite_where=sa.text("state = 'prepared'"),
        postgresql_where=sa.text("state = 'prepared'"),
    )
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_FUNCTIONS]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop it, with its triggers."""
    op.drop_table("wallet_moves")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION wallets_keep_move()")
        op.execute("DROP FUNCTION wallets_move_frozen()")


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


_FIXED = ("territory_id", "id", "kind", "from_wallet_id", "to_wallet_id", "prepared_by", "prepared_at_ms")


def _changed(operator: str) -> str:
    return " OR ".join(f"NEW.{column} {operator} OLD.{column}" for column in _FIXED)


# The *_fresh trigger: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
SQLITE_TRIGGERS = f"""
CREATE TRIGGER wallet_moves_fresh BEFORE INSERT ON wallet_moves
WHEN NEW.state <> 'prepared' OR EXISTS (SELECT 1 FROM wallet_moves WHERE territory_id = NEW.territory_id
  AND (id = NEW.id OR (from_wallet_id = NEW.from_wallet_id AND state = 'prepared')))
BEGIN SELECT RAISE(ABORT, 'wallet_move_not_fresh'); END;

CREATE TRIGGER wallet_moves_keep BEFORE UPDATE ON wallet_moves
WHEN OLD.state <> 'prepared' OR {_changed("IS NOT")}
BEGIN SELECT RAISE(ABORT, 'wallet_move_frozen'); END;

CREATE TRIGGER wallet_moves_no_delete BEFORE DELETE ON wallet_moves
BEGIN SELECT RAISE(ABORT, 'wallet_move_frozen'); END;
"""

POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION wallets_move_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'wallet_move_frozen'; END $$;

CREATE FUNCTION wallets_keep_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'prepared' THEN RAISE EXCEPTION 'wallet_move_not_fresh'; END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'prepared' OR {_changed("IS DISTINCT FROM")} THEN RAISE EXCEPTION 'wallet_move_frozen'; END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER wallet_moves_keep BEFORE INSERT OR UPDATE ON wallet_moves
  FOR EACH ROW EXECUTE FUNCTION wallets_keep_move();
CREATE TRIGGER wallet_moves_no_delete BEFORE DELETE ON wallet_moves
  FOR EACH ROW EXECUTE FUNCTION wallets_move_frozen();
CREATE TRIGGER wallet_moves_no_truncate BEFORE TRUNCATE ON wallet_moves
  FOR EACH STATEMENT EXECUTE FUNCTION wallets_move_frozen();
"""
