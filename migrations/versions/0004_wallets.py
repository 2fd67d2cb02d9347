"""Households, wallets and cards.

Held here, by the database: a card's secret never changes, a card that ended stays ended, tries and limits without PIN
stay within their bounds, an erased household stays erased, a distribution names only wallets that exist.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Five wrong PINs at most; technical regulation (EU) 2018/389, article 11: five payments or 150 € without PIN.
TRIES_MAX = 5
UNPINNED_MAX = 5
UNPINNED_MAX_CENTS = 15_000
TABLES = ("cards", "wallets", "households")


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _create_households()
    _create_wallets()
    _create_cards()
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_FUNCTIONS]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them, with their triggers."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    where = " ON distribution_lines" if on_postgresql else ""
    op.execute(f"DROP TRIGGER distribution_lines_wallet{where}")
    for table in TABLES:
        op.drop_table(table)
    if on_postgresql:
        for function in FUNCTIONS:
            op.execute(f"DROP FUNCTION {function}()")


def _digits(column: str) -> str:
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} !~ '[^0-9]'"
    return f"{column} NOT GLOB '*[^0-9]*'"


def _create_households() -> None:
    op.create_table(
        "households",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("reference_digest", sa.LargeBinary, nullable=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("enrolled_at_ms", sa.BigInteger, nullable=False),
        sa.Column("erased_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_households"),
        sa.UniqueConstraint("territory_id", "reference_digest", name="uq_households_reference"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_households_territory"),
        sa.CheckConstraint(
            "reference_digest IS NULL OR length(reference_digest) = 32", name="ck_households_reference_digest"
        ),
        # Erased means erased: neither the sealed identity nor the digest by which it was found.
        sa.CheckConstraint(
            "(erased_at_ms IS NULL) = (reference_digest IS NOT NULL) AND (erased_at_ms IS NULL) = (length(sealed) > 0)",
            name="ck_households_erased",
        ),
    )


def _create_wallets() -> None:
    op.create_table(
        "wallets",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("household_id", sa.Integer, nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_wallets"),
        sa.ForeignKeyConstraint(
            ["territory_id", "household_id"],
            ["households.territory_id", "households.id"],
            name="fk_wallets_household",
        ),
        sa.CheckConstraint("id > 0", name="ck_wallets_id"),
        sa.CheckConstraint("closed_at_ms IS NULL OR closed_at_ms >= opened_at_ms", name="ck_wallets_closed"),
    )
    # A distribution names a household: it must find one open wallet.
    op.create_index(
        "uq_wallets_open",
        "wallets",
        ["territory_id", "household_id"],
        unique=True,
        sqlite_where=sa.text("closed_at_ms IS NULL"),
        postgresql_where=sa.text("closed_at_ms IS NULL"),
    )


def _create_cards() -> None:
    op.create_table(
        "cards",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("wallet_id", sa.Integer, nullable=False),
        sa.Column("token_digest", sa.LargeBinary, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("pin_hash", sa.Text, nullable=False),
        sa.Column("tries_left", sa.SmallInteger, nullable=False),
        sa.Column("unpinned_count", sa.SmallInteger, nullable=False),
        sa.Column("unpinned_cents", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_cards"),
        sa.UniqueConstraint("territory_id", "token_digest", name="uq_cards_token_digest"),
        sa.UniqueConstraint("territory_id", "number", name="uq_cards_number"),
        sa.ForeignKeyConstraint(
            ["territory_id", "wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_cards_wallet"
        ),
        sa.CheckConstraint("length(token_digest) = 32", name="ck_cards_token_digest"),
        sa.CheckConstraint(f"length(number) = 10 AND {_digits('number')}", name="ck_cards_number"),
        # A PIN in clear is four characters: only the form of an argon2id hash goes in.
        sa.CheckConstraint("pin_hash LIKE '$argon2id$%'", name="ck_cards_pin_hash"),
        sa.CheckConstraint(f"tries_left BETWEEN 0 AND {TRIES_MAX}", name="ck_cards_tries_left"),
        sa.CheckConstraint(f"unpinned_count BETWEEN 0 AND {UNPINNED_MAX}", name="ck_cards_unpinned_count"),
        sa.CheckConstraint(f"unpinned_cents BETWEEN 0 AND {UNPINNED_MAX_CENTS}", name="ck_cards_unpinned_cents"),
        sa.CheckConstraint("state IN ('active', 'blocked', 'replaced')", name="ck_cards_state"),
        sa.CheckConstraint("(state = 'active') = (ended_at_ms IS NULL)", name="ck_cards_ended"),
    )
    op.create_index("ix_cards_wallet", "cards", ["territory_id", "wallet_id"])


# ---------------------------------------------------------------------------------------------------- SQLite
# The *_fresh trigger: INSERT OR REPLACE deletes the older row without firing the DELETE trigger.
_CARD_FIXED = ("territory_id", "id", "wallet_id", "token_digest", "number", "issued_at_ms")


def _changed(columns: tuple[str, ...], operator: str) -> str:
    return " OR ".join(f"NEW.{column} {operator} OLD.{column}" for column in columns)


SQLITE_TRIGGERS = f"""
CREATE TRIGGER cards_fresh BEFORE INSERT ON cards
WHEN NEW.state <> 'active' OR EXISTS (SELECT 1 FROM cards WHERE territory_id = NEW.territory_id
  AND (id = NEW.id OR token_digest = NEW.token_digest OR number = NEW.number))
BEGIN SELECT RAISE(ABORT, 'card_not_fresh'); END;

CREATE TRIGGER cards_keep BEFORE UPDATE ON cards
BEGIN
  SELECT RAISE(ABORT, 'card_secret_frozen') WHERE {_changed(_CARD_FIXED, "IS NOT")};
  SELECT RAISE(ABORT, 'card_ended')
  WHERE OLD.state <> 'active' AND (NEW.state IS NOT OLD.state OR NEW.ended_at_ms IS NOT OLD.ended_at_ms);
END;

CREATE TRIGGER cards_no_delete BEFORE DELETE ON cards
BEGIN SELECT RAISE(ABORT, 'card_ended'); END;

CREATE TRIGGER households_keep BEFORE UPDATE ON households
WHEN OLD.erased_at_ms IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'household_erased'); END;

CREATE TRIGGER distribution_lines_wallet BEFORE INSERT ON distribution_lines
WHEN NOT EXISTS (SELECT 1 FROM wallets
  WHERE territory_id = NEW.territory_id AND id = NEW.wallet_id AND closed_at_ms IS NULL)
BEGIN SELECT RAISE(ABORT, 'distribution_wallet_unknown'); END;
"""

# ------------------------------------------------------------------------------------------------ PostgreSQL

POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION wallets_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;

CREATE FUNCTION wallets_keep_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'active' THEN RAISE EXCEPTION 'card_not_fresh'; END IF;
    RETURN NEW;
  END IF;
  IF {_changed(_CARD_FIXED, "IS DISTINCT FROM")} THEN RAISE EXCEPTION 'card_secret_frozen'; END IF;
  IF OLD.state <> 'active'
    AND (NEW.state IS DISTINCT FROM OLD.state OR NEW.ended_at_ms IS DISTINCT FROM OLD.ended_at_ms) THEN
    RAISE EXCEPTION 'card_ended';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION wallets_keep_household() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.erased_at_ms IS NOT NULL THEN RAISE EXCEPTION 'household_erased'; END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION wallets_known_to_distribution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM wallets
    WHERE territory_id = NEW.territory_id AND id = NEW.wallet_id AND closed_at_ms IS NULL) THEN
    RAISE EXCEPTION 'distribution_wallet_unknown';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER cards_keep BEFORE INSERT OR UPDATE ON cards FOR EACH ROW EXECUTE FUNCTION wallets_keep_card();
CREATE TRIGGER cards_no_delete BEFORE DELETE ON cards
  FOR EACH ROW EXECUTE FUNCTION wallets_frozen('card_ended');
CREATE TRIGGER cards_no_truncate BEFORE TRUNCATE ON cards
  FOR EACH STATEMENT EXECUTE FUNCTION wallets_frozen('card_ended');
CREATE TRIGGER households_keep BEFORE UPDATE ON households
  FOR EACH ROW EXECUTE FUNCTION wallets_keep_household();
CREATE TRIGGER distribution_lines_wallet BEFORE INSERT ON distribution_lines
  FOR EACH ROW EXECUTE FUNCTION wallets_known_to_distribution();
"""
FUNCTIONS = ("wallets_frozen", "wallets_keep_card", "wallets_keep_household", "wallets_known_to_distribution")
