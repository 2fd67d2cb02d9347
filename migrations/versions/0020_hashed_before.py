"""Find at once whether a card that pays still has a PIN's hash of the old cost: until none has, each check costs both.

The prefix is that of `monnaie_locale.keyring` when this migration was written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

HASHED_BEFORE = sa.text("state = 'active' AND substr(pin_hash, 1, 30) <> '$argon2id$v=19$m=7168,t=5,p=1$'")


def upgrade() -> None:
    """Create the index, which is empty once each old PIN has been typed."""
    op.create_index(
        "ix_cards_hashed_before",
        "cards",
        ["territory_id"],
        sqlite_where=HASHED_BEFORE,
        postgresql_where=HASHED_BEFORE,
    )


def downgrade() -> None:
    """Drop it: for rehearsals only."""
    op.drop_index("ix_cards_hashed_before", table_name="cards")
