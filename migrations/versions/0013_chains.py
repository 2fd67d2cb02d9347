"""Each transfer names the entry that moved its accounts before it: an account's history is a chain, newest first.

It takes the place of two indexes. An index on accounts is written at random places, and on SQLite half of the pages of
a commit were theirs; the chain is written with the row.
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parents[1] / "sql"
SIDES = ("debit", "credit")
# What an account's last entry before this one is: the later of those that debited and of those that credited it.
EARLIER = (
    "coalesce((SELECT max(p.entry_id) FROM transfers p WHERE p.territory_id = transfers.territory_id"
    " AND p.{other}_account_id = transfers.{side}_account_id AND p.entry_id < transfers.entry_id), 0)"
)
# The balances of 0008, and the last entry of each.
HELD_BEFORE = "json_build_array(b.account_id, b.kind, b.debits_cents, b.credits_cents)"
HELD = "json_build_array(b.account_id, b.kind, b.debits_cents, b.credits_cents, b.last_entry_id)"


def upgrade() -> None:
    """Add the chain, fill it, drop the indexes."""
    for side in SIDES:
        # A default, for SQLite adds no column without one to a table that has rows; 0 is the end of a chain.
        op.execute(
            f"ALTER TABLE transfers ADD COLUMN {side}_previous_id BIGINT NOT NULL DEFAULT 0 CONSTRAINT"
            f" ck_transfers_{side}_chain CHECK ({side}_previous_id >= 0 AND {side}_previous_id < entry_id)"
        )
    _without_guard(_fill())
    for side in SIDES:
        op.drop_index(f"ix_transfers_{side}", "transfers")
    _replace_opening(HELD_BEFORE, HELD)


def downgrade() -> None:
    """Put the indexes back."""
    _replace_opening(HELD, HELD_BEFORE)
    for side in SIDES:
        op.create_index(f"ix_transfers_{side}", "transfers", ["territory_id", f"{side}_account_id", "entry_id"])
        op.execute(f"ALTER TABLE transfers DROP COLUMN {side}_previous_id")


def _fill() -> str:
    greatest = "greatest" if op.get_bind().dialect.name == "postgresql" else "max"
    assigned = ", ".join(
        f"{side}_previous_id = {greatest}({', '.join(EARLIER.format(side=side, other=other) for other in SIDES)})"
        for side in SIDES
    )
    return f"UPDATE transfers SET {assigned}"


def _without_guard(statement: str) -> None:
    """Run an UPDATE of transfers, which are append-only for everybody else."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        op.execute(statement)
        op.execute("ALTER TABLE transfers ENABLE TRIGGER transfers_append_only")
        return
    asked = "SELECT sql FROM sqlite_master WHERE name = 'transfers_no_update'"
    guard = op.get_bind().exec_driver_sql(asked).scalar_one()
    op.execute("DROP TRIGGER transfers_no_update")
    op.execute(statement)
    op.get_bind().exec_driver_sql(guard)


def _replace_opening(old: str, new: str) -> None:
    """Make what a batch reads before it decides give the accounts' last entries too, or no longer."""
    if op.get_bind().dialect.name != "postgresql":
        return
    script = (SQL / "0008_counting.postgresql.sql").read_text(encoding="utf-8")
    function = script[script.index("CREATE FUNCTION ledger_open_batch") :].partition("END $$;")[0]
    if new == HELD:
        function = function.replace(old, new)
    statement = f"{function.replace('CREATE', 'CREATE OR REPLACE', 1)}END $$"
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
