"""The table of closes. Only this package imports this module; migration 0007 holds constraints and triggers."""

from sqlalchemy import BigInteger, Column, Date, Integer, SmallInteger, Table, Text

from monnaie_locale.closing.errors import MakerIsChecker, MonthAlreadyClosed
from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata

closes = Table(
    "closes",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("period_starts_on", Date, nullable=False),
    Column("period_ends_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("approved_by", Text, nullable=True),
    Column("carried_reason", Text, nullable=False),
    Column("checklist", Text, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=True),
)

names("ck_closes_two_people", MakerIsChecker)
names("closes_final", MonthAlreadyClosed)
