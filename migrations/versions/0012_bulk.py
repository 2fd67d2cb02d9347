"""Keep the counting of a distribution flat while its town grows, on PostgreSQL, and check an opening once a statement.

A session plans the ledger's statements once, by the tables as they are: a distribution that begins with few purses went
on reading all of them for each of its chunks, and so did every till connected since before it.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What these look for is always found by a primary key: no other plan is right, however small the tables are today.
BY_KEY = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
FUNCTIONS = (
    "ledger_count_transfers()", "ledger_number_entries()", "ledger_open_batch(smallint, bytea[], bigint[])",
)  # fmt: skip
# The foreign key to the territory, for the whole statement, by its head, which nobody deletes. A balance needs none to
# its account: only this trigger inserts one, nobody deletes or renumbers either. Row by row both cost half an opening.
CHECKED_ONCE = """
CREATE OR REPLACE FUNCTION ledger_open_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added a WHERE NOT EXISTS (
    SELECT 1 FROM ledger_heads h WHERE h.territory_id = a.territory_id)) THEN
    RAISE foreign_key_violation USING MESSAGE = 'foreign key fk_accounts_territory: no such territory';
  END IF;
  INSERT INTO balances SELECT territory_id, id, kind, 0, 0, 0, 0 FROM added;
  RETURN NULL;
END $$
"""
UNCHECKED = """
CREATE OR REPLACE FUNCTION ledger_open_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO balances SELECT territory_id, id, kind, 0, 0, 0, 0 FROM added;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Tie the plans to the keys; check territories once a statement."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} {BY_KEY}")
    op.drop_constraint("fk_balances_account", "balances", type_="foreignkey")
    op.drop_constraint("fk_accounts_territory", "accounts", type_="foreignkey")
    op.execute(CHECKED_ONCE)


def downgrade() -> None:
    """Put the foreign keys back, and leave the plans to the tables' figures."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(UNCHECKED)
    op.create_foreign_key("fk_accounts_territory", "accounts", "territories", ["territory_id"], ["territory_id"])
    op.create_foreign_key(
        "fk_balances_account", "balances", "accounts",
        ["territory_id", "account_id", "kind"], ["territory_id", "id", "kind"],
    )  # fmt: skip
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} RESET ALL")
