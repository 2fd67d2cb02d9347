"""A transfer that the bank rejected, debited all the same and keeps: two people say that it was paid.

One prepares, another approves; the decision takes the debit out of suspense onto the shop, and only then is the
rejected line debited. The database holds both: no entry of that kind without what another person prepared, no debit of
a rejected line without that entry. The line that is paid is not a rejected debit any more, and a debit that names it in
its text alone is one (the view of 0027).
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

KINDS_BEFORE, KINDS_AFTER = "'bank_correction', 'reversal'", "'bank_correction', 'rejection_paid', 'reversal'"
_FIXED = (
    "territory_id", "id", "bank_statement_id", "line_no", "part_no", "end_to_end_id", "note", "prepared_by",
    "prepared_at_ms",
)  # fmt: skip
NOT_REJECTED = (
    "NOT EXISTS (SELECT 1 FROM payout_lines l JOIN payout_rejections r ON r.territory_id = l.territory_id"
    " AND r.payout_id = l.payout_id AND r.line_no = l.line_no"
    " WHERE l.territory_id = NEW.territory_id AND l.end_to_end_id = NEW.end_to_end_id AND l.state = 'ordered')"
)
# What is approved is the decision of whoever approves, about this very line.
NOT_DECIDED = (
    "NEW.state = 'approved' AND NOT EXISTS (SELECT 1 FROM bank_decisions d"
    " JOIN bank_decision_entries e ON e.territory_id = d.territory_id AND e.decision_id = d.id"
    " JOIN bank_decision_parts b ON b.territory_id = d.territory_id AND b.decision_id = d.id"
    " WHERE d.territory_id = NEW.territory_id AND d.id = NEW.decision_id AND d.decided_by = NEW.approved_by"
    " AND e.kind = 'rejection_paid' AND e.reference = NEW.end_to_end_id"
    " AND b.bank_statement_id = NEW.bank_statement_id AND b.line_no = NEW.line_no AND b.part_no = NEW.part_no)"
)
ONE_PERSON = (
    "NEW.kind = 'rejection_paid' AND NOT EXISTS (SELECT 1 FROM paid_rejections p"
    " JOIN bank_decisions d ON d.territory_id = p.territory_id AND d.id = NEW.decision_id"
    " WHERE p.territory_id = NEW.territory_id AND p.end_to_end_id = NEW.reference AND p.state = 'prepared'"
    " AND p.prepared_by <> d.decided_by)"
)
# A rejected line moves only by the entry that two people decided, and back when that entry is reversed (0026).
PAID = (
    "EXISTS (SELECT 1 FROM paid_rejections p JOIN bank_decision_entries e ON e.territory_id = p.territory_id"
    " AND e.decision_id = p.decision_id WHERE p.territory_id = NEW.territory_id"
    " AND p.end_to_end_id = NEW.end_to_end_id AND p.state = 'approved' AND e.kind = 'rejection_paid'"
    " AND e.entry_id = COALESCE(NEW.settled_entry_id, OLD.settled_entry_id))"
    " AND NOT EXISTS (SELECT 1 FROM journal_entries r WHERE r.territory_id = NEW.territory_id"
    " AND r.reverses_entry_id = NEW.settled_entry_id)"
)
SAME_PART = (
    "d.territory_id = m.territory_id AND d.bank_statement_id = m.bank_statement_id"
    " AND d.line_no = m.line_no AND d.part_no = m.part_no"
)
DECIDED = f"(SELECT COALESCE(SUM(d.amount_cents), 0) FROM bank_decision_parts d WHERE {SAME_PART})"
TAKEN_BACK = f"EXISTS (SELECT 1 FROM bank_decision_parts d WHERE {SAME_PART} AND d.amount_cents = 0)"
VIEW = f"""
CREATE VIEW rejected_debits AS
SELECT p.territory_id, p.merchant_id, p.end_to_end_id, {DECIDED} - m.amount_cents AS waiting_cents
FROM payout_rejections r
JOIN payout_lines p ON p.territory_id = r.territory_id AND p.payout_id = r.payout_id AND p.line_no = r.line_no
JOIN bank_lines b ON b.territory_id = p.territory_id AND b.end_to_end_id = p.end_to_end_id
JOIN bank_matches m ON m.territory_id = b.territory_id AND m.bank_statement_id = b.bank_statement_id
  AND m.line_no = b.line_no
WHERE m.amount_cents < 0 AND (m.kind = 'suspense_out' OR {TAKEN_BACK}) AND {DECIDED} > m.amount_cents
"""
ONLY_UNPAID = "AND p.state = 'ordered'"
# Some banks give the identifier in the text alone.
IN_THE_TEXT = f"""
UNION ALL
SELECT p.territory_id, p.merchant_id, p.end_to_end_id, {DECIDED} - m.amount_cents AS waiting_cents
FROM bank_matches m
JOIN bank_lines b ON b.territory_id = m.territory_id AND b.bank_statement_id = m.bank_statement_id
  AND b.line_no = m.line_no
JOIN payout_rejections r ON r.territory_id = m.territory_id
JOIN payout_lines p ON p.territory_id = r.territory_id AND p.payout_id = r.payout_id AND p.line_no = r.line_no
WHERE m.kind = 'suspense_out' AND {DECIDED} > m.amount_cents AND p.state = 'ordered'
  AND b.end_to_end_id <> p.end_to_end_id AND b.label LIKE '%' || p.end_to_end_id || '%'
"""


def upgrade() -> None:
    """Create the table, let the kind of entry exist, then the guards of the dialect."""
    _create_paid_rejections()
    _list_the_kind(KINDS_BEFORE, KINDS_AFTER)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql_triggers() if is_postgresql else _sqlite_triggers():
        _run(statement)
    _change_rejected_guard(lambda condition: f"({condition}) AND NOT ({PAID})")
    _run("DROP VIEW rejected_debits")
    _run(VIEW + ONLY_UNPAID + IN_THE_TEXT)


def downgrade() -> None:
    """Drop them; what was decided this way is lost: for rehearsals only."""
    _run("DROP VIEW rejected_debits")
    _run(VIEW)
    _change_rejected_guard(lambda condition: condition.removesuffix(f") AND NOT ({PAID})")[1:])
    if op.get_bind().dialect.name == "postgresql":
        _run("DROP TRIGGER bank_decision_entries_two_people ON bank_decision_entries")
        _run("DROP FUNCTION bank_decision_entries_two_people()")
    else:
        _run("DROP TRIGGER bank_decision_entries_two_people")
    op.drop_table("paid_rejections")
    if op.get_bind().dialect.name == "postgresql":
        _run("DROP FUNCTION paid_rejections_guard()")
    _list_the_kind(KINDS_AFTER, KINDS_BEFORE)


def _run(statement: str) -> None:
    # no_parameters: a % in a statement is a %.
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def _number(name: str, kind: type[sa.Integer] = sa.Integer, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=nullable, autoincrement=False)


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


def _create_paid_rejections() -> None:
    check = sa.CheckConstraint
    op.create_table(
        "paid_rejections",
        _number("territory_id", sa.SmallInteger),
        _number("id"),
        *(_number(name) for name in ("bank_statement_id", "line_no", "part_no")),
        sa.Column("end_to_end_id", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        _number("prepared_at_ms", sa.BigInteger),
        sa.Column("approved_by", sa.Text, nullable=True),
        _number("ended_at_ms", sa.BigInteger, nullable=True),
        _number("decision_id", nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_paid_rejections"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_statement_id", "line_no", "part_no"],
            [f"bank_matches.{each}" for each in ("territory_id", "bank_statement_id", "line_no", "part_no")],
            name="fk_paid_rejections_match",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "end_to_end_id"],
            ["payout_lines.territory_id", "payout_lines.end_to_end_id"],
            name="fk_paid_rejections_line",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "decision_id"],
            ["bank_decisions.territory_id", "bank_decisions.id"],
            name="fk_paid_rejections_decision",
        ),
        sa.UniqueConstraint("territory_id", "decision_id", name="uq_paid_rejections_decision"),
        check("note <> ''", name="ck_paid_rejections_reason"),
        check("state IN ('prepared', 'approved', 'cancelled')", name="ck_paid_rejections_state"),
        check("approved_by IS NULL OR approved_by <> prepared_by", name="ck_paid_rejections_two_people"),
        check("(state = 'approved') = (approved_by IS NOT NULL)", name="ck_paid_rejections_approved"),
        check("(state = 'approved') = (decision_id IS NOT NULL)", name="ck_paid_rejections_decision"),
        check("(state = 'prepared') = (ended_at_ms IS NULL)", name="ck_paid_rejections_ended"),
        check(_caller("prepared_by"), name="ck_paid_rejections_prepared_by"),
        check(f"approved_by IS NULL OR ({_caller('approved_by')})", name="ck_paid_rejections_approved_by"),
    )
    # One proposal at a time about a transfer.
    _run(
        "CREATE UNIQUE INDEX uq_paid_rejections_pending ON paid_rejections (territory_id, end_to_end_id)"
        " WHERE state = 'prepared'"
    )


def _list_the_kind(before: str, after: str) -> None:
    run = op.get_bind().exec_driver_sql
    if op.get_bind().dialect.name == "postgresql":
        name, table = "ck_bank_decision_entries_kind", "bank_decision_entries"
        kinds = (
            "'funding', 'reserve_top_up', 'payout_settled', 'payout_returned', 'bank_charge', 'expired_repaid',"
            f" {after}, 'suspense'"
        )
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"kind IN ({kinds})")
        return
    # Where it is written, as in 0019: a new table would lose its triggers and what other tables say of it.
    version = run("PRAGMA schema_version").scalar_one()
    run("PRAGMA writable_schema = ON")
    run(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'bank_decision_entries'",
        (before, after),
    )
    run(f"PRAGMA schema_version = {version + 1}")
    run("PRAGMA writable_schema = RESET")


def _changed(operator: str) -> str:
    return " OR ".join(f"NEW.{column} {operator} OLD.{column}" for column in _FIXED)


def _sqlite_triggers() -> list[str]:
    # The *_fresh trigger: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    fresh = (
        "NEW.state <> 'prepared' OR EXISTS (SELECT 1 FROM paid_rejections"
        " WHERE territory_id = NEW.territory_id AND id = NEW.id)"
    )
    pending = (
        "EXISTS (SELECT 1 FROM paid_rejections WHERE territory_id = NEW.territory_id"
        " AND end_to_end_id = NEW.end_to_end_id AND state = 'prepared')"
    )
    guards = (
        ("paid_rejections_fresh", "INSERT ON paid_rejections", fresh, "paid_rejection_not_fresh"),
        ("paid_rejections_pending", "INSERT ON paid_rejections", pending, "uq_paid_rejections_pending"),
        ("paid_rejections_rejected", "INSERT ON paid_rejections", NOT_REJECTED, "paid_rejection_not_rejected"),
        (
            "paid_rejections_keep", "UPDATE ON paid_rejections",
            f"OLD.state <> 'prepared' OR {_changed('IS NOT')}", "paid_rejection_frozen",
        ),
        ("paid_rejections_decided", "UPDATE ON paid_rejections", NOT_DECIDED, "paid_rejection_not_decided"),
        ("paid_rejections_no_delete", "DELETE ON paid_rejections", "1", "paid_rejection_frozen"),
        (
            "bank_decision_entries_two_people", "INSERT ON bank_decision_entries",
            ONE_PERSON, "paid_rejection_one_person",
        ),
    )  # fmt: skip
    return [
        f"CREATE TRIGGER {name} BEFORE {verb} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for name, verb, condition, message in guards
    ]


def _postgresql_triggers() -> list[str]:
    return [
        f"""
CREATE FUNCTION paid_rejections_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'prepared' THEN RAISE EXCEPTION 'paid_rejection_not_fresh'; END IF;
    IF {NOT_REJECTED} THEN RAISE EXCEPTION 'paid_rejection_not_rejected'; END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.state <> 'prepared' OR {_changed("IS DISTINCT FROM")} THEN RAISE EXCEPTION 'paid_rejection_frozen'; END IF;
    IF {NOT_DECIDED} THEN RAISE EXCEPTION 'paid_rejection_not_decided'; END IF;
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'paid_rejection_frozen';
END $$
""",
        """
CREATE TRIGGER paid_rejections_guard BEFORE INSERT OR UPDATE OR DELETE ON paid_rejections
  FOR EACH ROW EXECUTE FUNCTION paid_rejections_guard()
""",
        """
CREATE TRIGGER paid_rejections_no_truncate BEFORE TRUNCATE ON paid_rejections
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_bank_change()
""",
        f"""
CREATE FUNCTION bank_decision_entries_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {ONE_PERSON} THEN RAISE EXCEPTION 'paid_rejection_one_person'; END IF;
  RETURN NEW;
END $$
""",
        """
CREATE TRIGGER bank_decision_entries_two_people BEFORE INSERT ON bank_decision_entries
  FOR EACH ROW EXECUTE FUNCTION bank_decision_entries_two_people()
""",
    ]


def _change_rejected_guard(change) -> None:  # noqa: ANN001 - str to str
    """Change the condition of the guard of 0021 that raises payout_line_rejected, whatever it is now."""
    db = op.get_bind()
    if db.dialect.name == "postgresql":
        (source,) = db.exec_driver_sql("SELECT pg_get_functiondef('payout_lines_news_guard'::regproc)").scalars()
        _run(_changed_once(r"(IF )(\(?NEW\.state <> OLD\.state AND .*?)( THEN RAISE EXCEPTION 'payout_line_rejected')",
                           source, change))  # fmt: skip
        return
    ((name, source),) = db.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'payout_lines'"
        " AND sql LIKE '%''payout_line_rejected''%'"
    ).all()
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
