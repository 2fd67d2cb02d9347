"""Count a batch at once: the rules of 0001 stay, applied once for a batch and in fewer statements.

On SQLite the triggers saw row after row; PostgreSQL's saw a whole statement, but asked each balance and each transfer
once more.
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
        _upgrade_postgresql()
        return
    for name in BEFORE:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("UPDATE ledger_heads SET counted_entry_id = last_entry_id, counted_line_no = 0")
    for statement in _statements("0008_counting"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Put the triggers of 0001 back."""
    if op.get_bind().dialect.name == "postgresql":
        _downgrade_postgresql()
        return
    for statement in _statements("0008_counting"):
        op.execute(f"DROP TRIGGER {_name(statement)}")
    for statement in _statements("0001_ledger"):
        if _name(statement) in BEFORE:
            op.get_bind().exec_driver_sql(statement)


def _upgrade_postgresql() -> None:
    op.execute("ALTER TABLE ledger_heads DISABLE TRIGGER ledger_heads_follow")
    op.execute("UPDATE ledger_heads SET counted_entry_id = last_entry_id")
    op.execute("ALTER TABLE ledger_heads ENABLE TRIGGER ledger_heads_follow")
    op.drop_constraint("fk_transfers_entry", "transfers", type_="foreignkey")
    script = (SQL / "0008_counting.postgresql.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def _downgrade_postgresql() -> None:
    op.execute("DROP FUNCTION ledger_open_batch(smallint, bytea[], bigint[])")
    op.execute("DROP TRIGGER ledger_heads_complete ON ledger_heads")
    op.execute("DROP FUNCTION ledger_complete()")
    script = (SQL / "0001_ledger.postgresql.sql").read_text(encoding="utf-8")
    for name in ("ledger_count_transfers", "ledger_number_entries"):
        function = script[script.index(f"CREATE FUNCTION {name}") :].partition("END $$;")[0]
        statement = f"{function.replace('CREATE', 'CREATE OR REPLACE', 1)}END $$"
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
    for table, trigger, event, word in (
        ("balances", "balances_follow_transfers", "INSERT OR UPDATE", "balance_without_transfer"),
        ("ledger_heads", "ledger_heads_follow", "UPDATE", "head_without_entry"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(
            f"CREATE TRIGGER {trigger} BEFORE {event} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION ledger_only_by_trigger('{word}')"
        )
    op.create_foreign_key(
        "fk_transfers_entry", "transfers", "journal_entries", ["territory_id", "entry_id"], ["territory_id", "id"],
        deferrable=True, initially="DEFERRED",
    )  # fmt: skip


def _statements(script: str) -> list[str]:
    """Return the triggers of a file, one by one; every trigger ends with END."""
    text = (SQL / f"{script}.sqlite.sql").read_text(encoding="utf-8")
    return [f"{part}END" for part in text.split("END;\n")[:-1]]


def _name(statement: str) -> str:
    return statement.partition("CREATE TRIGGER ")[2].split()[0]
