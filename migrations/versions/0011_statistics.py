"""Tell SQLite how many accounts a town has, before it has them: without figures it reads all of them to find a purse.

SQLite plans by `sqlite_stat1`, and guesses ten rows a town when it is empty; nobody can be counted on to run ANALYZE.
PostgreSQL keeps its own figures.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Rows in all, then rows for each value of the first column, of the first two, and so on: a town of 100,000 wallets.
FIGURES = {
    ("territory_id", "id"): "100000 100000 1",
    ("territory_id", "id", "kind"): "100000 100000 1 1",
    ("territory_id", "wallet_id", "merchant_id", "kind", "programme_id", "expires_on"): "100000 100000 4 2 2 2 1",
}


def upgrade() -> None:
    """Write the figures of the table of accounts; an ANALYZE replaces them by those of the day."""
    if op.get_bind().dialect.name == "postgresql":
        return
    # Of a small table: it makes sqlite_stat1, which nobody else may.
    op.execute("ANALYZE alembic_version")
    op.execute("DELETE FROM sqlite_stat1 WHERE tbl IN ('accounts', 'alembic_version')")
    for index in op.get_bind().exec_driver_sql("PRAGMA index_list('accounts')").all():
        columns = tuple(row[2] for row in op.get_bind().exec_driver_sql(f"PRAGMA index_info('{index[1]}')").all())
        figures = FIGURES[columns]
        # The primary key of a table without row numbers is known by the table's own name.
        name = "accounts" if index[3] == "pk" else index[1]
        op.get_bind().exec_driver_sql("INSERT INTO sqlite_stat1 VALUES ('accounts', ?, ?)", (name, figures))


def downgrade() -> None:
    """Forget them."""
    if op.get_bind().dialect.name != "postgresql":
        op.execute("DELETE FROM sqlite_stat1 WHERE tbl = 'accounts'")
