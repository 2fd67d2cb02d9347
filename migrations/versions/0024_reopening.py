"""Reopen the last closed month, by two people; keep the balances and the documents of every close; show a close's way.

Held by the database: a lock of a month goes away only beside the line that remembers it, which itself stands only on
a reopening that two people signed, of the last closed month, its documents kept. What was closed stays as it was: the
first close, its certificate, its balances and its documents are never changed nor deleted.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parents[1] / "sql"
TABLES = ("close_runs", "close_documents", "period_balances", "reopened_periods", "close_reopenings")
FUNCTIONS = (
    "guard_close_reopenings", "guard_reopened_periods", "guard_closed_periods_removal", "guard_closed_periods_later",
    "guard_period_balances", "guard_close_documents",
)  # fmt: skip
COLUMNS = (
    "territory_id, id, period_starts_on, period_ends_on, state, prepared_by, approved_by, carried_reason, checklist,"
    " certificate, prepared_at_ms, closed_at_ms"
)
# A prepared close has no approver, no certificate and no closing instant; the others have the three.
COMPLETE = (
    "(state = 'prepared' AND approved_by IS NULL AND certificate = '' AND closed_at_ms IS NULL)"
    " OR (state {ended} AND approved_by IS NOT NULL AND certificate <> '' AND closed_at_ms IS NOT NULL)"
)


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    return f"{column} <> '' AND {column} {'!~' if _is_postgresql() else 'NOT GLOB'} " + (
        "'[^a-z0-9:.-]'" if _is_postgresql() else "'*[^a-z0-9:.-]*'"
    )


def _territory() -> sa.Column[int]:
    return sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False)


def _closes(name: str, *, states: str, ended: str, unique: bool) -> None:
    """Make the table of closes, as it is after this migration or as it was before."""
    op.create_table(
        name,
        _territory(),
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
        *([sa.UniqueConstraint("territory_id", "period_ends_on", name="uq_closes_period")] if unique else []),
        sa.CheckConstraint("period_starts_on < period_ends_on", name="ck_closes_order"),
        sa.CheckConstraint(f"state IN ({states})", name="ck_closes_state"),
        sa.CheckConstraint(COMPLETE.format(ended=ended), name="ck_closes_complete"),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_closes_prepared_by"),
        sa.CheckConstraint(_caller("approved_by"), name="ck_closes_approved_by"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_closes_two_people"),
    )


def _rebuild_on_sqlite(*, states: str, ended: str, unique: bool, keeping: str) -> None:
    """SQLite changes no constraint in place: the table is made anew, its rows carried over; its triggers go with it."""
    _closes("closes_anew", states=states, ended=ended, unique=unique)
    op.execute(f"INSERT INTO closes_anew ({COLUMNS}) SELECT {COLUMNS} FROM closes WHERE {keeping}")
    op.drop_table("closes")
    op.rename_table("closes_anew", "closes")


def _widen_closes() -> None:
    """Let a month have more than one close, of which only one is not reopened."""
    if _is_postgresql():
        op.drop_constraint("uq_closes_period", "closes")
        for name, check in (
            ("ck_closes_state", "state IN ('prepared', 'closed', 'reopened')"),
            ("ck_closes_complete", COMPLETE.format(ended="IN ('closed', 'reopened')")),
        ):
            op.drop_constraint(name, "closes")
            op.create_check_constraint(name, "closes", check)
    else:
        _rebuild_on_sqlite(
            states="'prepared', 'closed', 'reopened'", ended="IN ('closed', 'reopened')", unique=False, keeping="1 = 1"
        )
    where = sa.text("state <> 'reopened'")
    op.create_index(
        "uq_closes_period",
        "closes",
        ["territory_id", "period_ends_on"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _reopenings() -> None:
    op.create_table(
        "close_reopenings",
        _territory(),
        sa.Column("close_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("approved_at_ms", sa.BigInteger, nullable=True),
        sa.Column("act", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "close_id", name="pk_close_reopenings"),
        sa.ForeignKeyConstraint(
            ["territory_id", "close_id"], ["closes.territory_id", "closes.id"], name="fk_close_reopenings_close"
        ),
        sa.CheckConstraint("length(trim(reason)) > 0", name="ck_close_reopenings_reason"),
        sa.CheckConstraint(
            "(approved_by IS NULL AND approved_at_ms IS NULL AND act = '')"
            " OR (approved_by IS NOT NULL AND approved_at_ms IS NOT NULL AND act <> '')",
            name="ck_close_reopenings_complete",
        ),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_close_reopenings_prepared_by"),
        sa.CheckConstraint(_caller("approved_by"), name="ck_close_reopenings_approved_by"),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_close_reopenings_two_people"),
    )
    op.create_table(
        "reopened_periods",
        _territory(),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("reopened_entry_id", sa.BigInteger, nullable=False),
        sa.Column("reopened_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "ends_on", "closed_at_ms", name="pk_reopened_periods"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_reopened_periods_territory"),
        sa.CheckConstraint("reopened_at_ms >= closed_at_ms", name="ck_reopened_periods_after"),
        sa.CheckConstraint("reopened_entry_id >= last_entry_id", name="ck_reopened_periods_entries"),
    )


def _kept() -> None:
    """What a close keeps: what each account held, and the documents as they were rendered."""
    op.create_table(
        "period_balances",
        _territory(),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("account_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("debits_cents", sa.BigInteger, nullable=False),
        sa.Column("credits_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "ends_on", "closed_at_ms", "account_id", name="pk_period_balances"),
        sa.ForeignKeyConstraint(
            ["territory_id", "account_id", "kind"],
            ["accounts.territory_id", "accounts.id", "accounts.kind"],
            name="fk_period_balances_account",
        ),
        sa.CheckConstraint("debits_cents >= 0 AND credits_cents >= 0", name="ck_period_balances_cents"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "close_documents",
        _territory(),
        sa.Column("close_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("compressed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "close_id", "position", name="pk_close_documents"),
        sa.UniqueConstraint("territory_id", "close_id", "name", name="uq_close_documents_name"),
        sa.ForeignKeyConstraint(
            ["territory_id", "close_id"], ["closes.territory_id", "closes.id"], name="fk_close_documents_close"
        ),
        sa.CheckConstraint("length(sha256) = 32", name="ck_close_documents_sha256"),
    )


def _runs() -> None:
    """How far a close has come: for the page that waits for it, and nothing else."""
    op.create_table(
        "close_runs",
        _territory(),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("period_ends_on", sa.Date, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("told_at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.Column("refusal_fr", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_close_runs"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_close_runs_territory"),
        sa.CheckConstraint("step IN ('prepare', 'approve')", name="ck_close_runs_step"),
        sa.CheckConstraint(_caller("started_by"), name="ck_close_runs_started_by"),
        sa.CheckConstraint("done >= 0 AND done <= total", name="ck_close_runs_done"),
    )


def _run_script(name: str) -> None:
    dialect = op.get_bind().dialect.name
    script = (SQL / f"{name}.{dialect}.sql").read_text(encoding="utf-8")
    # SQLite takes one statement at a time; every trigger ends with END.
    statements = [script] if dialect == "postgresql" else [f"{part}END" for part in script.split("END;\n")[:-1]]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Widen the closes, create the tables, then the triggers of the dialect."""
    _widen_closes()
    _reopenings()
    _kept()
    _runs()
    if not _is_postgresql():
        op.execute("DROP TRIGGER closed_periods_no_delete")
    _run_script("0024_reopening")


def downgrade() -> None:
    """Drop them, and the closes that were reopened: for rehearsals only."""
    for table in TABLES:
        op.drop_table(table)
    if _is_postgresql():
        _downgrade_postgresql()
        return
    op.execute("DROP TRIGGER closed_periods_later")
    op.execute("DROP TRIGGER closed_periods_no_delete")
    op.execute(
        "CREATE TRIGGER closed_periods_no_delete BEFORE DELETE ON closed_periods"
        " BEGIN SELECT RAISE(ABORT, 'append_only'); END"
    )
    op.drop_index("uq_closes_period", "closes")
    _rebuild_on_sqlite(states="'prepared', 'closed'", ended="= 'closed'", unique=True, keeping="state <> 'reopened'")
    _run_script("0007_closing")


def _downgrade_postgresql() -> None:
    op.execute("DROP TRIGGER closed_periods_later ON closed_periods")
    op.execute("DROP TRIGGER closed_periods_no_delete ON closed_periods")
    op.execute("DROP TRIGGER closed_periods_append_only ON closed_periods")
    op.execute(
        "CREATE TRIGGER closed_periods_append_only BEFORE UPDATE OR DELETE ON closed_periods"
        " FOR EACH ROW EXECUTE FUNCTION ledger_append_only()"
    )
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("ALTER TABLE closes DISABLE TRIGGER USER")
    op.execute("DELETE FROM closes WHERE state = 'reopened'")
    op.execute("ALTER TABLE closes ENABLE TRIGGER USER")
    op.drop_index("uq_closes_period", "closes")
    op.create_unique_constraint("uq_closes_period", "closes", ["territory_id", "period_ends_on"])
    for name, check in (
        ("ck_closes_state", "state IN ('prepared', 'closed')"),
        ("ck_closes_complete", COMPLETE.format(ended="= 'closed'")),
    ):
        op.drop_constraint(name, "closes")
        op.create_check_constraint(name, "closes", check)
    _run_script("0007_closing")
