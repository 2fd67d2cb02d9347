"""Merchants, tills, payment requests, what was refunded of each charge, payouts and their lines.

Held by the database: a request is used once, refunds never exceed their charge, nobody approves the payout they
prepared, and what was approved does not change any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CENTS_MAX = 2**53 - 1
CHARGE = 3  # monnaie_locale.ledger.entries.EntryKind.CHARGE
TABLES = ("payout_lines", "payouts", "charge_refunds", "payment_requests", "tills", "merchants")
CATEGORIES = (
    "'food', 'hygiene', 'clothing', 'household', 'transport', 'health', 'school', 'culture', 'sport', 'services'"
)

# What may follow what. A state never goes back.
PAYOUT_STEPS = "(('prepared', 'approved'), ('prepared', 'cancelled'), ('approved', 'sent'), ('sent', 'settled'))"
LINE_STEPS = "(('prepared', 'ordered'), ('ordered', 'settled'), ('settled', 'returned'))"
PAYOUT_WORDS = ("label", "cutoff_on", "message_id", "execution_on", "total_cents", "prepared_at_ms")
LINE_WORDS = (
    "payout_id", "line_no", "merchant_id", "amount_cents", "recovered_cents", "end_to_end_id", "rf_reference", "iban",
    "bic", "name",
)  # fmt: skip
REQUEST_WORDS = ("id", "code_digest", "merchant_id", "till_id", "amount_cents", "expires_at_ms", "created_at_ms")


def _foreign(table: str, to: str, column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", column], [f"{to}.territory_id", f"{to}.id"], name=f"fk_{table}_{name}"
    )


def _amount(table: str, column: str = "amount_cents") -> sa.CheckConstraint:
    return sa.CheckConstraint(
        f"{column} > 0 AND {column} <= {CENTS_MAX}", name=f"ck_{table}_{column.split('_', maxsplit=1)[0]}"
    )


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "staff:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


def _merchants() -> None:
    texts = ("code", "name", "siret", "category", "iban", "bic", "street", "building", "postcode", "town")
    op.create_table(
        "merchants",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("debt_limit_cents", sa.BigInteger, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("admitted_by", sa.Text, nullable=False),
        sa.Column("admitted_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_merchants"),
        sa.UniqueConstraint("territory_id", "siret", name="uq_merchants_siret"),
        sa.UniqueConstraint("territory_id", "code", name="uq_merchants_code"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_merchants_territory"),
        sa.CheckConstraint("length(siret) = 14", name="ck_merchants_siret"),
        sa.CheckConstraint("length(iban) BETWEEN 15 AND 34", name="ck_merchants_iban"),
        sa.CheckConstraint("length(bic) IN (0, 8, 11)", name="ck_merchants_bic"),
        sa.CheckConstraint(f"category IN ({CATEGORIES})", name="ck_merchants_category"),
        sa.CheckConstraint("debt_limit_cents >= 0", name="ck_merchants_debt_limit"),
        sa.CheckConstraint(_caller("admitted_by"), name="ck_merchants_admitted_by"),
    )
    op.create_table(
        "tills",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("pairing_digest", sa.LargeBinary, nullable=True),
        sa.Column("pairing_expires_at_ms", sa.BigInteger, nullable=True),
        sa.Column("paired_at_ms", sa.BigInteger, nullable=True),
        sa.Column("unpaired_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_tills"),
        sa.UniqueConstraint("territory_id", "pairing_digest", name="uq_tills_pairing"),
        _foreign("tills", "merchants", "merchant_id", "merchant"),
        sa.CheckConstraint("(pairing_digest IS NULL) = (pairing_expires_at_ms IS NULL)", name="ck_tills_pairing"),
    )
    op.create_index("ix_tills_merchant", "tills", ["territory_id", "merchant_id"])


def _charges() -> None:
    op.create_table(
        "payment_requests",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("code_digest", sa.LargeBinary, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("till_id", sa.Integer, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.Column("cancelled_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_payment_requests"),
        sa.UniqueConstraint("territory_id", "code_digest", name="uq_payment_requests_code"),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_payment_requests_entry"),
        _foreign("payment_requests", "merchants", "merchant_id", "merchant"),
        _foreign("payment_requests", "tills", "till_id", "till"),
        _foreign("payment_requests", "journal_entries", "entry_id", "entry"),
        _amount("payment_requests"),
        sa.CheckConstraint("length(code_digest) = 32", name="ck_payment_requests_code"),
        sa.CheckConstraint("entry_id IS NULL OR cancelled_at_ms IS NULL", name="ck_payment_requests_one_end"),
        sa.CheckConstraint("expires_at_ms > created_at_ms", name="ck_payment_requests_expiry"),
    )
    op.create_table(
        "charge_refunds",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("charge_entry_id", sa.BigInteger, nullable=False),
        sa.Column("charged_cents", sa.BigInteger, nullable=False),
        sa.Column("refunded_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "charge_entry_id", name="pk_charge_refunds"),
        _foreign("charge_refunds", "journal_entries", "charge_entry_id", "charge"),
        sa.CheckConstraint("refunded_cents <= charged_cents", name="ck_charge_refunds_not_above_charge"),
        sa.CheckConstraint("refunded_cents > 0", name="ck_charge_refunds_positive"),
    )


def _payouts() -> None:
    op.create_table(
        "payouts",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("cutoff_on", sa.Date, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("execution_on", sa.Date, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_at_ms", sa.BigInteger, nullable=True),
        sa.Column("sent_at_ms", sa.BigInteger, nullable=True),
        sa.Column("settled_at_ms", sa.BigInteger, nullable=True),
        sa.Column("cancelled_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_payouts"),
        sa.UniqueConstraint("territory_id", "message_id", name="uq_payouts_message"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_payouts_territory"),
        _amount("payouts", "total_cents"),
        sa.CheckConstraint("length(message_id) BETWEEN 1 AND 35", name="ck_payouts_message"),
        sa.CheckConstraint(
            "state IN ('prepared', 'approved', 'sent', 'settled', 'cancelled')", name="ck_payouts_state"
        ),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> prepared_by", name="ck_payouts_two_people"),
        sa.CheckConstraint(_caller("prepared_by"), name="ck_payouts_prepared_by"),
        sa.CheckConstraint("(state IN ('prepared', 'cancelled')) = (approved_by IS NULL)", name="ck_payouts_approval"),
    )
    # Two orders prepared on the same balances would pay the same charges twice.
    op.create_index(
        "uq_payouts_prepared",
        "payouts",
        ["territory_id"],
        unique=True,
        sqlite_where=sa.text("state = 'prepared'"),
        postgresql_where=sa.text("state = 'prepared'"),
    )
    op.create_table(
        "payout_lines",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("payout_id", sa.Integer, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("recovered_cents", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("end_to_end_id", "rf_reference", "iban", "bic")),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        *(
            sa.Column(f"{step}_entry_id", sa.BigInteger, nullable=True)
            for step in ("recovery", "order", "settled", "returned")
        ),
        sa.PrimaryKeyConstraint("territory_id", "payout_id", "line_no", name="pk_payout_lines"),
        sa.UniqueConstraint("territory_id", "end_to_end_id", name="uq_payout_lines_end_to_end"),
        sa.UniqueConstraint("territory_id", "payout_id", "merchant_id", name="uq_payout_lines_merchant"),
        _foreign("payout_lines", "payouts", "payout_id", "payout"),
        _foreign("payout_lines", "merchants", "merchant_id", "merchant"),
        *(
            _foreign("payout_lines", "journal_entries", f"{step}_entry_id", step)
            for step in ("recovery", "order", "settled", "returned")
        ),
        _amount("payout_lines"),
        sa.CheckConstraint("recovered_cents >= 0", name="ck_payout_lines_recovered"),
        sa.CheckConstraint("state IN ('prepared', 'ordered', 'settled', 'returned')", name="ck_payout_lines_state"),
        sa.CheckConstraint(
            "(state = 'prepared') = (order_entry_id IS NULL)"
            " AND (state IN ('settled', 'returned')) = (settled_entry_id IS NOT NULL)"
            " AND (state = 'returned') = (returned_entry_id IS NOT NULL)",
            name="ck_payout_lines_entries",
        ),
    )


def _changed(columns: tuple[str, ...], differs: str) -> str:
    """Return the condition "one of the columns has changed"; `differs` is the dialect's null-safe <>."""
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)


def _rules(differs: str) -> list[tuple[str, str, str, str]]:
    """Return (table, verb, message, condition that refuses) of every row trigger."""
    prepared = (
        "EXISTS (SELECT 1 FROM payouts p WHERE p.territory_id = {row}.territory_id"
        " AND p.id = {row}.payout_id AND p.state = 'prepared')"
    )
    lines_total = (
        "(SELECT COALESCE(SUM(l.amount_cents), 0) FROM payout_lines l"
        " WHERE l.territory_id = NEW.territory_id AND l.payout_id = NEW.id)"
    )
    charged = (
        "(SELECT COALESCE(SUM(t.amount_cents), 0) FROM transfers t JOIN journal_entries e"
        " ON e.territory_id = t.territory_id AND e.id = t.entry_id"
        f" WHERE e.territory_id = NEW.territory_id AND e.id = NEW.charge_entry_id AND e.kind = {CHARGE})"
    )
    fixed_refunds = _changed(("territory_id", "charge_entry_id", "charged_cents"), differs)
    fixed_payout = _changed(("territory_id", "id", *PAYOUT_WORDS), differs)
    once = " OR ".join(
        f"(OLD.{step}_entry_id IS NOT NULL AND NEW.{step}_entry_id {differs} OLD.{step}_entry_id)"
        for step in ("recovery", "order", "settled", "returned")
    )
    return [
        ("payment_requests", "update", "payment_request_used", "OLD.entry_id IS NOT NULL"),
        ("payment_requests", "update", "payment_request_frozen", _changed(("territory_id", *REQUEST_WORDS), differs)),
        ("payment_requests", "delete", "payment_request_frozen", "OLD.entry_id IS NOT NULL"),
        ("charge_refunds", "insert", "charge_refunds_follow_charge", f"NEW.charged_cents <> {charged}"),
        (
            "charge_refunds", "update", "charge_refunds_follow_charge",
            f"NEW.refunded_cents < OLD.refunded_cents OR {fixed_refunds}",
        ),
        ("charge_refunds", "delete", "charge_refunds_follow_charge", "OLD.charge_entry_id IS NOT NULL"),
        ("payouts", "insert", "payout_state_order", "NEW.state <> 'prepared'"),
        (
            "payouts", "update", "payout_state_order",
            f"NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES {PAYOUT_STEPS[1:-1]})",
        ),
        (
            "payouts", "update", "payout_preparer_fixed",
            (f"NEW.prepared_by <> OLD.prepared_by OR (OLD.approved_by IS NOT NULL"
            f" AND NEW.approved_by {differs} OLD.approved_by)"),
        ),
        ("payouts", "update", "payout_frozen", f"OLD.state <> 'prepared' AND ({fixed_payout})"),
        (
            "payouts", "update", "payout_total_wrong",
            f"OLD.state = 'prepared' AND NEW.state = 'approved' AND NEW.total_cents <> {lines_total}",
        ),
        ("payouts", "delete", "payout_frozen", "OLD.state <> 'prepared'"),
        ("payout_lines", "insert", "payout_lines_frozen", f"NOT {prepared.format(row='NEW')}"),
        ("payout_lines", "delete", "payout_lines_frozen", f"NOT {prepared.format(row='OLD')}"),
        (
            "payout_lines", "update", "payout_lines_frozen",
            (f"({_changed(('territory_id', *LINE_WORDS), differs)})"
            f" AND NOT ({prepared.format(row='OLD')} AND {prepared.format(row='NEW')})"),
        ),
        (
            "payout_lines", "update", "payout_line_state_order",
            f"(NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES {LINE_STEPS[1:-1]})) OR {once}",
        ),
    ]  # fmt: skip


REPLACED = {
    "payment_requests": "id = NEW.id OR code_digest = NEW.code_digest OR entry_id = NEW.entry_id",
    "charge_refunds": "charge_entry_id = NEW.charge_entry_id",
    "payouts": "id = NEW.id OR message_id = NEW.message_id",
    "payout_lines": "end_to_end_id = NEW.end_to_end_id OR (payout_id = NEW.payout_id"
    " AND (line_no = NEW.line_no OR merchant_id = NEW.merchant_id))",
}


def _sqlite_triggers() -> list[str]:
    triggers = [
        f"CREATE TRIGGER {table}_{verb}_{number} BEFORE {verb.upper()} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for number, (table, verb, message, condition) in enumerate(_rules("IS NOT"), start=1)
    ]
    # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    return triggers + [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS"
        f" (SELECT 1 FROM {table} WHERE territory_id = NEW.territory_id AND ({same}))"
        f" BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"
        for table, same in REPLACED.items()
    ]


def _postgresql_triggers() -> list[str]:
    statements = []
    for table in sorted({rule[0] for rule in _rules("")}):
        body = " ".join(
            f"IF TG_OP = '{verb.upper()}' THEN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END IF;"
            for on, verb, message, condition in _rules("IS DISTINCT FROM")
            if on == table
        )
        statements += [
            (
                f"CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
                " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
            ),
            (
                f"CREATE TRIGGER {table}_guard BEFORE INSERT OR UPDATE OR DELETE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
            ),
            (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
            ),
        ]
    return statements


def upgrade() -> None:
    """Create the tables of `merchants`, then the triggers of the dialect."""
    _merchants()
    _charges()
    _payouts()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql_triggers() if is_postgresql else _sqlite_triggers():
        # no_parameters: a % in a message is a %.
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in sorted({rule[0] for rule in _rules("")}):
            op.get_bind().exec_driver_sql(f"DROP FUNCTION {table}_guard()")
