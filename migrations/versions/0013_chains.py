"""Each transfer names the entry that moved its accounts before it: an account's history is a chain, newest first.

It takes the place of two indexes. An index on accounts is written at random places, and on SQLite half of the pages of
a commit were theirs; the chain is written with the row. On SQLite the table is made anew, and without the foreign keys
to accounts: the count of a batch (0008) refuses an account that is not there, as on PostgreSQL.
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parents[1] / "sql"
SIDES = ("debit", "credit")
# What an account's last entry before this one is: the later of those that debited and of those that credited it.
EARLIER = (
    "coalesce((SELECT max(p.entry_id) FROM transfers p WHERE p.territory_id = t.territory_id"
    " AND p.{other}_account_id = t.{side}_account_id AND p.entry_id < t.entry_id), 0)"
)
CHAIN = (
    "{side}_previous_id BIGINT NOT NULL DEFAULT 0"
    " CONSTRAINT ck_transfers_{side}_chain CHECK ({side}_previous_id >= 0 AND {side}_previous_id < entry_id)"
)
TO_ACCOUNTS = (
    "CONSTRAINT fk_transfers_{side} FOREIGN KEY (territory_id, {side}_account_id, {side}_kind)"
    " REFERENCES accounts (territory_id, id, kind)"
)
# As 0001 made it, but for what stands in braces.
SQLITE_TABLE = """
CREATE TABLE transfers_new (
  territory_id SMALLINT NOT NULL, entry_id BIGINT NOT NULL, line_no SMALLINT NOT NULL,
  debit_kind SMALLINT NOT NULL, credit_kind SMALLINT NOT NULL,
  debit_account_id BIGINT NOT NULL, credit_account_id BIGINT NOT NULL, amount_cents BIGINT NOT NULL,
  {chain}CONSTRAINT pk_transfers PRIMARY KEY (territory_id, entry_id, line_no),
  CONSTRAINT fk_transfers_entry FOREIGN KEY (territory_id, entry_id) REFERENCES journal_entries (territory_id, id)
    DEFERRABLE INITIALLY DEFERRED,
  {to_accounts}CONSTRAINT ck_transfers_amount
    CHECK (typeof(amount_cents) = 'integer' AND amount_cents > 0 AND amount_cents <= 9007199254740991),
  CONSTRAINT ck_transfers_accounts_differ CHECK (debit_account_id <> credit_account_id)
) WITHOUT ROWID
"""
COLUMNS = "territory_id, entry_id, line_no, debit_kind, credit_kind, debit_account_id, credit_account_id, amount_cents"
# As 0012 tied the plans of that function to the keys: whoever replaces a function takes its settings away.
BY_KEY = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
# The balances that a batch of 0008 reads, and the last entry of each.
HELD_BEFORE = "json_build_array(b.account_id, b.kind, b.debits_cents, b.credits_cents)"
HELD = "json_build_array(b.account_id, b.kind, b.debits_cents, b.credits_cents, b.last_entry_id)"


def upgrade() -> None:
    """Add the chain, fill it, drop the indexes."""
    if op.get_bind().dialect.name != "postgresql":
        chain = "".join(f"{CHAIN.format(side=side)}, " for side in SIDES)
        filled = ", ".join(_earlier(side, greatest="max") for side in SIDES)
        _rebuild(chain, "", f"SELECT {COLUMNS}, {filled} FROM transfers t")
        return
    for side in SIDES:
        op.execute(f"ALTER TABLE transfers ADD COLUMN {CHAIN.format(side=side)}")
    filled = ", ".join(f"{side}_previous_id = {_earlier(side, greatest='greatest')}" for side in SIDES)
    op.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
    op.execute(f"UPDATE transfers t SET {filled}")
    op.execute("ALTER TABLE transfers ENABLE TRIGGER transfers_append_only")
    for side in SIDES:
        op.drop_index(f"ix_transfers_{side}", "transfers")
    _make_opening(HELD)


def downgrade() -> None:
    """Put the indexes back, and on SQLite the foreign keys."""
    if op.get_bind().dialect.name == "postgresql":
        _make_opening(HELD_BEFORE)
        for side in SIDES:
            op.execute(f"ALTER TABLE transfers DROP COLUMN {side}_previous_id")
    else:
        to_accounts = "".join(f"{TO_ACCOUNTS.format(side=side)}, " for side in SIDES)
        _rebuild("", to_accounts, f"SELECT {COLUMNS} FROM transfers")
    for side in SIDES:
        op.create_index(f"ix_transfers_{side}", "transfers", ["territory_id", f"{side}_account_id", "entry_id"])


def _earlier(side: str, *, greatest: str) -> str:
    return f"{greatest}({', '.join(EARLIER.format(side=side, other=other) for other in SIDES)})"


def _rebuild(chain: str, to_accounts: str, rows: str) -> None:
    """Make SQLite's table of transfers anew, with its rows and its triggers."""
    run = op.get_bind().exec_driver_sql
    triggers = run("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'transfers'").scalars().all()
    run(SQLITE_TABLE.format(chain=chain, to_accounts=to_accounts))
    run(f"INSERT INTO transfers_new {rows}")
    run("DROP TABLE transfers")
    # The triggers of other tables speak of transfers, which is not there for a moment: they are left as they are.
    run("PRAGMA legacy_alter_table = ON")
    run("ALTER TABLE transfers_new RENAME TO transfers")
    run("PRAGMA legacy_alter_table = OFF")
    for trigger in triggers:
        run(trigger)


def _make_opening(held: str) -> None:
    """Make what a batch reads before it decides give the accounts' last entries too, or no longer."""
    script = (SQL / "0008_counting.postgresql.sql").read_text(encoding="utf-8")
    function = script[script.index("CREATE FUNCTION ledger_open_batch") :].partition("END $$;")[0]
    statement = function.replace("CREATE", "CREATE OR REPLACE", 1).replace(HELD_BEFORE, held)
    op.get_bind().exec_driver_sql(f"{statement}END $$", execution_options={"no_parameters": True})
    op.execute(f"ALTER FUNCTION ledger_open_batch(smallint, bytea[], bigint[]) {BY_KEY}")
