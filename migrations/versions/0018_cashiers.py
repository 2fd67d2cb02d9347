"""Cashiers of a shop, who holds each till, who took each charge; what the town lets tills take offline.

Held by the database: a cashier stays with the shop and, once removed, has neither name nor code; a till is held by a
cashier of its own shop; who took a charge, and what limits were in force, is never rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TRIES_MAX = 5
# What a card pays without its PIN, which is never asked offline: wallets.model.UNPINNED_PAYMENT_MAX_CENTS.
PAYMENT_CENTS_MAX = 5_000
CENTS_MAX = 2**53 - 1
TABLES = ("offline_limits", "charge_cashiers", "till_shifts", "cashiers")


def _foreign(table: str, to: str, column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["territory_id", column], [f"{to}.territory_id", f"{to}.id"], name=f"fk_{table}_{name}"
    )


def _territory() -> sa.Column[int]:
    return sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False)


def _cashiers() -> None:
    op.create_table(
        "cashiers",
        _territory(),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary, nullable=True),
        sa.Column("code_hash", sa.Text, nullable=True),
        sa.Column("tries_left", sa.SmallInteger, nullable=False),
        sa.Column("added_at_ms", sa.BigInteger, nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_cashiers"),
        sa.CheckConstraint(f"tries_left BETWEEN 0 AND {TRIES_MAX}", name="ck_cashiers_tries"),
        sa.CheckConstraint(
            "(removed_at_ms IS NULL) = (sealed_name IS NOT NULL) AND (removed_at_ms IS NULL) = (code_hash IS NOT NULL)",
            name="ck_cashiers_removed_is_nobody",
        ),
        _foreign("cashiers", "merchants", "merchant_id", "merchant"),
    )
    op.create_index("ix_cashiers_merchant", "cashiers", ["territory_id", "merchant_id"])
    op.create_table(
        "till_shifts",
        _territory(),
        sa.Column("till_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("cashier_id", sa.Integer, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "till_id", name="pk_till_shifts"),
        _foreign("till_shifts", "tills", "till_id", "till"),
        _foreign("till_shifts", "cashiers", "cashier_id", "cashier"),
    )
    op.create_table(
        "charge_cashiers",
        _territory(),
        sa.Column("entry_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("cashier_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "entry_id", name="pk_charge_cashiers"),
        _foreign("charge_cashiers", "journal_entries", "entry_id", "entry"),
        _foreign("charge_cashiers", "cashiers", "cashier_id", "cashier"),
    )


def _offline_limits() -> None:
    op.create_table(
        "offline_limits",
        _territory(),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("payment_cents", sa.BigInteger, nullable=False),
        sa.Column("card_day_cents", sa.BigInteger, nullable=False),
        sa.Column("till_cents", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_offline_limits"),
        sa.CheckConstraint(
            f"payment_cents BETWEEN 0 AND {PAYMENT_CENTS_MAX} AND payment_cents <= card_day_cents"
            f" AND card_day_cents <= till_cents AND till_cents <= {CENTS_MAX}",
            name="ck_offline_limits_in_order",
        ),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_offline_limits_territory"),
    )


def _rules(differs: str) -> list[tuple[str, str, str, str]]:
    """Return (table, verb, message, condition that refuses) of every row trigger."""
    moved = " OR ".join(f"NEW.{each} {differs} OLD.{each}" for each in ("territory_id", "id", "merchant_id"))
    of_the_shop = (
        "NOT EXISTS (SELECT 1 FROM cashiers c, tills t WHERE c.territory_id = NEW.territory_id"
        " AND c.id = NEW.cashier_id AND c.removed_at_ms IS NULL AND t.territory_id = NEW.territory_id"
        " AND t.id = NEW.till_id AND t.merchant_id = c.merchant_id)"
    )
    return [
        ("cashiers", "update", "cashier_frozen", f"OLD.removed_at_ms IS NOT NULL OR {moved}"),
        ("cashiers", "delete", "cashier_frozen", "OLD.id IS NOT NULL"),
        ("till_shifts", "insert", "cashier_of_another_shop", of_the_shop),
        ("till_shifts", "update", "cashier_of_another_shop", of_the_shop),
        ("charge_cashiers", "update", "append_only", "OLD.entry_id IS NOT NULL"),
        ("charge_cashiers", "delete", "append_only", "OLD.entry_id IS NOT NULL"),
        ("offline_limits", "update", "append_only", "OLD.id IS NOT NULL"),
        ("offline_limits", "delete", "append_only", "OLD.id IS NOT NULL"),
    ]


KEPT = {"cashiers": "id = NEW.id", "charge_cashiers": "entry_id = NEW.entry_id", "offline_limits": "id = NEW.id"}


def _sqlite_triggers() -> list[str]:
    triggers = [
        f"CREATE TRIGGER {table}_{verb}_{number} BEFORE {verb.upper()} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for number, (table, verb, message, condition) in enumerate(_rules("IS NOT"), start=1)
    ]
    # INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
    return triggers + [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS"
        f" (SELECT 1 FROM {table} WHERE territory_id = NEW.territory_id AND {same})"
        f" BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"
        for table, same in KEPT.items()
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
        ]
        if table in KEPT:
            statements.append(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
            )
    return statements


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _cashiers()
    _offline_limits()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql_triggers() if is_postgresql else _sqlite_triggers():
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"DROP FUNCTION {table}_guard()")
