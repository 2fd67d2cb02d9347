"""Bank tables. Only this package imports this module; migrations 0006, 0021, 0026 and 0028 hold the rest."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata
from monnaie_locale.reconciliation.errors import (
    DecisionAlreadyUndone,
    DecisionNotUndoable,
    DecisionPeriodClosed,
    LineAlreadyResolved,
    PaidRejectionEnded,
    PaidRejectionPending,
    PaidRejectionSamePerson,
    ResolutionNeedsTwoPeople,
    StatementAlreadyImported,
)

bank_statements = Table(
    "bank_statements",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("statement_id", Text, nullable=False),
    Column("file_digest", LargeBinary, nullable=False),
    Column("opening_cents", BigInteger, nullable=False),
    Column("closing_cents", BigInteger, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("to_on", Date, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at_ms", BigInteger, nullable=False),
)

bank_lines = Table(
    "bank_lines",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("bank_statement_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("bank_reference", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("return_reason", Text, nullable=False),
    Column("bank_code", Text, nullable=False),
)

bank_matches = Table(
    "bank_matches",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("bank_statement_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("part_no", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("expectation_id", BigInteger, nullable=True),
    Column("reason_fr", Text, nullable=False),
    Column("entry_id", BigInteger, nullable=True),
)

bank_decisions = Table(
    "bank_decisions",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("period_ends_on", Date, nullable=False),
    Column("subject", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at_ms", BigInteger, nullable=False),
    Column("undoes_id", Integer, nullable=True),
)

bank_decision_parts = Table(
    "bank_decision_parts",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("decision_id", Integer, primary_key=True, autoincrement=False),
    Column("bank_statement_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("part_no", Integer, primary_key=True, autoincrement=False),
    Column("amount_cents", BigInteger, nullable=False),
)

bank_decision_entries = Table(
    "bank_decision_entries",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("decision_id", Integer, primary_key=True, autoincrement=False),
    Column("item_no", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
)

paid_rejections = Table(
    "paid_rejections",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("bank_statement_id", Integer, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("part_no", Integer, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=True),
    Column("ended_at_ms", BigInteger, nullable=True),
    Column("decision_id", Integer, nullable=True),
    UniqueConstraint("territory_id", "decision_id", name="uq_paid_rejections_decision"),
    Index(
        "uq_paid_rejections_pending", "territory_id", "end_to_end_id", unique=True,
        sqlite_where=text("state = 'prepared'"), postgresql_where=text("state = 'prepared'"),
    ),
)  # fmt: skip

refused_statements = Table(
    "refused_statements",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("file_digest", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("sentence_fr", Text, nullable=False),
    Column("gap_cents", BigInteger, nullable=False),
    Column("refused_by", Text, nullable=False),
    Column("refused_at_ms", BigInteger, nullable=False),
)

# What the bank tells apart from its statements; the news themselves are the merchants' (payout_news).
bank_messages = Table(
    "bank_messages",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("file_digest", LargeBinary, nullable=False),
    Column("format", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "file_digest", name="uq_bank_messages_digest"),
)

names("uq_bank_statements_statement", StatementAlreadyImported)
# SQLite names the columns of a broken UNIQUE, not the constraint.
names("bank_statements.territory_id, bank_statements.statement_id", StatementAlreadyImported)
names("uq_bank_messages_digest", StatementAlreadyImported)
names("bank_line_overdecided", LineAlreadyResolved)
names("uq_bank_decisions_undoes", DecisionAlreadyUndone)
names("decision_in_closed_month", DecisionPeriodClosed)
names("decision_not_undoable", DecisionNotUndoable)
names("uq_paid_rejections_pending", PaidRejectionPending)
names("ck_paid_rejections_two_people", PaidRejectionSamePerson)
names("paid_rejection_one_person", PaidRejectionSamePerson)
names("rejected_debit_one_person", ResolutionNeedsTwoPeople)
names("paid_rejection_frozen", PaidRejectionEnded)
