"""The tables of the chart. Only this package imports this module; migration 0025 holds constraints and triggers."""

from sqlalchemy import BigInteger, Column, Date, Integer, SmallInteger, Table, Text

from monnaie_locale.chart.errors import ChartFrozen, ChartYearClosed
from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata

chart_accounts = Table(
    "chart_accounts",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("book", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("programme_id", Integer, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("code", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at_ms", BigInteger, nullable=False),
)

chart_confirmations = Table(
    "chart_confirmations",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("book", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("programme_id", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("confirmed_by", Text, nullable=False),
    Column("confirmed_at_ms", BigInteger, nullable=False),
)

names("chart_year_closed", ChartYearClosed)
names("chart_frozen", ChartFrozen)
