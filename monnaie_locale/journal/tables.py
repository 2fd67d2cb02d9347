"""Ledger tables. Only `monnaie_locale.journal` imports this module; migration 0001 holds constraints and triggers."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, LargeBinary, SmallInteger, Table, Text, text

from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata
from monnaie_locale.journal.errors import ClosedBeforeReopened, PeriodAlreadyClosed, PeriodNotLast, PeriodOutOfOrder
from monnaie_locale.ledger.errors import AlreadyReversed, InsufficientFunds, IssueExceedsReserve, PeriodClosed

territories = Table(
    "territories",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency_name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("issuer_name", Text, nullable=False),
    Column("issuer_siret", Text, nullable=False),
    Column("issuer_street", Text, nullable=False),
    Column("issuer_building", Text, nullable=False),
    Column("issuer_postcode", Text, nullable=False),
    Column("issuer_town", Text, nullable=False),
    Column("reserve_iban", Text, nullable=False),
    Column("reserve_bic", Text, nullable=False),
    Column("ccas_name", Text, nullable=False),
    Column("ccas_phone", Text, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("programme_id", Integer, nullable=False),
    Column("wallet_id", Integer, nullable=False),
    Column("merchant_id", Integer, nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
)

balances = Table(
    "balances",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("debits_cents", BigInteger, nullable=False),
    Column("credits_cents", BigInteger, nullable=False),
    Column("last_entry_id", BigInteger, nullable=False),
    Column("last_line_no", SmallInteger, nullable=False),
)

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("happened_at_ms", BigInteger, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("accounted_on", Date, nullable=False),
    Column("caller", Text, nullable=False),
    Column("key_digest", LargeBinary, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("reverses_entry_id", BigInteger, nullable=True),
    Column("reference", Text, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
)

transfers = Table(
    "transfers",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("line_no", SmallInteger, primary_key=True, autoincrement=False),
    Column("debit_kind", SmallInteger, nullable=False),
    Column("credit_kind", SmallInteger, nullable=False),
    Column("debit_account_id", BigInteger, nullable=False),
    Column("credit_account_id", BigInteger, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("debit_previous_id", BigInteger, nullable=False, server_default=text("0")),
    Column("credit_previous_id", BigInteger, nullable=False, server_default=text("0")),
)

ledger_heads = Table(
    "ledger_heads",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("last_entry_id", BigInteger, nullable=False),
    Column("reserve_cents", BigInteger, nullable=False),
    Column("owed_cents", BigInteger, nullable=False),
    Column("counted_entry_id", BigInteger, nullable=False),
    Column("counted_line_no", SmallInteger, nullable=False),
)

closed_periods = Table(
    "closed_periods",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("ends_on", Date, primary_key=True),
    Column("starts_on", Date, nullable=False),
    Column("last_entry_id", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=False),
)

# Every lock of a month that was let go: as it was, and where the books stood then.
reopened_periods = Table(
    "reopened_periods",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("ends_on", Date, primary_key=True),
    Column("closed_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("starts_on", Date, nullable=False),
    Column("last_entry_id", BigInteger, nullable=False),
    Column("reopened_entry_id", BigInteger, nullable=False),
    Column("reopened_at_ms", BigInteger, nullable=False),
)

# What each account was debited and credited by the end of a month, as its close kept it.
period_balances = Table(
    "period_balances",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("ends_on", Date, primary_key=True),
    Column("closed_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("debits_cents", BigInteger, nullable=False),
    Column("credits_cents", BigInteger, nullable=False),
)

period_flows = Table(
    "period_flows",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True, autoincrement=False),
    Column("ends_on", Date, primary_key=True),
    Column("closed_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("programme_id", Integer, primary_key=True, autoincrement=False),
    Column("debit_kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("credit_kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("amount_cents", BigInteger, nullable=False),
)

log_heads = Table(
    "log_heads",
    metadata,
    Column("territory_id", SmallInteger, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("accounts_size", BigInteger, nullable=False),
    Column("accounts_root", LargeBinary, nullable=False),
    Column("accounts_frontier", LargeBinary, nullable=False),
    Column("sealed_at_ms", BigInteger, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

names("ck_balances_not_below_zero", InsufficientFunds)
names("issue_exceeds_reserve", IssueExceedsReserve)
names("period_closed", PeriodClosed)
names("period_already_closed", PeriodAlreadyClosed)
names("period_out_of_order", PeriodOutOfOrder)
names("reopening_not_last", PeriodNotLast)
names("closed_before_reopened", ClosedBeforeReopened)
names("uq_journal_entries_reverses", AlreadyReversed)
