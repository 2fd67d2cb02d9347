"""Tills in a real shop: keys that will never pay any more, the keys that tills sign with, what they took offline.

Held by the database: a key that has paid is not abandoned, an abandoned key stays so, and what a till took offline is
answered once and never taken away.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CENTS_MAX = 2**53 - 1
DIGEST = 32
TABLES = ("offline_charges", "till_keys", "abandoned_keys")
GUARDED = ("abandoned_keys", "offline_charges")
ANSWER = (
    "territory_id", "key_digest", "till_id", "signer", "sequence", "card_digest", "amount_cents", "happened_at_ms",
    "received_at_ms", "entry_id", "refusal_code", "refusal_sentence",
)  # fmt: skip


def _till(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", "till_id"], ["tills.territory_id", "tills.id"], name=f"fk_{table}_till"
    )


def _tables() -> None:
    op.create_table(
        "abandoned_keys",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("till_id", sa.Integer, nullable=False),
        sa.Column("abandoned_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "key_digest", name="pk_abandoned_keys"),
        sa.CheckConstraint(f"length(key_digest) = {DIGEST}", name="ck_abandoned_keys_digest"),
        _till("abandoned_keys"),
    )
    op.create_index("ix_abandoned_keys_till", "abandoned_keys", ["territory_id", "till_id"])
    op.create_table(
        "till_keys",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("till_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("registered_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "till_id", name="pk_till_keys"),
        _till("till_keys"),
    )
    op.create_table(
        "offline_charges",
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("till_id", sa.Integer, nullable=False),
        sa.Column("signer", sa.LargeBinary, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("card_digest", sa.LargeBinary, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("happened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.Column("refusal_code", sa.Text, nullable=True),
        sa.Column("refusal_sentence", sa.Text, nullable=True),
        sa.Column("acknowledged_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "key_digest", name="pk_offline_charges"),
        sa.UniqueConstraint("territory_id", "signer", "sequence", name="uq_offline_charges_sequence"),
        sa.CheckConstraint(f"amount_cents > 0 AND amount_cents <= {CENTS_MAX}", name="ck_offline_charges_amount"),
        sa.CheckConstraint("sequence > 0", name="ck_offline_charges_sequence"),
        sa.CheckConstraint("(entry_id IS NULL) <> (refusal_code IS NULL)", name="ck_offline_charges_one_answer"),
        sa.CheckConstraint(
            "refusal_code <> '' AND (refusal_code IS NULL) = (refusal_sentence IS NULL)",
            name="ck_offline_charges_refusal",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"], ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_offline_charges_entry",
        ),
        _till("offline_charges"),
    )  # fmt: skip
    op.create_index("ix_offline_charges_till", "offline_charges", ["territory_id", "till_id"])


def _rules(differs: str) -> list[tuple[str, str, str, str]]:
    """Return (table, verb, message, condition that refuses) of every row trigger."""
    paid = (
        "EXISTS (SELECT 1 FROM journal_entries e"
        " WHERE e.territory_id = NEW.territory_id AND e.key_digest = NEW.key_digest)"
    )
    changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in ANSWER)
    return [
        ("abandoned_keys", "insert", "abandoned_key_has_paid", paid),
        ("abandoned_keys", "update", "append_only", "OLD.till_id IS NOT NULL"),
        ("abandoned_keys", "delete", "append_only", "OLD.till_id IS NOT NULL"),
        ("offline_charges", "insert", "offline_refusal_has_paid", f"NEW.entry_id IS NULL AND {paid}"),
        ("offline_charges", "update", "offline_charge_answered", f"OLD.acknowledged_at_ms IS NOT NULL OR {changed}"),
        ("offline_charges", "delete", "append_only", "OLD.till_id IS NOT NULL"),
    ]


def _guard_on_sqlite() -> None:
    for number, (table, verb, message, condition) in enumerate(_rules("IS NOT"), start=1):
        op.execute(
            f"CREATE TRIGGER {table}_{verb}_{number} BEFORE {verb.upper()} ON {table} WHEN {condition}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
    # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    same = {
        "abandoned_keys": "key_digest = NEW.key_digest",
        "offline_charges": "key_digest = NEW.key_digest OR (signer = NEW.signer AND sequence = NEW.sequence)",
    }
    for table in GUARDED:
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS"
            f" (SELECT 1 FROM {table} WHERE territory_id = NEW.territory_id AND ({same[table]}))"
            f" BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"
        )


def _guard_on_postgresql() -> None:
    for table in GUARDED:
        body = " ".join(
            f"IF TG_OP = '{verb.upper()}' THEN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END IF;"
            for on, verb, message, condition in _rules("IS DISTINCT FROM")
            if on == table
        )
        op.execute(
            f"CREATE FUNCTION {table}_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
            " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE INSERT OR UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
        )


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _tables()
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in GUARDED:
            op.execute(f"DROP FUNCTION {table}_guard()")
