"""How a refused offline charge ends: paid later by a new charge, or dismissed by the shop; once, and for good.

An index finds the offline charges of a card, for its holder's history; another the cards that ended last, for the list
that tills keep.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLE = "offline_ends"
DIGEST = 32
ENDED = sa.text("ended_at_ms IS NOT NULL")
# Only what was refused can end, and only by a charge of the same amount.
NOT_REFUSED = (
    "NOT EXISTS (SELECT 1 FROM offline_charges c WHERE c.territory_id = NEW.territory_id"
    " AND c.key_digest = NEW.key_digest AND c.refusal_code IS NOT NULL)"
)
OTHER_AMOUNT = (
    "NEW.entry_id IS NOT NULL AND (SELECT amount_cents FROM offline_charges c WHERE c.territory_id = NEW.territory_id"
    " AND c.key_digest = NEW.key_digest) <> (SELECT COALESCE(SUM(t.amount_cents), 0) FROM transfers t"
    " WHERE t.territory_id = NEW.territory_id AND t.entry_id = NEW.entry_id)"
)


def upgrade() -> None:
    """Create the table and the indexes, then the triggers of the dialect."""
    op.create_table(
        TABLE,
        sa.Column("territory_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=True),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("cashier_id", sa.Integer, nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "key_digest", name="pk_offline_ends"),
        sa.UniqueConstraint("territory_id", "entry_id", name="uq_offline_ends_entry"),
        sa.CheckConstraint(f"length(key_digest) = {DIGEST}", name="ck_offline_ends_digest"),
        sa.CheckConstraint(_caller("ended_by"), name="ck_offline_ends_ended_by"),
        sa.ForeignKeyConstraint(
            ["territory_id", "key_digest"], ["offline_charges.territory_id", "offline_charges.key_digest"],
            name="fk_offline_ends_charge",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"], ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_offline_ends_entry",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id", "cashier_id"], ["cashiers.territory_id", "cashiers.id"], name="fk_offline_ends_cashier"
        ),
    )  # fmt: skip
    op.create_index("ix_offline_charges_card", "offline_charges", ["territory_id", "card_digest"])
    op.create_index(
        "ix_cards_ended", "cards", ["territory_id", "ended_at_ms"], sqlite_where=ENDED, postgresql_where=ENDED
    )
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them: for rehearsals only."""
    op.drop_index("ix_cards_ended", "cards")
    op.drop_index("ix_offline_charges_card", "offline_charges")
    op.drop_table(TABLE)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {TABLE}_guard()")


def _caller(column: str) -> str:
    """Return the CHECK that keeps names out: "till:3" is a caller, a person's name is not."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} <> '' AND {column} !~ '[^a-z0-9:.-]'"
    return f"{column} <> '' AND {column} NOT GLOB '*[^a-z0-9:.-]*'"


# The *_fresh trigger: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
SQLITE = (
    f"""
CREATE TRIGGER {TABLE}_fresh BEFORE INSERT ON {TABLE} WHEN EXISTS
  (SELECT 1 FROM {TABLE} WHERE territory_id = NEW.territory_id
   AND (key_digest = NEW.key_digest OR entry_id = NEW.entry_id))
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {TABLE}'); END
""",
    f"""
CREATE TRIGGER {TABLE}_refused BEFORE INSERT ON {TABLE} WHEN {NOT_REFUSED}
BEGIN SELECT RAISE(ABORT, 'offline_end_of_nothing'); END
""",
    f"""
CREATE TRIGGER {TABLE}_amount BEFORE INSERT ON {TABLE} WHEN {OTHER_AMOUNT}
BEGIN SELECT RAISE(ABORT, 'offline_end_differs'); END
""",
    *(
        f"CREATE TRIGGER {TABLE}_no_{verb.lower()} BEFORE {verb} ON {TABLE}"
        " BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
)
POSTGRESQL = (
    f"""
CREATE FUNCTION {TABLE}_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN RAISE EXCEPTION 'append_only'; END IF;
  IF {NOT_REFUSED} THEN RAISE EXCEPTION 'offline_end_of_nothing'; END IF;
  IF {OTHER_AMOUNT} THEN RAISE EXCEPTION 'offline_end_differs'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER {TABLE}_guard BEFORE INSERT OR UPDATE OR DELETE ON {TABLE}
  FOR EACH ROW EXECUTE FUNCTION {TABLE}_guard();
CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE}
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
""",
)
