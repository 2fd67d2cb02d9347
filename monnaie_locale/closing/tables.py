"""The tables of closes. Only this package imports this module; migrations 0007 and 0024 hold the constraints."""

from sqlalchemy import BigInteger, Column, Date, Integer, LargeBinary, SmallInteger, Table, Text

from monnaie_locale.closing.errors import (
    DocumentsNotKept,
    MakerIsChecker,
    MonthAlreadyClosed,
    ReopeningMakerIsChecker,
    ReopeningReasonMissing,
)
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

close_reopenings = Table(
    "close_reopenings",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("close_id", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=True),
    Column("approved_at_ms", BigInteger, nullable=True),
    Column("act", Text, nullable=False),
)

close_documents = Table(
    "close_documents",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("close_id", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("compressed", LargeBinary, nullable=False),
)

close_facts = Table(
    "close_facts",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("close_id", Integer, primary_key=True, autoincrement=False),
    Column("facts", Text, nullable=False),
)

close_runs = Table(
    "close_runs",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("period_ends_on", Date, nullable=False),
    Column("step", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("told_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger, nullable=True),
    Column("refusal_fr", Text, nullable=False),
)

names("ck_closes_two_people", MakerIsChecker)
names("ck_close_reopenings_two_people", ReopeningMakerIsChecker)
names("ck_close_reopenings_reason", ReopeningReasonMissing)
names("reopening_without_documents", DocumentsNotKept)
names("closes_final", MonthAlreadyClosed)
