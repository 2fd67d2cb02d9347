"""The stored answers of writes that the journal's own keys do not cover."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from monnaie_locale.database.metadata import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("caller", Text, primary_key=True),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("answered_at_ms", BigInteger, nullable=False),
    CheckConstraint("length(key_digest) = 32", name="ck_idempotency_keys_key_digest"),
    CheckConstraint("length(request_digest) = 32", name="ck_idempotency_keys_request_digest"),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_idempotency_keys_territory"),
)
