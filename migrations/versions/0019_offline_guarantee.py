"""The offline guarantee of a programme: an account that the reserve owes, funded and given back by two people.

Kind 12 joins the kinds that may not go below zero and those that the reserve owes, wherever 0001 and 0008 list them.
Each definition is taken as the database itself holds it: what 0012 tied to the keys stays tied.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

GUARANTEE = 12
# What is written where, before and after: the lists of 0001 and 0008.
KINDS = ("kind BETWEEN 1 AND 11", "kind BETWEEN 1 AND 12")
LIMITED = ("kind NOT IN (2, 3, 4, 5, 6)", "kind NOT IN (2, 3, 4, 5, 6, 12)")
OWED = ("IN (3, 4, 5, 6)", "IN (3, 4, 5, 6, 12)")
NO_ISSUE = ("NOT IN (1, 3, 4, 5, 6, 7)", "NOT IN (1, 3, 4, 5, 6, 7, 12)")
ABOVE_ZERO = (
    "({limited} OR credits_cents >= debits_cents) AND (kind NOT IN (7) OR debits_cents >= credits_cents)"
)  # fmt: skip
_FIXED = ("territory_id", "id", "programme_id", "kind", "amount_cents", "prepared_by", "prepared_at_ms")


def upgrade() -> None:
    """Let accounts of the kind exist, count them as owed, then create the table of what two people move."""
    _list_the_kind(before=0, after=1)
    _moves()
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_FUNCTIONS]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Take it out again; refused while an account of the kind exists, whose money would be owed by nobody."""
    if op.get_bind().scalar(sa.text(f"SELECT count(*) FROM accounts WHERE kind = {GUARANTEE}")):
        message = "an offline guarantee has an account"
        raise RuntimeError(message)
    op.drop_table("guarantee_moves")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION programmes_keep_guarantee_move()")
        op.execute("DROP FUNCTION programmes_guarantee_move_frozen()")
    _list_the_kind(before=1, after=0)


def _list_the_kind(*, before: int, after: int) -> None:
    swaps = [(pair[before], pair[after]) for pair in (OWED, NO_ISSUE)]
    run = op.get_bind().exec_driver_sql
    if op.get_bind().dialect.name == "postgresql":
        for table, name, condition in (
            ("accounts", "ck_accounts_kind", KINDS[after]),
            ("balances", "ck_balances_not_below_zero", ABOVE_ZERO.format(limited=LIMITED[after])),
        ):
            op.drop_constraint(name, table, type_="check")
            op.create_check_constraint(name, table, condition)
        (function,) = run("SELECT pg_get_functiondef('ledger_count_transfers()'::regprocedure)").scalars()
        run(_swapped(function, swaps), execution_options={"no_parameters": True})
        return
    (trigger,) = run("SELECT sql FROM sqlite_schema WHERE name = 'ledger_heads_count'").scalars()
    run("DROP TRIGGER ledger_heads_count")
    run(_swapped(trigger, swaps))
    _change_checks({"accounts": (KINDS[before], KINDS[after]), "balances": (LIMITED[before], LIMITED[after])})


def _change_checks(swaps: dict[str, tuple[str, str]]) -> None:
    """Change CHECKs of SQLite's tables where they are written, without a new table.

    The way that SQLite describes for a change that touches no row (lang_altertable, section 7): the tables hold
    everything that a town ever moved, and what other tables and triggers say of them stays.
    """
    run = op.get_bind().exec_driver_sql
    version = run("PRAGMA schema_version").scalar_one()
    run("PRAGMA writable_schema = ON")
    for table, (old, new) in swaps.items():
        run(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
            (old, new, table),
        )
    run(f"PRAGMA schema_version = {version + 1}")
    # Read again what was just written, by this connection too.
    run("PRAGMA writable_schema = RESET")


def _swapped(definition: str, swaps: list[tuple[str, str]]) -> str:
    for old, new in swaps:
        definition = definition.replace(old, new)
    return definition


def _moves() -> None:
    op.create_table(
        "guarantee_moves",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_guarantee_moves"),
        sa.ForeignKeyConstraint(
            ["territory_id", "programme_id"],
            ["programmes.territory_id", "programmes.id"],
            name="fk_guarantee_moves_programme",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_guarantee_moves_entry",
        ),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_guarantee_moves_entry"),
        sa.CheckConstraint("kind IN ('fund', 'return')", name="ck_guarantee_moves_kind"),
        sa.CheckConstraint("amount_cents > 0", name="ck_guarantee_moves_amount"),
        sa.CheckConstraint("state IN ('prepared', 'posted', 'cancelled')", name="ck_guarantee_moves_state"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_guarantee_moves_two_people"),
        sa.CheckConstraint("(state = 'posted') = (approved_by IS NOT NULL)", name="ck_guarantee_moves_approved"),
        sa.CheckConstraint("(state = 'prepared') = (ended_at_ms IS NULL)", name="ck_guarantee_moves_ended"),
        sa.CheckConstraint("(state = 'posted') = (entry_id IS NOT NULL)", name="ck_guarantee_moves_entry"),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_guarantee_moves_prepared_by"),
    )


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


def _changed(operator: str) -> str:
    return " OR ".join(f"NEW.{column} {operator} OLD.{column}" for column in _FIXED)


# The *_fresh trigger: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
SQLITE_TRIGGERS = f"""
CREATE TRIGGER guarantee_moves_fresh BEFORE INSERT ON guarantee_moves
WHEN NEW.state <> 'prepared'
  OR EXISTS (SELECT 1 FROM guarantee_moves WHERE territory_id = NEW.territory_id AND id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'guarantee_move_not_fresh'); END;

CREATE TRIGGER guarantee_moves_keep BEFORE UPDATE ON guarantee_moves
WHEN OLD.state <> 'prepared' OR {_changed("IS NOT")}
BEGIN SELECT RAISE(ABORT, 'guarantee_move_frozen'); END;

CREATE TRIGGER guarantee_moves_no_delete BEFORE DELETE ON guarantee_moves
BEGIN SELECT RAISE(ABORT, 'guarantee_move_frozen'); END;
"""

POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION programmes_guarantee_move_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'guarantee_move_frozen'; END $$;

CREATE FUNCTION programmes_keep_guarantee_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'prepared' THEN RAISE EXCEPTION 'guarantee_move_not_fresh'; END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'prepared' OR {_changed("IS DISTINCT FROM")} THEN
    RAISE EXCEPTION 'guarantee_move_frozen';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER guarantee_moves_keep BEFORE INSERT OR UPDATE ON guarantee_moves
  FOR EACH ROW EXECUTE FUNCTION programmes_keep_guarantee_move();
CREATE TRIGGER guarantee_moves_no_delete BEFORE DELETE ON guarantee_moves
  FOR EACH ROW EXECUTE FUNCTION programmes_guarantee_move_frozen();
CREATE TRIGGER guarantee_moves_no_truncate BEFORE TRUNCATE ON guarantee_moves
  FOR EACH STATEMENT EXECUTE FUNCTION programmes_guarantee_move_frozen();
"""
