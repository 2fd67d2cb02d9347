"""The index of accounting days gives the numbers of each day, so that a month is found without reading its entries.

On SQLite the index of a table without row ids ends with the primary key already; on PostgreSQL the number is added.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

INDEX = "ix_journal_entries_accounted_on"


def upgrade() -> None:
    """Put the number behind the day."""
    _replace("territory_id", "accounted_on", "id")


def downgrade() -> None:
    """Take it out again."""
    _replace("territory_id", "accounted_on")


def _replace(*columns: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index(INDEX, "journal_entries")
    op.create_index(INDEX, "journal_entries", list(columns))
