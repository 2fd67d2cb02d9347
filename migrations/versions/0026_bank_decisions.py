"""What people decide about the bank's lines, how it is undone, and the statements that were refused at the door.

A decision says what n parts of bank lines are, as m entries; it takes them out of suspense. It is undone once, by
reversals, while its month is open; a payout line or a funding order then goes back one step, never otherwise. A
difference may be carried over a month's end with a reason. `bank_resolutions` becomes decisions of one part and one
entry, which keep the reversal that went with them.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = ("bank_decisions", "bank_decision_parts", "bank_decision_entries", "refused_statements")
KEYS = {
    "bank_decisions": "id = NEW.id",
    "bank_decision_parts": (
        "decision_id = NEW.decision_id AND bank_statement_id = NEW.bank_statement_id"
        " AND line_no = NEW.line_no AND part_no = NEW.part_no"
    ),
    "bank_decision_entries": "(decision_id = NEW.decision_id AND item_no = NEW.item_no) OR entry_id = NEW.entry_id",
    "refused_statements": "id = NEW.id",
}
RESOLUTIONS = (
    "'funding', 'reserve_top_up', 'payout_settled', 'payout_returned', 'bank_charge', 'expired_repaid',"
    " 'bank_correction'"
)
# An undone decision's entries are reversals; a match that is taken back leaves a suspense behind.
ENTRY_KINDS = f"kind IN ({RESOLUTIONS}, 'reversal', 'suspense')"

CLOSED = (
    "EXISTS (SELECT 1 FROM closed_periods c WHERE c.territory_id = NEW.territory_id"
    " AND c.ends_on >= NEW.period_ends_on)"
)
# An undo is for good, and so is a match taken back: what it was is said again by a new decision.
NOT_UNDOABLE = (
    "NEW.undoes_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM bank_decisions d WHERE d.territory_id = NEW.territory_id"
    " AND d.id = NEW.undoes_id AND d.kind IN ('match', 'carry') AND d.period_ends_on = NEW.period_ends_on)"
)
SAME_PART = (
    "{0}.territory_id = NEW.territory_id AND {0}.bank_statement_id = NEW.bank_statement_id"
    " AND {0}.line_no = NEW.line_no AND {0}.part_no = NEW.part_no"
)
TOTAL = (
    "((SELECT COALESCE(SUM(p.amount_cents), 0) FROM bank_decision_parts p WHERE "
    + SAME_PART.format("p")
    + ") + NEW.amount_cents)"
)
IN_SUSPENSE = (
    "(m.kind IN ('suspense_in', 'suspense_out') OR EXISTS (SELECT 1 FROM bank_decision_parts u WHERE "
    + SAME_PART.format("u")
    + " AND u.amount_cents = 0))"
)
# What is decided of a line goes from nothing to the line, on its side of zero. An amount of zero is a match that is
# taken back: the line is in suspense from then on, once.
OVERDECIDED = (
    "NOT EXISTS (SELECT 1 FROM bank_matches m WHERE " + SAME_PART.format("m") + " AND m.amount_cents <> 0 AND ("
    f"(NEW.amount_cents = 0 AND NOT {IN_SUSPENSE}) OR (NEW.amount_cents <> 0 AND {IN_SUSPENSE} AND"
    f" (CASE WHEN m.amount_cents < 0 THEN -{TOTAL} ELSE {TOTAL} END) BETWEEN 0 AND ABS(m.amount_cents))))"
)

# A step back is allowed only when the entry of the step was reversed; whatever else was refused still is.
REVERSED = (
    "EXISTS (SELECT 1 FROM journal_entries r WHERE r.territory_id = OLD.territory_id AND r.reverses_entry_id = OLD.{0})"
)
LINE_BACK = (
    "(OLD.state = 'settled' AND NEW.state = 'ordered' AND NEW.settled_entry_id IS NULL"
    f" AND NEW.order_entry_id = OLD.order_entry_id AND {REVERSED.format('settled_entry_id')})"
    " OR (OLD.state = 'returned' AND NEW.state = 'settled' AND NEW.returned_entry_id IS NULL"
    " AND NEW.order_entry_id = OLD.order_entry_id AND NEW.settled_entry_id = OLD.settled_entry_id"
    f" AND {REVERSED.format('returned_entry_id')})"
)
PAYOUT_BACK = (
    "OLD.state = 'settled' AND NEW.state = 'sent' AND EXISTS (SELECT 1 FROM payout_lines l"
    " WHERE l.territory_id = OLD.territory_id AND l.payout_id = OLD.id AND l.state = 'ordered')"
)
_FUNDING_FIXED = ("territory_id", "id", "programme_id", "amount_cents", "reference", "prepared_by", "created_at_ms")
FUNDING_BACK = (
    "OLD.state = 'received' AND NEW.state = 'expected' AND NEW.entry_id IS NULL"
    f" AND {REVERSED.format('entry_id')} AND "
    + " AND ".join(f"NEW.{column} = OLD.{column}" for column in _FUNDING_FIXED)
)
# Table, function on PostgreSQL, message of the guard, the step back that it lets pass.
STEPS_BACK = (
    ("payout_lines", "payout_lines_guard", "payout_line_state_order", LINE_BACK),
    ("payouts", "payouts_guard", "payout_state_order", PAYOUT_BACK),
    ("funding_orders", "programmes_keep_funding", "funding_order_frozen", FUNDING_BACK),
)


def upgrade() -> None:
    """Create the tables, bring the resolutions over, then the triggers of the dialect."""
    _create_decisions()
    _create_refused_statements()
    _bring_resolutions_over()
    op.drop_table("bank_resolutions")
    statements = _postgresql_triggers() if op.get_bind().dialect.name == "postgresql" else _sqlite_triggers()
    for statement in statements:
        _run(statement)
    for table, function, message, back in STEPS_BACK:
        _change_guard(table, function, message, lambda condition, back=back: f"({condition}) AND NOT ({back})")


def downgrade() -> None:
    """Drop them, with their triggers; what was decided is lost: for rehearsals only."""
    for table, function, message, back in STEPS_BACK:
        _change_guard(
            table, function, message, lambda condition, back=back: condition.removesuffix(f") AND NOT ({back})")[1:]
        )
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("bank_decisions_guard", "bank_decision_parts_guard"):
            op.execute(f"DROP FUNCTION {function}()")
    _recreate_resolutions()


def _run(statement: str) -> None:
    # no_parameters: a % in a statement is a %.
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def _territory() -> sa.Column[int]:
    return sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False)


def _create_decisions() -> None:
    op.create_table(
        "bank_decisions",
        _territory(),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("period_ends_on", sa.Date, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=False),
        sa.Column("undoes_id", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_bank_decisions"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_bank_decisions_territory"),
        sa.ForeignKeyConstraint(
            ["territory_id", "undoes_id"],
            ["bank_decisions.territory_id", "bank_decisions.id"],
            name="fk_bank_decisions_undoes",
        ),
        # One decision is undone once.
        sa.UniqueConstraint("territory_id", "undoes_id", name="uq_bank_decisions_undoes"),
        sa.CheckConstraint("kind IN ('match', 'unmatch', 'carry', 'undo')", name="ck_bank_decisions_kind"),
        sa.CheckConstraint("(kind = 'undo') = (undoes_id IS NOT NULL)", name="ck_bank_decisions_undoes"),
        sa.CheckConstraint("(kind = 'carry') = (subject <> '')", name="ck_bank_decisions_subject"),
        sa.CheckConstraint("kind <> 'carry' OR note <> ''", name="ck_bank_decisions_reason"),
    )
    op.create_table(
        "bank_decision_parts",
        _territory(),
        sa.Column("decision_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("bank_statement_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("line_no", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("part_no", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "territory_id", "decision_id", "bank_statement_id", "line_no", "part_no", name="pk_bank_decision_parts"
        ),
        _foreign("bank_decision_parts", "bank_decisions", "decision_id", "decision"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_statement_id", "line_no", "part_no"],
            [f"bank_matches.{each}" for each in ("territory_id", "bank_statement_id", "line_no", "part_no")],
            name="fk_bank_decision_parts_match",
        ),
    )
    op.create_index(
        "ix_bank_decision_parts_part",
        "bank_decision_parts",
        ["territory_id", "bank_statement_id", "line_no", "part_no"],
    )
    op.create_table(
        "bank_decision_entries",
        _territory(),
        sa.Column("decision_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("item_no", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "decision_id", "item_no", name="pk_bank_decision_entries"),
        _foreign("bank_decision_entries", "bank_decisions", "decision_id", "decision"),
        _foreign("bank_decision_entries", "journal_entries", "entry_id", "entry"),
        # One entry belongs to one decision.
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_bank_decision_entries_entry"),
        sa.CheckConstraint(ENTRY_KINDS, name="ck_bank_decision_entries_kind"),
        sa.CheckConstraint("amount_cents > 0", name="ck_bank_decision_entries_amount"),
    )


def _create_refused_statements() -> None:
    op.create_table(
        "refused_statements",
        _territory(),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("file_digest", sa.LargeBinary, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("sentence_fr", sa.Text, nullable=False),
        sa.Column("gap_cents", sa.BigInteger, nullable=False),
        sa.Column("refused_by", sa.Text, nullable=False),
        sa.Column("refused_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_refused_statements"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_refused_statements_territory"),
        sa.CheckConstraint("length(file_digest) = 32", name="ck_refused_statements_digest"),
    )


def _foreign(table: str, to: str, column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", column], [f"{to}.territory_id", f"{to}.id"], name=f"fk_{table}_{name}"
    )


def _bring_resolutions_over() -> None:
    """Number the resolutions in the order of their entries; the month of a decision is that of its entry."""
    ends = {
        "sqlite": "date(e.accounted_on, 'start of month', '+1 month', '-1 day')",
        "postgresql": "(date_trunc('month', e.accounted_on) + interval '1 month' - interval '1 day')::date",
    }[op.get_bind().dialect.name]
    number = (
        "(SELECT COUNT(*) FROM bank_resolutions o WHERE o.territory_id = r.territory_id AND o.entry_id <= r.entry_id)"
    )
    _run(
        "INSERT INTO bank_decisions (territory_id, id, kind, period_ends_on, subject, note, decided_by, decided_at_ms)"
        f" SELECT r.territory_id, {number}, 'match', {ends}, '', r.note, r.resolved_by, r.resolved_at_ms"
        " FROM bank_resolutions r JOIN journal_entries e ON e.territory_id = r.territory_id AND e.id = r.entry_id"
    )
    _run(
        "INSERT INTO bank_decision_parts (territory_id, decision_id, bank_statement_id, line_no, part_no, amount_cents)"
        f" SELECT r.territory_id, {number}, r.bank_statement_id, r.line_no, r.part_no, m.amount_cents"
        " FROM bank_resolutions r JOIN bank_matches m ON m.territory_id = r.territory_id"
        " AND m.bank_statement_id = r.bank_statement_id AND m.line_no = r.line_no AND m.part_no = r.part_no"
    )
    for item_no, kind, entry in ((1, "r.kind", "r.entry_id"), (2, "'reversal'", "r.reversal_entry_id")):
        _run(
            "INSERT INTO bank_decision_entries"
            " (territory_id, decision_id, item_no, kind, reference, amount_cents, entry_id)"
            f" SELECT r.territory_id, {number}, {item_no}, {kind}, '', ABS(m.amount_cents), {entry}"
            " FROM bank_resolutions r JOIN bank_matches m ON m.territory_id = r.territory_id"
            " AND m.bank_statement_id = r.bank_statement_id AND m.line_no = r.line_no AND m.part_no = r.part_no"
        )


def _rules() -> list[tuple[str, str, str]]:
    """Return (table, message, condition that refuses) of every guard on what is inserted."""
    return [
        ("bank_decisions", "decision_in_closed_month", CLOSED),
        ("bank_decisions", "decision_not_undoable", NOT_UNDOABLE),
        ("bank_decision_parts", "bank_line_overdecided", OVERDECIDED),
    ]


def _sqlite_triggers() -> list[str]:
    statements = [
        f"CREATE TRIGGER {table}_{message} BEFORE INSERT ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for table, message, condition in _rules()
    ]
    statements.append(
        "CREATE TRIGGER bank_decisions_undone_once BEFORE INSERT ON bank_decisions WHEN EXISTS"
        " (SELECT 1 FROM bank_decisions WHERE territory_id = NEW.territory_id AND undoes_id = NEW.undoes_id)"
        " BEGIN SELECT RAISE(ABORT, 'uq_bank_decisions_undoes'); END"
    )
    for table in TABLES:
        statements += [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
        # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
        statements.append(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS"
            f" (SELECT 1 FROM {table} WHERE territory_id = NEW.territory_id AND ({KEYS[table]}))"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    return statements


def _postgresql_triggers() -> list[str]:
    # Two that decide about one line wait for one another here, whatever locks their callers took.
    waits = {
        "bank_decision_parts": "PERFORM 1 FROM bank_matches m WHERE " + SAME_PART.format("m") + " FOR UPDATE; ",
        "bank_decisions": "",
    }
    statements = []
    for table, wait in waits.items():
        body = " ".join(
            f"IF {condition} THEN RAISE EXCEPTION '{message}'; END IF;"
            for on, message, condition in _rules()
            if on == table
        )
        statements += [
            (
                f"CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {wait}{body} RETURN NEW; END $$"
            ),
            f"CREATE TRIGGER {table}_guard BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()",
        ]
    for table in TABLES:
        statements += [
            (
                f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_bank_change()"
            ),
            (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_bank_change()"
            ),
        ]
    return statements


def _change_guard(table: str, function: str, message: str, change) -> None:  # noqa: ANN001 - str to str
    """Change the condition of the guard that raises `message` when the state of a row moves, whatever it is now."""
    db = op.get_bind()
    if db.dialect.name == "postgresql":
        source = db.exec_driver_sql(f"SELECT pg_get_functiondef('{function}'::regproc)").scalar_one()
        pattern = (
            r"(\bIF )((?:(?!\bIF\b|\bTHEN\b).)*OLD\.state(?:(?!\bTHEN\b).)*)"
            rf"( THEN\s+RAISE EXCEPTION '{message}')"
        )
        _run(_changed_once(pattern, source, change))
        return
    for name, source in db.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND sql LIKE ?",
        (table, f"%BEFORE UPDATE%OLD.state%'{message}'%"),
    ).all():
        _run(f"DROP TRIGGER {name}")
        _run(_changed_once(r"(\bWHEN )(.*)(\s+BEGIN SELECT RAISE)", source, change))


def _changed_once(pattern: str, source: str, change) -> str:  # noqa: ANN001 - str to str
    changed, count = re.subn(
        pattern, lambda found: found[1] + change(found[2]) + found[3], source, count=1, flags=re.DOTALL
    )
    if count != 1:
        msg = f"the guard to change was not found in: {source}"
        raise RuntimeError(msg)
    return changed


def _recreate_resolutions() -> None:
    op.create_table(
        "bank_resolutions",
        *(
            sa.Column(name, sa.SmallInteger if name == "territory_id" else sa.Integer, nullable=False)
            for name in ("territory_id", "bank_statement_id", "line_no", "part_no")
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reversal_entry_id", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("resolved_by", sa.Text, nullable=False),
        sa.Column("resolved_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "bank_statement_id", "line_no", "part_no", name="pk_bank_resolutions"),
    )
