"""Show what the bank debited of transfers that it had rejected, while nobody has said what that is.

The shop was given back what was rejected; paid again meanwhile, it would be paid twice. The view reads the bank's
lines for the payouts, which know nothing of them: a debit in suspense that names a rejected transfer, with the cents
that wait.
"""

from alembic import op

revision = "0029"
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


def upgrade() -> None:
    """Create the view."""
    op.get_bind().exec_driver_sql(VIEW, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP VIEW rejected_debits")
