"""The ledger: territories, accounts, balances, transfers, journal entries, closed periods, log heads.

The invariants of docs/ARCHITECTURE.md are held here, by the database, whatever the code above does:
a transfer cannot be unbalanced, a counter changes only with a transfer, a purse cannot go below zero, an issue cannot
exceed the reserve, a written row cannot change, numbers have no gap, a closed month takes no entry.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).resolve().parents[1] / "sql"
CENTS_MAX = 2**53 - 1
# Account kinds (monnaie_locale.ledger.accounts.AccountKind), repeated because a migration imports no code of ours.
PURSE = 3
CREDIT_LIMITED = "2, 3, 4, 5, 6"
DEBIT_LIMITED = "7"
KIND_MAX = 11


def _identifier(column: str, allowed: str) -> str:
    """Return the CHECK that keeps names out: only the characters of identifiers, in either dialect."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} !~ '[^{allowed}]'"
    return f"{column} NOT GLOB '*[^{allowed}]*'"


def _whole_cents() -> str:
    """Return the CHECK of an amount; SQLite would keep 1.5 in an integer column, so it is asked for the type too."""
    bounds = f"amount_cents > 0 AND amount_cents <= {CENTS_MAX}"
    return bounds if op.get_bind().dialect.name == "postgresql" else f"typeof(amount_cents) = 'integer' AND {bounds}"


def _territories() -> None:
    texts = (
        "code", "name", "currency_name", "host", "issuer_name", "issuer_siret", "issuer_street", "issuer_building",
        "issuer_postcode", "issuer_town", "reserve_iban", "reserve_bic", "ccas_name", "ccas_phone",
    )  # fmt: skip
    op.create_table(
        "territories",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("is_demo", sa.Boolean, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("code", name="uq_territories_code"),
        sa.PrimaryKeyConstraint("territory_id", name="pk_territories"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("wallet_id", sa.Integer, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_accounts"),
        sa.UniqueConstraint("territory_id", "id", "kind", name="uq_accounts_kind"),
        sa.UniqueConstraint(
            "territory_id", "wallet_id", "merchant_id", "kind", "programme_id", "expires_on", name="uq_accounts_owner"
        ),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_accounts_territory"),
        sa.CheckConstraint("id > 0", name="ck_accounts_id"),
        sa.CheckConstraint(f"kind BETWEEN 1 AND {KIND_MAX}", name="ck_accounts_kind"),
        sa.CheckConstraint(f"kind <> {PURSE} OR (wallet_id > 0 AND programme_id > 0)", name="ck_accounts_purse"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "balances",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("debits_cents", sa.BigInteger, nullable=False),
        sa.Column("credits_cents", sa.BigInteger, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("last_line_no", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "account_id", name="pk_balances"),
        sa.ForeignKeyConstraint(
            ["territory_id", "account_id", "kind"],
            ["accounts.territory_id", "accounts.id", "accounts.kind"],
            name="fk_balances_account",
        ),
        sa.CheckConstraint(
            f"(kind NOT IN ({CREDIT_LIMITED}) OR credits_cents >= debits_cents)"
            f" AND (kind NOT IN ({DEBIT_LIMITED}) OR debits_cents >= credits_cents)",
            name="ck_balances_not_below_zero",
        ),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )


def _entries() -> None:
    op.create_table(
        "journal_entries",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("happened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger, nullable=False),
        sa.Column("accounted_on", sa.Date, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("reverses_entry_id", sa.BigInteger, nullable=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_journal_entries"),
        sa.UniqueConstraint("territory_id", "key_digest", name="uq_journal_entries_key"),
        *(
            [
                sa.ForeignKeyConstraint(
                    ["territory_id"], ["ledger_heads.territory_id"], name="fk_journal_entries_territory"
                )
            ]
            if op.get_bind().dialect.name != "postgresql"
            else []
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "reverses_entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_journal_entries_reverses",
        ),
        sa.CheckConstraint("id > 0", name="ck_journal_entries_id"),
        sa.CheckConstraint(_identifier("caller", "a-z0-9:.-"), name="ck_journal_entries_caller"),
        sa.CheckConstraint(_identifier("reference", "A-Z0-9:/.-"), name="ck_journal_entries_reference"),
        sa.CheckConstraint("length(key_digest) = 32 AND length(leaf_hash) = 32", name="ck_journal_entries_digests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_journal_entries_accounted_on", "journal_entries", ["territory_id", "accounted_on"])
    # Partial: most entries reverse nothing, and a NULL costs an index row on both databases.
    op.create_index(
        "uq_journal_entries_reverses",
        "journal_entries",
        ["territory_id", "reverses_entry_id"],
        unique=True,
        sqlite_where=sa.text("reverses_entry_id IS NOT NULL"),
        postgresql_where=sa.text("reverses_entry_id IS NOT NULL"),
    )
    op.create_table(
        "transfers",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("line_no", sa.SmallInteger, nullable=False),
        sa.Column("debit_kind", sa.SmallInteger, nullable=False),
        sa.Column("credit_kind", sa.SmallInteger, nullable=False),
        sa.Column("debit_account_id", sa.BigInteger, nullable=False),
        sa.Column("credit_account_id", sa.BigInteger, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "entry_id", "line_no", name="pk_transfers"),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_transfers_entry",
            deferrable=True,
            initially="DEFERRED",
        ),
        *(
            sa.ForeignKeyConstraint(
                ["territory_id", f"{side}_account_id", f"{side}_kind"],
                ["accounts.territory_id", "accounts.id", "accounts.kind"],
                name=f"fk_transfers_{side}",
            )
            # On PostgreSQL transfers_count checks them for the whole statement: row by row they cost a third of it.
            for side in ("debit", "credit")
            if op.get_bind().dialect.name != "postgresql"
        ),
        sa.CheckConstraint(_whole_cents(), name="ck_transfers_amount"),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name="ck_transfers_accounts_differ"),
        sqlite_with_rowid=False,
    )
    for side in ("debit", "credit"):
        op.create_index(f"ix_transfers_{side}", "transfers", ["territory_id", f"{side}_account_id", "entry_id"])


def _heads() -> None:
    op.create_table(
        "ledger_heads",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("reserve_cents", sa.BigInteger, nullable=False),
        sa.Column("owed_cents", sa.BigInteger, nullable=False),
        sa.Column("counted_entry_id", sa.BigInteger, nullable=False),
        sa.Column("counted_line_no", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", name="pk_ledger_heads"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_ledger_heads_territory"),
    )
    op.create_table(
        "closed_periods",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "ends_on", name="pk_closed_periods"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_closed_periods_territory"),
        sa.CheckConstraint("starts_on < ends_on", name="ck_closed_periods_order"),
    )
    op.create_table(
        "log_heads",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("accounts_size", sa.BigInteger, nullable=False),
        sa.Column("accounts_root", sa.LargeBinary, nullable=False),
        sa.Column("accounts_frontier", sa.LargeBinary, nullable=False),
        sa.Column("sealed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "size", name="pk_log_heads"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_log_heads_territory"),
        sa.CheckConstraint("size > 0 AND length(root) = 32", name="ck_log_heads_root"),
    )


FUNCTIONS = (
    "ledger_append_only", "ledger_open_balances", "ledger_only_by_trigger", "ledger_fresh_head",
    "ledger_count_transfers", "ledger_number_entries", "ledger_close_in_order", "ledger_grow_log",
)  # fmt: skip


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _territories()
    _accounts()
    _heads()
    _entries()
    dialect = op.get_bind().dialect.name
    script = (SQL / f"0001_ledger.{dialect}.sql").read_text(encoding="utf-8")
    # SQLite takes one statement at a time; every trigger ends with END.
    statements = [script] if dialect == "postgresql" else [f"{part}END" for part in script.split("END;\n")[:-1]]
    for statement in statements:
        # no_parameters: a % in a message is a %.
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop the ledger: for rehearsals only, it forgets every entry."""
    for table in ("transfers", "journal_entries", "log_heads", "closed_periods", "balances", "accounts"):
        op.drop_table(table)
    op.drop_table("ledger_heads")
    op.drop_table("territories")
    if op.get_bind().dialect.name == "postgresql":
        for function in FUNCTIONS:
            op.get_bind().exec_driver_sql(f"DROP FUNCTION {function}()")
