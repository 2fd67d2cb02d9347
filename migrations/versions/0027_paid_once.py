"""Show what the bank debited of transfers that it had rejected; let nobody approve under a name that is no caller.

The shop was given back what was rejected; paid again meanwhile, it would be paid twice. The view reads the bank's
lines for the payouts, which know nothing of them: a debit in suspense that names a rejected transfer, with the cents
that wait. " staff:3" is not "staff:3", so that two people could be one: an approver is written as a caller, and a
reopening is asked for before it is approved.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

SAME_PART = (
    "d.territory_id = m.territory_id AND d.bank_statement_id = m.bank_statement_id"
    " AND d.line_no = m.line_no AND d.part_no = m.part_no"
)
DECIDED = f"(SELECT COALESCE(SUM(d.amount_cents), 0) FROM bank_decision_parts d WHERE {SAME_PART})"
# An amount of zero is a match that was taken back: the line waits from then on.
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
SQLITE_TRIGGERS = (
    """
CREATE TRIGGER guarantee_moves_approver BEFORE UPDATE ON guarantee_moves
WHEN NEW.approved_by IS NOT NULL AND (NEW.approved_by = '' OR NEW.approved_by GLOB '*[^a-z0-9:.-]*')
BEGIN SELECT RAISE(ABORT, 'ck_guarantee_moves_approved_by'); END
""",
    """
CREATE TRIGGER close_reopenings_fresh BEFORE INSERT ON close_reopenings WHEN NEW.approved_by IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'reopening_not_fresh'); END
""",
)
POSTGRESQL = """
ALTER TABLE guarantee_moves ADD CONSTRAINT ck_guarantee_moves_approved_by
  CHECK (approved_by <> '' AND approved_by !~ '[^a-z0-9:.-]');
CREATE FUNCTION guard_reopening_fresh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.approved_by IS NOT NULL THEN RAISE EXCEPTION 'reopening_not_fresh'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER close_reopenings_fresh BEFORE INSERT ON close_reopenings
  FOR EACH ROW EXECUTE FUNCTION guard_reopening_fresh();
"""


def upgrade() -> None:
    """Create the view, then the guards of the dialect."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in (VIEW, *((POSTGRESQL,) if is_postgresql else SQLITE_TRIGGERS)):
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP VIEW rejected_debits")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_guarantee_moves_approved_by", "guarantee_moves", type_="check")
        op.execute("DROP TRIGGER close_reopenings_fresh ON close_reopenings")
        op.execute("DROP FUNCTION guard_reopening_fresh()")
        return
    for trigger in ("guarantee_moves_approver", "close_reopenings_fresh"):
        op.execute(f"DROP TRIGGER {trigger}")
