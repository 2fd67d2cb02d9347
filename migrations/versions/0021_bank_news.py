"""What the bank tells of payouts before its statement; terms of payouts; what CAP claims are certified, or lapsed.

Held by the database: a message is taken once and never changed; a transfer that the bank rejected had been ordered and
was not debited, and is never debited afterwards; what an order was written with (addresses, fee, version of the format)
does not change once it is approved.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

CENTS_MAX = 2**53 - 1
BASIS_POINTS_MAX = 1_000
DIGEST = 32
# Of the shop as it was when the order was prepared: a file written twice is the same, whatever the shop became.
ADDRESS = ("street", "building", "postcode", "town")
NEW_TABLES = ("payout_news", "bank_messages", "payout_rejections", "payout_terms", "cap_certifications", "cap_lapses")
KEYS = {
    "bank_messages": "id = NEW.id OR file_digest = NEW.file_digest",
    "payout_news": "bank_message_id = NEW.bank_message_id AND news_no = NEW.news_no",
    "payout_rejections": "payout_id = NEW.payout_id AND line_no = NEW.line_no",
    "payout_terms": "id = NEW.id",
    "cap_certifications": "merchant_id = NEW.merchant_id AND year = NEW.year",
    "cap_lapses": "entry_id = NEW.entry_id",
}
STATUSES = "'pending', 'accepted', 'rejected', 'repeated', 'debited', 'returned'"
VERSIONS = "'03', '09'"


def _territory() -> sa.Column[int]:
    return sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False)


def _number(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def _line(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", "payout_id", "line_no"],
        ["payout_lines.territory_id", "payout_lines.payout_id", "payout_lines.line_no"],
        name=f"fk_{table}_line",
    )


def _messages() -> None:
    op.create_table(
        "bank_messages",
        _territory(),
        _number("id"),
        sa.Column("file_digest", sa.LargeBinary, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("imported_by", sa.Text, nullable=False),
        _number("imported_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_bank_messages"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_bank_messages_territory"),
        sa.UniqueConstraint("territory_id", "file_digest", name="uq_bank_messages_digest"),
        sa.CheckConstraint(f"length(file_digest) = {DIGEST}", name="ck_bank_messages_digest"),
    )
    op.create_table(
        "payout_news",
        _territory(),
        _number("bank_message_id"),
        _number("news_no"),
        _number("payout_id"),
        _number("line_no"),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("told_on", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "bank_message_id", "news_no", name="pk_payout_news"),
        sa.ForeignKeyConstraint(
            ["territory_id", "bank_message_id"],
            ["bank_messages.territory_id", "bank_messages.id"],
            name="fk_payout_news_message",
        ),
        _line("payout_news"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="ck_payout_news_status"),
    )
    op.create_index("ix_payout_news_line", "payout_news", ["territory_id", "payout_id", "line_no"])


def _shop(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", "merchant_id"], ["merchants.territory_id", "merchants.id"], name=f"fk_{table}_merchant"
    )


def _claims() -> None:
    op.create_table(
        "cap_certifications",
        _territory(),
        _number("merchant_id"),
        _number("year"),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        _number("recorded_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("territory_id", "merchant_id", "year", name="pk_cap_certifications"),
        _shop("cap_certifications"),
    )
    op.create_table(
        "cap_lapses",
        _territory(),
        _number("entry_id", sa.BigInteger),
        _number("merchant_id"),
        _number("year"),
        _number("amount_cents", sa.BigInteger),
        sa.PrimaryKeyConstraint("territory_id", "entry_id", name="pk_cap_lapses"),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_cap_lapses_entry",
        ),
        sa.CheckConstraint(f"amount_cents BETWEEN 1 AND {CENTS_MAX}", name="ck_cap_lapses_amount"),
        _shop("cap_lapses"),
    )


def _payouts() -> None:
    op.create_table(
        "payout_rejections",
        _territory(),
        _number("payout_id"),
        _number("line_no"),
        _number("entry_id", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "payout_id", "line_no", name="pk_payout_rejections"),
        _line("payout_rejections"),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_payout_rejections_entry",
        ),
    )
    op.create_table(
        "payout_terms",
        _territory(),
        _number("id"),
        sa.Column("pain_version", sa.Text, nullable=False),
        _number("minimum_cents", sa.BigInteger),
        _number("fee_basis_points"),
        sa.Column("decided_by", sa.Text, nullable=False),
        _number("decided_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_payout_terms"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_payout_terms_territory"),
        sa.CheckConstraint(f"pain_version IN ({VERSIONS})", name="ck_payout_terms_version"),
        sa.CheckConstraint(f"minimum_cents BETWEEN 1 AND {CENTS_MAX}", name="ck_payout_terms_minimum"),
        sa.CheckConstraint(f"fee_basis_points BETWEEN 0 AND {BASIS_POINTS_MAX}", name="ck_payout_terms_fee"),
    )
    # Written by hand: Alembic would rebuild the table on SQLite, and its triggers would be lost.
    op.execute(
        "ALTER TABLE payouts ADD COLUMN pain_version TEXT NOT NULL DEFAULT '09'"
        f" CONSTRAINT ck_payouts_pain_version CHECK (pain_version IN ({VERSIONS}))"
    )
    op.execute(
        "ALTER TABLE payout_lines ADD COLUMN fee_cents BIGINT NOT NULL DEFAULT 0"
        f" CONSTRAINT ck_payout_lines_fee CHECK (fee_cents BETWEEN 0 AND {CENTS_MAX})"
    )
    for column in ADDRESS:
        op.execute(f"ALTER TABLE payout_lines ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
        op.execute(
            f"UPDATE payout_lines SET {column} = (SELECT m.{column} FROM merchants m"
            " WHERE m.territory_id = payout_lines.territory_id AND m.id = payout_lines.merchant_id)"
        )


def _rules(differs: str) -> list[tuple[str, str, str, str]]:
    """Return (table, verb, message, condition that refuses) of every row trigger."""
    written = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in ("fee_cents", *ADDRESS))
    ordered = (
        "EXISTS (SELECT 1 FROM payout_lines l WHERE l.territory_id = NEW.territory_id"
        " AND l.payout_id = NEW.payout_id AND l.line_no = NEW.line_no AND l.state = 'ordered')"
    )
    rejected = (
        "EXISTS (SELECT 1 FROM payout_rejections r WHERE r.territory_id = NEW.territory_id"
        " AND r.payout_id = NEW.payout_id AND r.line_no = NEW.line_no)"
    )
    frozen = [
        (table, verb, "append_only", "OLD.territory_id IS NOT NULL")
        for table in NEW_TABLES
        for verb in ("update", "delete")
    ]
    return [
        *frozen,
        ("payout_rejections", "insert", "payout_line_not_in_transit", f"NOT {ordered}"),
        ("payout_lines", "update", "payout_line_rejected", f"NEW.state <> OLD.state AND {rejected}"),
        ("payout_lines", "update", "payout_lines_frozen", f"OLD.state <> 'prepared' AND ({written})"),
        (
            "payouts", "update", "payout_frozen",
            f"OLD.state <> 'prepared' AND NEW.pain_version {differs} OLD.pain_version",
        ),
    ]  # fmt: skip


def _sqlite_triggers() -> list[str]:
    triggers = [
        f"CREATE TRIGGER {table}_news_{verb}_{number} BEFORE {verb.upper()} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for number, (table, verb, message, condition) in enumerate(_rules("IS NOT"), start=1)
    ]
    # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    return triggers + [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS"
        f" (SELECT 1 FROM {table} WHERE territory_id = NEW.territory_id AND ({same}))"
        f" BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"
        for table, same in KEYS.items()
    ]


def _postgresql_triggers() -> list[str]:
    statements = []
    for table in (*NEW_TABLES, "payout_lines", "payouts"):
        body = " ".join(
            f"IF TG_OP = '{verb.upper()}' THEN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END IF;"
            for on, verb, message, condition in _rules("IS DISTINCT FROM")
            if on == table
        )
        statements += [
            (
                f"CREATE FUNCTION {table}_news_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
                " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
            ),
            (
                f"CREATE TRIGGER {table}_news_guard BEFORE INSERT OR UPDATE OR DELETE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION {table}_news_guard()"
            ),
        ]
        if table in NEW_TABLES:
            statements.append(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
            )
    return statements


def upgrade() -> None:
    """Create the tables and columns, then the triggers of the dialect."""
    _messages()
    _claims()
    _payouts()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql_triggers() if is_postgresql else _sqlite_triggers():
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        for table in ("payout_lines", "payouts"):
            op.execute(f"DROP TRIGGER {table}_news_guard ON {table}")
    else:
        for number, (table, verb, _, _) in enumerate(_rules("IS NOT"), start=1):
            op.execute(f"DROP TRIGGER {table}_news_{verb}_{number}")
    for table in NEW_TABLES:
        op.drop_table(table)
    if is_postgresql:
        for table in (*NEW_TABLES, "payout_lines", "payouts"):
            op.execute(f"DROP FUNCTION {table}_news_guard()")
    op.execute("ALTER TABLE payouts DROP COLUMN pain_version")
    for column in ("fee_cents", *ADDRESS):
        op.execute(f"ALTER TABLE payout_lines DROP COLUMN {column}")
