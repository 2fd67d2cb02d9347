"""Tables of programmes. Only `monnaie_locale.programmes` imports this module; triggers: migrations 0003, 0019."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata
from monnaie_locale.programmes.errors import (
    DistributionFrozen,
    DistributionNotApproved,
    DistributionWalletTwice,
    DistributionWalletUnknown,
    FundingAlreadyReceived,
    GuaranteeMoveEnded,
    MakerIsChecker,
    ProgrammeNameTaken,
)


def _programme_key(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["territory_id", "programme_id"], ["programmes.territory_id", "programmes.id"], name=f"fk_{table}_programme"
    )


programmes = Table(
    "programmes",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("decision_reference", Text, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("budget_cents", BigInteger, nullable=False),
    Column("pin_rule", Text, nullable=False),
    Column("pin_above_cents", BigInteger, nullable=False),
    Column("grace_days", SmallInteger, nullable=False),
    Column("expired_goes_to", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "name", name="uq_programmes_name"),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_programmes_territory"),
)

programme_categories = Table(
    "programme_categories",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("programme_id", Integer, primary_key=True, autoincrement=False),
    Column("category", Text, primary_key=True),
    _programme_key("programme_categories"),
)

funding_orders = Table(
    "funding_orders",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("programme_id", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("entry_id", BigInteger),
    Column("prepared_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "reference", name="uq_funding_orders_reference"),
    UniqueConstraint("territory_id", "entry_id", name="uq_funding_orders_entry"),
    _programme_key("funding_orders"),
    ForeignKeyConstraint(
        ["territory_id", "entry_id"],
        ["journal_entries.territory_id", "journal_entries.id"],
        name="fk_funding_orders_entry",
    ),
)

distributions = Table(
    "distributions",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("programme_id", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("line_count", Integer, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("posted_through_line", Integer, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    _programme_key("distributions"),
)

distribution_lines = Table(
    "distribution_lines",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("distribution_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("wallet_id", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "distribution_id", "wallet_id", name="uq_distribution_lines_wallet"),
    ForeignKeyConstraint(
        ["territory_id", "distribution_id"],
        ["distributions.territory_id", "distributions.id"],
        name="fk_distribution_lines_distribution",
    ),
)

guarantee_moves = Table(
    "guarantee_moves",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("programme_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_by", Text),
    Column("ended_at_ms", BigInteger),
    Column("entry_id", BigInteger),
    UniqueConstraint("territory_id", "entry_id", name="uq_guarantee_moves_entry"),
    _programme_key("guarantee_moves"),
    ForeignKeyConstraint(
        ["territory_id", "entry_id"],
        ["journal_entries.territory_id", "journal_entries.id"],
        name="fk_guarantee_moves_entry",
    ),
)

names("ck_guarantee_moves_two_people", MakerIsChecker)
names("guarantee_move_frozen", GuaranteeMoveEnded)
names("ck_distributions_two_people", MakerIsChecker)
names("ck_distributions_approved", DistributionNotApproved)
names("uq_programmes_name", ProgrammeNameTaken)
names("uq_distribution_lines_wallet", DistributionWalletTwice)
names("distribution_wallet_unknown", DistributionWalletUnknown)
for broken in ("distribution_frozen", "distribution_approval_frozen", "distribution_step", "distribution_progress",
               "distribution_lines_frozen", "distribution_sums", "distribution_not_fresh"):  # fmt: skip
    names(broken, DistributionFrozen)
names("funding_order_frozen", FundingAlreadyReceived)
