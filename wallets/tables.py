"""Tables of wallets. Only `wallets` imports this module; migrations 0004 and 0014 to 0016 hold CHECKs and triggers."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata
from monnaie_locale.programmes.errors import MakerIsChecker
from wallets.errors import (
    CardEnded,
    CardSecretFrozen,
    HouseholdErased,
    PhoneCodeUsed,
    PhoneEnded,
    PhoneKeyInvalid,
    WalletMoveEnded,
)

OPEN = text("closed_at_ms IS NULL")

households = Table(
    "households",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("reference_digest", LargeBinary),
    Column("sealed", LargeBinary, nullable=False),
    Column("enrolled_at_ms", BigInteger, nullable=False),
    Column("erased_at_ms", BigInteger),
    UniqueConstraint("territory_id", "reference_digest", name="uq_households_reference"),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_households_territory"),
)

wallets = Table(
    "wallets",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("household_id", Integer, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger),
    ForeignKeyConstraint(
        ["territory_id", "household_id"], ["households.territory_id", "households.id"], name="fk_wallets_household"
    ),
    Index("uq_wallets_open", "territory_id", "household_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
)

# Cards that pay and whose PIN has not been typed since hashes cost what they cost today (`keyring.HASH_PREFIX`).
# Written out, as in the migration: a database finds a partial index only by the same words.
HASHED_BEFORE = text("state = 'active' AND substr(pin_hash, 1, 30) <> '$argon2id$v=19$m=7168,t=5,p=1$'")
ENDED = text("ended_at_ms IS NOT NULL")

cards = Table(
    "cards",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("wallet_id", Integer, nullable=False),
    Column("token_digest", LargeBinary, nullable=False),
    Column("number", Text, nullable=False),
    Column("pin_hash", Text, nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
    Column("unpinned_count", SmallInteger, nullable=False),
    Column("unpinned_cents", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    UniqueConstraint("territory_id", "token_digest", name="uq_cards_token_digest"),
    UniqueConstraint("territory_id", "number", name="uq_cards_number"),
    ForeignKeyConstraint(["territory_id", "wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_cards_wallet"),
    Index("ix_cards_wallet", "territory_id", "wallet_id"),
    Index("ix_cards_hashed_before", "territory_id", sqlite_where=HASHED_BEFORE, postgresql_where=HASHED_BEFORE),
    Index("ix_cards_ended", "territory_id", "ended_at_ms", sqlite_where=ENDED, postgresql_where=ENDED),
)

# What a PIN typed for no card writes, so that it costs what a wrong one costs.
decoy_tries = Table(
    "decoy_tries",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("tries", BigInteger, nullable=False),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_decoy_tries_territory"),
)

phones = Table(
    "phones",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("card_id", Integer, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("bound_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
    UniqueConstraint("territory_id", "public_key", name="uq_phones_public_key"),
    UniqueConstraint("territory_id", "card_id", "number", name="uq_phones_number"),
    ForeignKeyConstraint(["territory_id", "card_id"], ["cards.territory_id", "cards.id"], name="fk_phones_card"),
)

phone_payments = Table(
    "phone_payments",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("code_digest", LargeBinary, primary_key=True),
    Column("phone_id", Integer, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "entry_id", name="uq_phone_payments_entry"),
    ForeignKeyConstraint(
        ["territory_id", "phone_id"], ["phones.territory_id", "phones.id"], name="fk_phone_payments_phone"
    ),
    ForeignKeyConstraint(
        ["territory_id", "entry_id"],
        ["journal_entries.territory_id", "journal_entries.id"],
        name="fk_phone_payments_entry",
    ),
)

WAITING = text("state = 'prepared'")
wallet_moves = Table(
    "wallet_moves",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("from_wallet_id", Integer, nullable=False),
    Column("to_wallet_id", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_by", Text),
    Column("ended_at_ms", BigInteger),
    Column("entry_id", BigInteger),
    UniqueConstraint("territory_id", "entry_id", name="uq_wallet_moves_entry"),
    ForeignKeyConstraint(
        ["territory_id", "from_wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_wallet_moves_from"
    ),
    ForeignKeyConstraint(
        ["territory_id", "to_wallet_id"], ["wallets.territory_id", "wallets.id"], name="fk_wallet_moves_to"
    ),
    ForeignKeyConstraint(
        ["territory_id", "entry_id"],
        ["journal_entries.territory_id", "journal_entries.id"],
        name="fk_wallet_moves_entry",
    ),
    Index(
        "uq_wallet_moves_waiting",
        "territory_id",
        "from_wallet_id",
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
)

names("ck_wallet_moves_two_people", MakerIsChecker)
names("wallet_move_frozen", WalletMoveEnded)
names("card_secret_frozen", CardSecretFrozen)
names("card_ended", CardEnded)
names("household_erased", HouseholdErased)
names("phone_ended", PhoneEnded)
names("uq_phones_public_key", PhoneKeyInvalid)
names("pk_phone_payments", PhoneCodeUsed)
