"""Count a batch at once: the rules of 0001 stay, each is applied once for a batch and no longer once for a row.

On SQLite only: PostgreSQL's triggers have always seen a whole statement.
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parents[1] / "sql"
BEFORE = (
    "transfers_before", "transfers_limits", "transfers_count", "transfers_cross", "balances_follow_transfers",
    "journal_entries_before", "journal_entries_number", "ledger_heads_number", "ledger_heads_count",
)  # fmt: skip


def upgrade() -> None:
    """Put the triggers that count a batch in the place of those that counted a row."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for name in BEFORE:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("UPDATE ledger_heads SET counted_entry_id = last_entry_id, counted_line_no = 0")
    for statement in _statements("0008_counting"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Put the triggers of 0001 back."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for statement in _statements("0008_counting"):
        op.execute(f"DROP TRIGGER {_name(statement)}")
    for statement in _statements("0001_ledger"):
        if _name(statement) in BEFORE:
            op.get_bind().exec_driver_sql(statement)


def _statements(script: str) -> list[str]:
    """Return the triggers of a file, one by one; every trigger ends with END."""
    text = (SQL / f"{script}.sqlite.sql").read_text(encoding="utf-8")
    return [f"{part}END" for part in text.split("END;\n")[:-1]]


def _name(statement: str) -> str:
    return statement.partition("CREATE TRIGGER ")[2].split()[0]
