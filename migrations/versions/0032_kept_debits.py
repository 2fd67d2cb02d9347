"""One person does not class away the debit of a rejected transfer: what it keeps back stays kept back (0031).

Of a debit that names rejected transfers and is large enough to have paid them, only what exceeds them is shared out by
one person (the bank's fee in the same line). The rest leaves suspense by the bank's own correction, or by two people.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

DECIDED = (
    "(SELECT COALESCE(SUM(d.amount_cents), 0) FROM bank_decision_parts d"
    " WHERE d.territory_id = m.territory_id AND d.bank_statement_id = m.bank_statement_id"
    " AND d.line_no = m.line_no AND d.part_no = m.part_no)"
)
# A smaller debit (the bank's fee for a rejection) names the transfer too, but did not pay it.
NAMED = (
    "(SELECT SUM(p.amount_cents) FROM payout_rejections r"
    " JOIN payout_lines p ON p.territory_id = r.territory_id AND p.payout_id = r.payout_id AND p.line_no = r.line_no"
    " WHERE r.territory_id = m.territory_id AND p.state = 'ordered' AND p.amount_cents <= -m.amount_cents"
    " AND UPPER(b.end_to_end_id || ' ' || b.label || ' ' || m.reason_fr) LIKE '%' || p.end_to_end_id || '%')"
)
# The parts of a decision are written before its entries.
ONE_PERSON = (
    "NEW.kind NOT IN ('bank_correction', 'rejection_paid', 'reversal', 'suspense')"
    " AND EXISTS (SELECT 1 FROM bank_decision_parts s"
    " JOIN bank_matches m ON m.territory_id = s.territory_id AND m.bank_statement_id = s.bank_statement_id"
    " AND m.line_no = s.line_no AND m.part_no = s.part_no"
    " JOIN bank_lines b ON b.territory_id = m.territory_id AND b.bank_statement_id = m.bank_statement_id"
    " AND b.line_no = m.line_no"
    " WHERE s.territory_id = NEW.territory_id AND s.decision_id = NEW.decision_id AND m.amount_cents < 0"
    f" AND {DECIDED} - m.amount_cents < {NAMED})"
)
NAME, MESSAGE = "bank_decision_entries_kept", "rejected_debit_one_person"


def upgrade() -> None:
    """Create the guard of the dialect."""
    if op.get_bind().dialect.name != "postgresql":
        _run(
            f"CREATE TRIGGER {NAME} BEFORE INSERT ON bank_decision_entries WHEN {ONE_PERSON}"
            f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )
        return
    _run(f"""
CREATE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {ONE_PERSON} THEN RAISE EXCEPTION '{MESSAGE}'; END IF;
  RETURN NEW;
END $$
""")
    _run(f"CREATE TRIGGER {NAME} BEFORE INSERT ON bank_decision_entries FOR EACH ROW EXECUTE FUNCTION {NAME}()")


def downgrade() -> None:
    """Drop it."""
    if op.get_bind().dialect.name != "postgresql":
        _run(f"DROP TRIGGER {NAME}")
        return
    _run(f"DROP TRIGGER {NAME} ON bank_decision_entries")
    _run(f"DROP FUNCTION {NAME}()")


def _run(statement: str) -> None:
    # no_parameters: a % in a statement is a %.
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
