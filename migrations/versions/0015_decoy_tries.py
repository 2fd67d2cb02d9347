"""A row to write when a PIN is typed for no card, so that it costs what a wrong PIN costs.

A wrong PIN writes to its card and waits for the disk; an invented number that wrote nothing would be answered sooner,
and tell by it that no card has this number. The rows are few, fixed, and hold nothing of what was typed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PLACES = 64


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "decoy_tries",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("place", sa.SmallInteger, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "place", name="pk_decoy_tries"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_decoy_tries_territory"),
        sa.CheckConstraint(f"place BETWEEN 0 AND {PLACES - 1}", name="ck_decoy_tries_place"),
        sa.CheckConstraint("tries > 0", name="ck_decoy_tries_tries"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("decoy_tries")
