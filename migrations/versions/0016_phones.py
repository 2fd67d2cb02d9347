"""Phones that pay, the codes they used, counter cards, and refunds asked for.

Held by the database: a phone's key and card never change, a phone that was taken away stays so, a code pays once, the
code of a counter card is its own for ever, a refund is asked for once a charge.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# A P-256 public key as SubjectPublicKeyInfo (RFC 5480): 26 bytes that say so, and the point, uncompressed.
PUBLIC_KEY_BYTES = 91
PHONE_NUMBER_MAX = 1000
TABLES = ("refund_requests", "counter_cards", "phone_payments", "phones")


def _foreign(table: str, to: str, column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", column], [f"{to}.territory_id", f"{to}.id"], name=f"fk_{table}_{name}"
    )


def _phones() -> None:
    op.create_table(
        "phones",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("card_id", sa.Integer, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("bound_at_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_phones"),
        sa.UniqueConstraint("territory_id", "public_key", name="uq_phones_public_key"),
        sa.UniqueConstraint("territory_id", "card_id", "number", name="uq_phones_number"),
        _foreign("phones", "cards", "card_id", "card"),
        sa.CheckConstraint(f"length(public_key) = {PUBLIC_KEY_BYTES}", name="ck_phones_public_key"),
        sa.CheckConstraint(f"number BETWEEN 1 AND {PHONE_NUMBER_MAX}", name="ck_phones_number"),
    )
    op.create_table(
        "phone_payments",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("code_digest", sa.LargeBinary, nullable=False),
        sa.Column("phone_id", sa.Integer, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "code_digest", name="pk_phone_payments"),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_phone_payments_entry"),
        _foreign("phone_payments", "phones", "phone_id", "phone"),
        _foreign("phone_payments", "journal_entries", "entry_id", "entry"),
        sa.CheckConstraint("length(code_digest) = 32", name="ck_phone_payments_code"),
    )


def _counter() -> None:
    op.create_table(
        "counter_cards",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("till_id", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "till_id", name="pk_counter_cards"),
        sa.UniqueConstraint("territory_id", "code", name="uq_counter_cards_code"),
        _foreign("counter_cards", "tills", "till_id", "till"),
        sa.CheckConstraint("length(code) = 20", name="ck_counter_cards_code"),
    )
    op.create_table(
        "refund_requests",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("charge_entry_id", sa.BigInteger, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("asked_at_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "charge_entry_id", name="pk_refund_requests"),
        _foreign("refund_requests", "journal_entries", "charge_entry_id", "charge"),
        _foreign("refund_requests", "merchants", "merchant_id", "merchant"),
    )
    op.create_index("ix_refund_requests_merchant", "refund_requests", ["territory_id", "merchant_id"])


def _changed(columns: tuple[str, ...], differs: str) -> str:
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in ("territory_id", *columns))


def _rules(differs: str) -> list[tuple[str, str, str, str]]:
    """Return (table, verb, message, condition that refuses) of every row trigger."""
    fixed_phone = _changed(("id", "card_id", "number", "public_key", "bound_at_ms"), differs)
    fixed_request = _changed(("charge_entry_id", "merchant_id", "asked_at_ms"), differs)
    return [
        ("phones", "insert", "phone_ended", "NEW.revoked_at_ms IS NOT NULL"),
        ("phones", "update", "phone_frozen", fixed_phone),
        (
            "phones", "update", "phone_ended",
            f"OLD.revoked_at_ms IS NOT NULL AND NEW.revoked_at_ms {differs} OLD.revoked_at_ms",
        ),
        ("phones", "delete", "phone_frozen", "OLD.id IS NOT NULL"),
        ("phone_payments", "update", "phone_payment_frozen", "OLD.entry_id IS NOT NULL"),
        ("phone_payments", "delete", "phone_payment_frozen", "OLD.entry_id IS NOT NULL"),
        ("counter_cards", "update", "counter_card_frozen", "OLD.code IS NOT NULL"),
        ("counter_cards", "delete", "counter_card_frozen", "OLD.code IS NOT NULL"),
        ("refund_requests", "update", "refund_request_frozen", f"OLD.closed_at_ms IS NOT NULL OR {fixed_request}"),
        ("refund_requests", "delete", "refund_request_frozen", "OLD.charge_entry_id IS NOT NULL"),
    ]  # fmt: skip


REPLACED = {
    "phones": "id = NEW.id OR public_key = NEW.public_key OR (card_id = NEW.card_id AND number = NEW.number)",
    "phone_payments": "code_digest = NEW.code_digest OR entry_id = NEW.entry_id",
    "counter_cards": "till_id = NEW.till_id OR code = NEW.code",
    "refund_requests": "charge_entry_id = NEW.charge_entry_id",
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
    for table in TABLES:
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
    """Create the tables, then the triggers of the dialect."""
    _phones()
    _counter()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql_triggers() if is_postgresql else _sqlite_triggers():
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.get_bind().exec_driver_sql(f"DROP FUNCTION {table}_guard()")
