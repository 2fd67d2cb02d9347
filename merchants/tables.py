"""Tables of the merchants. Only `merchants` imports it; migrations 5, 16 to 18, 21, 29 and 30 hold checks, triggers."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
)

from merchants.errors import OfflineChargeEnded, PaymentRequestUsed, RefundExceedsCharge, SiretAlreadyAdmitted
from merchants.payout_errors import CapAlreadyCertified, PayoutFrozen, PayoutLineRejected, PayoutSamePerson
from monnaie_locale.database.constraints import names
from monnaie_locale.database.metadata import metadata


def _territory() -> Column[int]:
    return Column("territory_id", SmallInteger, primary_key=True, autoincrement=False)


def _foreign(table: str, to: str, column: str, name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["territory_id", column], [f"{to}.territory_id", f"{to}.id"], name=f"fk_{table}_{name}")


merchants = Table(
    "merchants",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("siret", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("building", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("town", Text, nullable=False),
    Column("debt_limit_cents", BigInteger, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("admitted_by", Text, nullable=False),
    Column("admitted_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "siret", name="uq_merchants_siret"),
    UniqueConstraint("territory_id", "code", name="uq_merchants_code"),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_merchants_territory"),
)

tills = Table(
    "tills",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("merchant_id", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("pairing_digest", LargeBinary, nullable=True),
    Column("pairing_expires_at_ms", BigInteger, nullable=True),
    Column("paired_at_ms", BigInteger, nullable=True),
    Column("unpaired_at_ms", BigInteger, nullable=True),
    UniqueConstraint("territory_id", "pairing_digest", name="uq_tills_pairing"),
    _foreign("tills", "merchants", "merchant_id", "merchant"),
    Index("ix_tills_merchant", "territory_id", "merchant_id"),
)

abandoned_keys = Table(
    "abandoned_keys",
    metadata,
    _territory(),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("till_id", Integer, nullable=False),
    Column("abandoned_at_ms", BigInteger, nullable=False),
    _foreign("abandoned_keys", "tills", "till_id", "till"),
    Index("ix_abandoned_keys_till", "territory_id", "till_id"),
)

till_keys = Table(
    "till_keys",
    metadata,
    _territory(),
    Column("till_id", Integer, primary_key=True, autoincrement=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("registered_at_ms", BigInteger, nullable=False),
    _foreign("till_keys", "tills", "till_id", "till"),
)

offline_charges = Table(
    "offline_charges",
    metadata,
    _territory(),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("till_id", Integer, nullable=False),
    Column("signer", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("card_digest", LargeBinary, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("happened_at_ms", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=True),
    Column("refusal_code", Text, nullable=True),
    Column("refusal_sentence", Text, nullable=True),
    Column("acknowledged_at_ms", BigInteger, nullable=True),
    UniqueConstraint("territory_id", "signer", "sequence", name="uq_offline_charges_sequence"),
    _foreign("offline_charges", "tills", "till_id", "till"),
    _foreign("offline_charges", "journal_entries", "entry_id", "entry"),
    Index("ix_offline_charges_till", "territory_id", "till_id"),
    Index("ix_offline_charges_card", "territory_id", "card_digest"),
)

offline_ends = Table(
    "offline_ends",
    metadata,
    _territory(),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("entry_id", BigInteger, nullable=True),
    Column("ended_by", Text, nullable=False),
    Column("cashier_id", Integer, nullable=True),
    Column("ended_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "entry_id", name="uq_offline_ends_entry"),
    ForeignKeyConstraint(
        ["territory_id", "key_digest"],
        ["offline_charges.territory_id", "offline_charges.key_digest"],
        name="fk_offline_ends_charge",
    ),
    _foreign("offline_ends", "journal_entries", "entry_id", "entry"),
    _foreign("offline_ends", "cashiers", "cashier_id", "cashier"),
)

cashiers = Table(
    "cashiers",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("merchant_id", Integer, nullable=False),
    Column("sealed_name", LargeBinary, nullable=True),
    Column("code_hash", Text, nullable=True),
    Column("tries_left", SmallInteger, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
    Column("removed_at_ms", BigInteger, nullable=True),
    _foreign("cashiers", "merchants", "merchant_id", "merchant"),
    Index("ix_cashiers_merchant", "territory_id", "merchant_id"),
)

till_shifts = Table(
    "till_shifts",
    metadata,
    _territory(),
    Column("till_id", Integer, primary_key=True, autoincrement=False),
    Column("cashier_id", Integer, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    _foreign("till_shifts", "tills", "till_id", "till"),
    _foreign("till_shifts", "cashiers", "cashier_id", "cashier"),
)

charge_cashiers = Table(
    "charge_cashiers",
    metadata,
    _territory(),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("cashier_id", Integer, nullable=False),
    _foreign("charge_cashiers", "journal_entries", "entry_id", "entry"),
    _foreign("charge_cashiers", "cashiers", "cashier_id", "cashier"),
)

offline_limits = Table(
    "offline_limits",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("payment_cents", BigInteger, nullable=False),
    Column("card_day_cents", BigInteger, nullable=False),
    Column("till_cents", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_offline_limits_territory"),
)

payment_requests = Table(
    "payment_requests",
    metadata,
    _territory(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("code_digest", LargeBinary, nullable=False),
    Column("merchant_id", Integer, nullable=False),
    Column("till_id", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=True),
    Column("cancelled_at_ms", BigInteger, nullable=True),
    UniqueConstraint("territory_id", "code_digest", name="uq_payment_requests_code"),
    UniqueConstraint("territory_id", "entry_id", name="uq_payment_requests_entry"),
    _foreign("payment_requests", "merchants", "merchant_id", "merchant"),
    _foreign("payment_requests", "tills", "till_id", "till"),
    _foreign("payment_requests", "journal_entries", "entry_id", "entry"),
)

counter_cards = Table(
    "counter_cards",
    metadata,
    _territory(),
    Column("till_id", Integer, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
    UniqueConstraint("territory_id", "code", name="uq_counter_cards_code"),
    _foreign("counter_cards", "tills", "till_id", "till"),
)

refund_requests = Table(
    "refund_requests",
    metadata,
    _territory(),
    Column("charge_entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_id", Integer, nullable=False),
    Column("asked_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=True),
    _foreign("refund_requests", "journal_entries", "charge_entry_id", "charge"),
    _foreign("refund_requests", "merchants", "merchant_id", "merchant"),
    Index("ix_refund_requests_merchant", "territory_id", "merchant_id"),
)

charge_refunds = Table(
    "charge_refunds",
    metadata,
    _territory(),
    Column("charge_entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("charged_cents", BigInteger, nullable=False),
    Column("refunded_cents", BigInteger, nullable=False),
    _foreign("charge_refunds", "journal_entries", "charge_entry_id", "charge"),
)

payouts = Table(
    "payouts",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    Column("cutoff_on", Date, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("execution_on", Date, nullable=False),
    Column("pain_version", Text, nullable=False, server_default="09"),
    Column("state", Text, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("approved_by", Text, nullable=True),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("approved_at_ms", BigInteger, nullable=True),
    Column("sent_at_ms", BigInteger, nullable=True),
    Column("settled_at_ms", BigInteger, nullable=True),
    Column("cancelled_at_ms", BigInteger, nullable=True),
    UniqueConstraint("territory_id", "message_id", name="uq_payouts_message"),
    ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_payouts_territory"),
)

payout_lines = Table(
    "payout_lines",
    metadata,
    _territory(),
    Column("payout_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("merchant_id", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("recovered_cents", BigInteger, nullable=False),
    Column("fee_cents", BigInteger, nullable=False, server_default="0"),
    Column("end_to_end_id", Text, nullable=False),
    Column("rf_reference", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("name", Text, nullable=False),
    *(Column(name, Text, nullable=False, server_default="") for name in ("street", "building", "postcode", "town")),
    Column("state", Text, nullable=False),
    Column("recovery_entry_id", BigInteger, nullable=True),
    Column("order_entry_id", BigInteger, nullable=True),
    Column("settled_entry_id", BigInteger, nullable=True),
    Column("returned_entry_id", BigInteger, nullable=True),
    UniqueConstraint("territory_id", "end_to_end_id", name="uq_payout_lines_end_to_end"),
    UniqueConstraint("territory_id", "payout_id", "merchant_id", name="uq_payout_lines_merchant"),
    _foreign("payout_lines", "payouts", "payout_id", "payout"),
    _foreign("payout_lines", "merchants", "merchant_id", "merchant"),
    *(
        _foreign("payout_lines", "journal_entries", f"{step}_entry_id", step)
        for step in ("recovery", "order", "settled", "returned")
    ),
)

payout_rejections = Table(
    "payout_rejections",
    metadata,
    _territory(),
    Column("payout_id", Integer, primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

# A view: debits in suspense that name a rejected transfer (migrations 0027, 0028, 0031).
rejected_debits = table(
    "rejected_debits", column("territory_id"), column("merchant_id"), column("end_to_end_id"), column("waiting_cents")
)

payout_news = Table(
    "payout_news",
    metadata,
    _territory(),
    Column("bank_message_id", Integer, primary_key=True, autoincrement=False),
    Column("news_no", Integer, primary_key=True, autoincrement=False),
    Column("payout_id", Integer, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("told_on", Date, nullable=False),
    Index("ix_payout_news_line", "territory_id", "payout_id", "line_no"),
)

payout_terms = Table(
    "payout_terms",
    metadata,
    _territory(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("pain_version", Text, nullable=False),
    Column("minimum_cents", BigInteger, nullable=False),
    Column("fee_basis_points", Integer, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at_ms", BigInteger, nullable=False),
)

cap_certifications = Table(
    "cap_certifications",
    metadata,
    _territory(),
    Column("merchant_id", Integer, primary_key=True, autoincrement=False),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
)

cap_lapses = Table(
    "cap_lapses",
    metadata,
    _territory(),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant_id", Integer, nullable=False),
    Column("year", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
)

names("uq_merchants_siret", SiretAlreadyAdmitted)
# SQLite names the columns of a broken UNIQUE, not the constraint.
names("merchants.territory_id, merchants.siret", SiretAlreadyAdmitted)
names("ck_charge_refunds_not_above_charge", RefundExceedsCharge)
names("ck_payouts_two_people", PayoutSamePerson)
names("payout_preparer_fixed", PayoutFrozen)
names("payout_lines_frozen", PayoutFrozen)
names("payout_frozen", PayoutFrozen)
names("payout_line_rejected", PayoutLineRejected)
names("pk_cap_certifications", CapAlreadyCertified)
names("UNIQUE constraint failed: cap_certifications", CapAlreadyCertified)
names("payment_request_used", PaymentRequestUsed)
names("pk_offline_ends", OfflineChargeEnded)
names("UNIQUE constraint failed: offline_ends", OfflineChargeEnded)
