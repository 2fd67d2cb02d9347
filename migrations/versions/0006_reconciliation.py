"""Bank statements, their lines, what each line is in the books, and what a person decided about the unexplained ones.

Nothing here is ever changed: a statement is the bank's word, and a decision is a new row that can be taken once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_ONLY = ("bank_statements", "bank_lines", "bank_matches", "bank_resolutions")
KEYS = {
    "bank_statements": ("id",),
    "bank_lines": ("bank_statement_id", "line_no"),
    "bank_matches": ("bank_statement_id", "line_no", "part_no"),
    "bank_resolutions": ("bank_statement_id", "line_no", "part_no"),
}
KINDS = (
    "kind IN ('funding', 'reserve_top_up', 'payout_settled', 'payout_returned', 'bank_charge',"
    " 'suspense_in', 'suspense_out', 'nothing_moved')"
)
# A suspense is resolved into something else than a suspense.
RESOLVED_KINDS = (
    "kind IN ('funding', 'reserve_top_up', 'payout_settled', 'payout_returned', 'bank_charge', 'expired_repaid')"
)


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _create_statements()
    _create_lines()
    _create_matches()
    _create_resolutions()
    if op.get_bind().dialect.name == "postgresql":
        _freeze_on_postgresql()
    else:
        _freeze_on_sqlite()


def downgrade() -> None:
    """Drop them, with their triggers."""
    for table in reversed(APPEND_ONLY):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_bank_change()")


def _create_statements() -> None:
    op.create_table(
        "bank_statements",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("statement_id", sa.Text, nullable=False),
        sa.Column("file_digest", sa.LargeBinary, nullable=False),
        sa.Column("opening_cents", sa.BigInteger, nullable=False),
        sa.Column("closing_cents", sa.BigInteger, nullable=False),
        sa.Column("from_on", sa.Date, nullable=False),
        sa.Column("to_on", sa.Date, nullable=False),
        sa.Column("imported_by", sa.Text, nullable=False),
        sa.Column("imported_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_bank_statements"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_bank_statements_territory"),
        sa.UniqueConstraint("territory_id", "statement_id", "to_on", name="uq_bank_statements_statement"),
        sa.CheckConstraint("from_on <= to_on", name="ck_bank_statements_order"),
        sa.CheckConstraint("length(file_digest) = 32", name="ck_bank_statements_digest"),
    )


def _create_lines() -> None:
    op.create_table(
        "bank_lines",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("bank_statement_id", sa.Integer, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("booked_on", sa.Date, nullable=False),
        sa.Column("value_on", sa.Date, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("bank_reference", sa.Text, nullable=False),
        sa.Column("end_to_end_id", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("return_reason", sa.Text, nullable=False),
        sa.Column("bank_code", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "bank_statement_id", "line_no", name="pk_bank_lines"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_statement_id"],
            ["bank_statements.territory_id", "bank_statements.id"],
            name="fk_bank_lines_statement",
        ),
    )


def _create_matches() -> None:
    op.create_table(
        "bank_matches",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("bank_statement_id", sa.Integer, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("part_no", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("expectation_id", sa.BigInteger, nullable=True),
        sa.Column("reason_fr", sa.Text, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "bank_statement_id", "line_no", "part_no", name="pk_bank_matches"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_statement_id", "line_no"],
            ["bank_lines.territory_id", "bank_lines.bank_statement_id", "bank_lines.line_no"],
            name="fk_bank_matches_line",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_bank_matches_entry",
        ),
        # One entry explains one movement of the bank.
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_bank_matches_entry"),
        sa.CheckConstraint(KINDS, name="ck_bank_matches_kind"),
        sa.CheckConstraint("(kind = 'nothing_moved') = (entry_id IS NULL)", name="ck_bank_matches_entry"),
        sa.CheckConstraint("(kind = 'nothing_moved') = (amount_cents = 0)", name="ck_bank_matches_amount"),
    )


def _create_resolutions() -> None:
    op.create_table(
        "bank_resolutions",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("bank_statement_id", sa.Integer, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("part_no", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reversal_entry_id", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("resolved_by", sa.Text, nullable=False),
        sa.Column("resolved_at_ms", sa.BigInteger, nullable=False),
        # The key of the part: resolved once.
        sa.PrimaryKeyConstraint("territory_id", "bank_statement_id", "line_no", "part_no", name="pk_bank_resolutions"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_statement_id", "line_no", "part_no"],
            [
                "bank_matches.territory_id",
                "bank_matches.bank_statement_id",
                "bank_matches.line_no",
                "bank_matches.part_no",
            ],
            name="fk_bank_resolutions_match",
        ),
        *(
            sa.ForeignKeyConstraint(
                ["territory_id", column],
                ["journal_entries.territory_id", "journal_entries.id"],
                name=f"fk_bank_resolutions_{column.removesuffix('_id')}",
            )
            for column in ("reversal_entry_id", "entry_id")
        ),
        sa.CheckConstraint(RESOLVED_KINDS, name="ck_bank_resolutions_kind"),
    )


def _freeze_on_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        same_key = " AND ".join(f"{column} = NEW.{column}" for column in ("territory_id", *KEYS[table]))
        # INSERT OR REPLACE deletes the old row without firing the DELETE trigger.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same_key}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _freeze_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_bank_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_bank_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_bank_change()"
        )
