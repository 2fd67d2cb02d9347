"""Keep back a debit that names a rejected transfer anywhere: in a batch's detail, in small letters, taken back.

A detail's reference is in what the import says of its part, not on the line; LIKE minds the case on PostgreSQL alone.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
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
AND p.state = 'ordered'
UNION ALL
SELECT p.territory_id, p.merchant_id, p.end_to_end_id, {DECIDED} - m.amount_cents AS waiting_cents
FROM bank_matches m
JOIN bank_lines b ON b.territory_id = m.territory_id AND b.bank_statement_id = m.bank_statement_id
  AND b.line_no = m.line_no
JOIN payout_rejections r ON r.territory_id = m.territory_id
JOIN payout_lines p ON p.territory_id = r.territory_id AND p.payout_id = r.payout_id AND p.line_no = r.line_no
"""
IN_THE_LABEL = f"""
WHERE m.kind = 'suspense_out' AND {DECIDED} > m.amount_cents AND p.state = 'ordered'
  AND b.end_to_end_id <> p.end_to_end_id AND b.label LIKE '%' || p.end_to_end_id || '%'
"""
ANYWHERE = f"""
WHERE m.amount_cents < 0 AND (m.kind = 'suspense_out' OR {TAKEN_BACK}) AND {DECIDED} > m.amount_cents
  AND p.state = 'ordered' AND b.end_to_end_id <> p.end_to_end_id
  AND UPPER(b.end_to_end_id || ' ' || b.label || ' ' || m.reason_fr) LIKE '%' || p.end_to_end_id || '%'
"""


def upgrade() -> None:
    """Replace the view."""
    _replace(ANYWHERE)


def downgrade() -> None:
    """Put the view of 0028 back."""
    _replace(IN_THE_LABEL)


def _replace(named: str) -> None:
    # no_parameters: a % in a statement is a %.
    for statement in ("DROP VIEW rejected_debits", VIEW + named):
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
