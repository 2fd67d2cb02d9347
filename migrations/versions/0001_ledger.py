"""The ledger: territories, accounts, balances, transfers, journal entries, closed periods, log heads.

The invariants of docs/ARCHITECTURE.md are held here, by the database, whatever the code above does:
a transfer cannot be unbalanced, a counter changes only with a transfer, a purse cannot go below zero, an issue cannot
exceed the reserve, a written row cannot change, numbers have no gap, a closed month takes no entry.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

CENTS_MAX = 2**53 - 1
NEVER = "9999-12-31"
# Account kinds (monnaie_locale.ledger.accounts.AccountKind), repeated because a migration imports no code of ours.
RESERVE, FUNDS, PURSE = 1, 2, 3
CREDIT_LIMITED = "2, 3, 4, 5, 6"
DEBIT_LIMITED = "7"
OWED = "3, 4, 5, 6"
KIND_MAX = 11
APPEND_ONLY = ("accounts", "journal_entries", "transfers", "closed_periods", "log_heads")


def _identifier(column: str, allowed: str) -> str:
    """Return the CHECK that keeps names out: only the characters of identifiers, in either dialect."""
    if op.get_bind().dialect.name == "postgresql":
        return f"{column} !~ '[^{allowed}]'"
    return f"{column} NOT GLOB '*[^{allowed}]*'"


def _territories() -> None:
    texts = (
        "code", "name", "currency_name", "host", "issuer_name", "issuer_siret", "issuer_street", "issuer_building",
        "issuer_postcode", "issuer_town", "reserve_iban", "reserve_bic", "ccas_name", "ccas_phone",
    )  # fmt: skip
    op.create_table(
        "territories",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("is_demo", sa.Boolean, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("code", name="uq_territories_code"),
        sa.PrimaryKeyConstraint("territory_id", name="pk_territories"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("programme_id", sa.Integer, nullable=False),
        sa.Column("wallet_id", sa.Integer, nullable=False),
        sa.Column("merchant_id", sa.Integer, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_accounts"),
        sa.UniqueConstraint("territory_id", "id", "kind", name="uq_accounts_kind"),
        sa.UniqueConstraint(
            "territory_id", "wallet_id", "merchant_id", "kind", "programme_id", "expires_on", name="uq_accounts_owner"
        ),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_accounts_territory"),
        sa.CheckConstraint(f"kind BETWEEN 1 AND {KIND_MAX}", name="ck_accounts_kind"),
        sa.CheckConstraint(f"kind <> {PURSE} OR (wallet_id > 0 AND programme_id > 0)", name="ck_accounts_purse"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "balances",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("debits_cents", sa.BigInteger, nullable=False),
        sa.Column("credits_cents", sa.BigInteger, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("last_line_no", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "account_id", name="pk_balances"),
        sa.ForeignKeyConstraint(
            ["territory_id", "account_id", "kind"],
            ["accounts.territory_id", "accounts.id", "accounts.kind"],
            name="fk_balances_account",
        ),
        sa.CheckConstraint(
            f"(kind NOT IN ({CREDIT_LIMITED}) OR credits_cents >= debits_cents)"
            f" AND (kind NOT IN ({DEBIT_LIMITED}) OR debits_cents >= credits_cents)",
            name="ck_balances_not_below_zero",
        ),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )


def _entries() -> None:
    op.create_table(
        "journal_entries",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("happened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger, nullable=False),
        sa.Column("accounted_on", sa.Date, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("reverses_entry_id", sa.BigInteger, nullable=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "id", name="pk_journal_entries"),
        sa.UniqueConstraint("territory_id", "key_digest", name="uq_journal_entries_key"),
        sa.UniqueConstraint("territory_id", "reverses_entry_id", name="uq_journal_entries_reverses"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_journal_entries_territory"),
        sa.ForeignKeyConstraint(
            ["territory_id", "reverses_entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_journal_entries_reverses",
        ),
        sa.CheckConstraint(_identifier("caller", "a-z0-9:.-"), name="ck_journal_entries_caller"),
        sa.CheckConstraint(_identifier("reference", "A-Z0-9:/.-"), name="ck_journal_entries_reference"),
        sa.CheckConstraint("length(key_digest) = 32 AND length(leaf_hash) = 32", name="ck_journal_entries_digests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_journal_entries_accounted_on", "journal_entries", ["territory_id", "accounted_on"])
    op.create_table(
        "transfers",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("line_no", sa.SmallInteger, nullable=False),
        sa.Column("debit_kind", sa.SmallInteger, nullable=False),
        sa.Column("credit_kind", sa.SmallInteger, nullable=False),
        sa.Column("debit_account_id", sa.BigInteger, nullable=False),
        sa.Column("credit_account_id", sa.BigInteger, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "entry_id", "line_no", name="pk_transfers"),
        sa.ForeignKeyConstraint(
            ["territory_id", "entry_id"],
            ["journal_entries.territory_id", "journal_entries.id"],
            name="fk_transfers_entry",
            deferrable=True,
            initially="DEFERRED",
        ),
        *(
            sa.ForeignKeyConstraint(
                ["territory_id", f"{side}_account_id", f"{side}_kind"],
                ["accounts.territory_id", "accounts.id", "accounts.kind"],
                name=f"fk_transfers_{side}",
            )
            for side in ("debit", "credit")
        ),
        sa.CheckConstraint(f"amount_cents > 0 AND amount_cents <= {CENTS_MAX}", name="ck_transfers_amount"),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name="ck_transfers_accounts_differ"),
        sqlite_with_rowid=False,
    )
    for side in ("debit", "credit"):
        op.create_index(f"ix_transfers_{side}", "transfers", ["territory_id", f"{side}_account_id", "entry_id"])


def _heads() -> None:
    op.create_table(
        "ledger_heads",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("reserve_cents", sa.BigInteger, nullable=False),
        sa.Column("owed_cents", sa.BigInteger, nullable=False),
        sa.Column("counted_entry_id", sa.BigInteger, nullable=False),
        sa.Column("counted_line_no", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", name="pk_ledger_heads"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.territory_id"], name="fk_ledger_heads_territory"),
    )
    op.create_table(
        "closed_periods",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("last_entry_id", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "ends_on", name="pk_closed_periods"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_closed_periods_territory"),
        sa.CheckConstraint("starts_on < ends_on", name="ck_closed_periods_order"),
    )
    op.create_table(
        "log_heads",
        sa.Column("territory_id", sa.SmallInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("sealed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("territory_id", "size", name="pk_log_heads"),
        sa.ForeignKeyConstraint(["territory_id"], ["ledger_heads.territory_id"], name="fk_log_heads_territory"),
        sa.CheckConstraint("size > 0 AND length(root) = 32", name="ck_log_heads_root"),
    )


# ---------------------------------------------------------------------------------------------------- SQLite

_CROSSING = (
    f"((NEW.credit_kind IN ({OWED})) <> (NEW.debit_kind IN ({OWED}))"
    f" OR NEW.debit_kind = {RESERVE} OR NEW.credit_kind = {RESERVE})"
)
SQLITE_TRIGGERS = f"""
CREATE TRIGGER accounts_fresh BEFORE INSERT ON accounts
WHEN EXISTS (SELECT 1 FROM accounts WHERE territory_id = NEW.territory_id AND id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'append_only'); END;

CREATE TRIGGER accounts_open_balance AFTER INSERT ON accounts
BEGIN INSERT INTO balances VALUES (NEW.territory_id, NEW.id, NEW.kind, 0, 0, 0, 0); END;

CREATE TRIGGER balances_fresh BEFORE INSERT ON balances
WHEN NEW.debits_cents <> 0 OR NEW.credits_cents <> 0
  OR EXISTS (SELECT 1 FROM balances WHERE territory_id = NEW.territory_id AND account_id = NEW.account_id)
BEGIN SELECT RAISE(ABORT, 'balance_without_transfer'); END;

CREATE TRIGGER balances_follow_transfers BEFORE UPDATE ON balances
WHEN NEW.territory_id <> OLD.territory_id OR NEW.account_id <> OLD.account_id OR NEW.kind <> OLD.kind
  OR (NEW.last_entry_id, NEW.last_line_no) <= (OLD.last_entry_id, OLD.last_line_no)
  OR NOT EXISTS (
    SELECT 1 FROM transfers t
    WHERE t.territory_id = NEW.territory_id AND t.entry_id = NEW.last_entry_id AND t.line_no = NEW.last_line_no
      AND NEW.debits_cents = OLD.debits_cents + t.amount_cents * (t.debit_account_id = NEW.account_id)
      AND NEW.credits_cents = OLD.credits_cents + t.amount_cents * (t.credit_account_id = NEW.account_id)
      AND NEW.account_id IN (t.debit_account_id, t.credit_account_id))
BEGIN SELECT RAISE(ABORT, 'balance_without_transfer'); END;

CREATE TRIGGER transfers_before BEFORE INSERT ON transfers
BEGIN
  SELECT RAISE(ABORT, 'entry_already_written') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND NEW.entry_id <= last_entry_id;
  SELECT RAISE(ABORT, 'append_only') FROM transfers
  WHERE territory_id = NEW.territory_id AND entry_id = NEW.entry_id AND line_no = NEW.line_no;
END;

CREATE TRIGGER transfers_count AFTER INSERT ON transfers
BEGIN
  UPDATE balances SET debits_cents = debits_cents + NEW.amount_cents,
    last_entry_id = NEW.entry_id, last_line_no = NEW.line_no
  WHERE territory_id = NEW.territory_id AND account_id = NEW.debit_account_id;
  UPDATE balances SET credits_cents = credits_cents + NEW.amount_cents,
    last_entry_id = NEW.entry_id, last_line_no = NEW.line_no
  WHERE territory_id = NEW.territory_id AND account_id = NEW.credit_account_id;
END;

CREATE TRIGGER transfers_cross AFTER INSERT ON transfers WHEN {_CROSSING}
BEGIN
  UPDATE ledger_heads SET
    reserve_cents = reserve_cents
      + NEW.amount_cents * ((NEW.debit_kind = {RESERVE}) - (NEW.credit_kind = {RESERVE})),
    owed_cents = owed_cents
      + NEW.amount_cents * ((NEW.credit_kind IN ({OWED})) - (NEW.debit_kind IN ({OWED}))),
    counted_entry_id = NEW.entry_id, counted_line_no = NEW.line_no
  WHERE territory_id = NEW.territory_id;
  SELECT RAISE(ABORT, 'issue_exceeds_reserve') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND owed_cents > reserve_cents
    AND NEW.debit_kind = {FUNDS} AND NEW.credit_kind = {PURSE};
END;

CREATE TRIGGER journal_entries_before BEFORE INSERT ON journal_entries
BEGIN
  -- Named as the constraints: INSERT OR REPLACE would otherwise delete the older row in silence.
  SELECT RAISE(ABORT, 'uq_journal_entries_key') FROM journal_entries
  WHERE territory_id = NEW.territory_id AND key_digest = NEW.key_digest;
  SELECT RAISE(ABORT, 'uq_journal_entries_reverses') FROM journal_entries
  WHERE territory_id = NEW.territory_id AND reverses_entry_id = NEW.reverses_entry_id;
  SELECT RAISE(ABORT, 'entry_number_gap') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND NEW.id <> last_entry_id + 1;
  SELECT RAISE(ABORT, 'period_closed') FROM closed_periods
  WHERE territory_id = NEW.territory_id AND ends_on >= NEW.accounted_on;
  SELECT RAISE(ABORT, 'entry_without_transfer') WHERE NOT EXISTS (
    SELECT 1 FROM transfers WHERE territory_id = NEW.territory_id AND entry_id = NEW.id);
END;

CREATE TRIGGER journal_entries_number AFTER INSERT ON journal_entries
BEGIN UPDATE ledger_heads SET last_entry_id = NEW.id WHERE territory_id = NEW.territory_id; END;

CREATE TRIGGER ledger_heads_fresh BEFORE INSERT ON ledger_heads
WHEN NEW.last_entry_id <> 0 OR NEW.reserve_cents <> 0 OR NEW.owed_cents <> 0
  OR EXISTS (SELECT 1 FROM ledger_heads WHERE territory_id = NEW.territory_id)
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER ledger_heads_number BEFORE UPDATE OF last_entry_id ON ledger_heads
WHEN NEW.last_entry_id <> OLD.last_entry_id + 1
  OR NEW.last_entry_id <> (SELECT MAX(id) FROM journal_entries WHERE territory_id = NEW.territory_id)
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER ledger_heads_count
BEFORE UPDATE OF territory_id, reserve_cents, owed_cents, counted_entry_id, counted_line_no ON ledger_heads
WHEN NEW.territory_id <> OLD.territory_id
  OR (NEW.counted_entry_id, NEW.counted_line_no) <= (OLD.counted_entry_id, OLD.counted_line_no)
  OR NOT EXISTS (
    SELECT 1 FROM transfers t
    WHERE t.territory_id = NEW.territory_id
      AND t.entry_id = NEW.counted_entry_id AND t.line_no = NEW.counted_line_no
      AND NEW.reserve_cents = OLD.reserve_cents
        + t.amount_cents * ((t.debit_kind = {RESERVE}) - (t.credit_kind = {RESERVE}))
      AND NEW.owed_cents = OLD.owed_cents
        + t.amount_cents * ((t.credit_kind IN ({OWED})) - (t.debit_kind IN ({OWED}))))
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER closed_periods_in_order BEFORE INSERT ON closed_periods
BEGIN
  SELECT RAISE(ABORT, 'period_already_closed') FROM closed_periods
  WHERE territory_id = NEW.territory_id AND ends_on >= NEW.starts_on;
  SELECT RAISE(ABORT, 'period_out_of_order') FROM closed_periods
  WHERE territory_id = NEW.territory_id
  GROUP BY territory_id HAVING date(MAX(ends_on), '+1 day') <> NEW.starts_on;
END;

CREATE TRIGGER log_heads_grow BEFORE INSERT ON log_heads
BEGIN
  SELECT RAISE(ABORT, 'log_head_not_growing') FROM log_heads
  WHERE territory_id = NEW.territory_id AND size >= NEW.size;
  SELECT RAISE(ABORT, 'log_head_not_growing') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND last_entry_id < NEW.size;
END;
"""


def _sqlite_append_only() -> list[str]:
    triggers = [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        for table in APPEND_ONLY
        for verb in ("update", "delete")
    ]
    return triggers + [
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        for table in ("balances", "ledger_heads")
    ]


# ------------------------------------------------------------------------------------------------ PostgreSQL

POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append_only: % on %', TG_OP, TG_TABLE_NAME; END $$;

CREATE FUNCTION ledger_open_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO balances SELECT territory_id, id, kind, 0, 0, 0, 0 FROM added;
  RETURN NULL;
END $$;

-- A counter changes only inside the triggers below: depth 1 is somebody's own statement.
CREATE FUNCTION ledger_only_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN RAISE EXCEPTION '% on %', TG_ARGV[0], TG_TABLE_NAME; END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION ledger_fresh_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.last_entry_id <> 0 OR NEW.reserve_cents <> 0 OR NEW.owed_cents <> 0 THEN
    RAISE EXCEPTION 'head_without_entry';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION ledger_count_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added a JOIN ledger_heads h USING (territory_id) WHERE a.entry_id <= h.last_entry_id) THEN
    RAISE EXCEPTION 'entry_already_written';
  END IF;
  UPDATE balances b SET
    debits_cents = b.debits_cents + s.debits, credits_cents = b.credits_cents + s.credits,
    last_entry_id = s.last_entry_id, last_line_no = s.last_line_no
  FROM (
    SELECT territory_id, account_id, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
      max(entry_id) AS last_entry_id, max(line_no) AS last_line_no
    FROM (
      SELECT territory_id, debit_account_id AS account_id, amount_cents AS debit, 0 AS credit, entry_id, line_no
      FROM added
      UNION ALL
      SELECT territory_id, credit_account_id, 0, amount_cents, entry_id, line_no FROM added
    ) sides GROUP BY territory_id, account_id
  ) s
  WHERE b.territory_id = s.territory_id AND b.account_id = s.account_id;
  UPDATE ledger_heads h SET
    reserve_cents = h.reserve_cents + s.reserve, owed_cents = h.owed_cents + s.owed,
    counted_entry_id = s.entry_id, counted_line_no = s.line_no
  FROM (
    SELECT territory_id, max(entry_id) AS entry_id, max(line_no) AS line_no,
      sum(amount_cents * ((debit_kind = {RESERVE})::int - (credit_kind = {RESERVE})::int))::bigint AS reserve,
      sum(amount_cents * ((credit_kind IN ({OWED}))::int - (debit_kind IN ({OWED}))::int))::bigint AS owed
    FROM added GROUP BY territory_id
  ) s
  WHERE h.territory_id = s.territory_id AND (s.reserve <> 0 OR s.owed <> 0);
  IF EXISTS (
    SELECT 1 FROM added a JOIN ledger_heads h USING (territory_id)
    WHERE a.debit_kind = {FUNDS} AND a.credit_kind = {PURSE} AND h.owed_cents > h.reserve_cents
  ) THEN
    RAISE EXCEPTION 'issue_exceeds_reserve';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger_number_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM (SELECT territory_id, min(id) AS lowest, max(id) AS highest, count(*) AS n
                   FROM added GROUP BY territory_id) a
    JOIN ledger_heads h USING (territory_id)
    WHERE a.lowest <> h.last_entry_id + 1 OR a.highest <> h.last_entry_id + a.n
  ) THEN
    RAISE EXCEPTION 'entry_number_gap';
  END IF;
  IF EXISTS (SELECT 1 FROM added a JOIN closed_periods c USING (territory_id) WHERE c.ends_on >= a.accounted_on) THEN
    RAISE EXCEPTION 'period_closed';
  END IF;
  IF EXISTS (
    SELECT 1 FROM added a WHERE NOT EXISTS (
      SELECT 1 FROM transfers t WHERE t.territory_id = a.territory_id AND t.entry_id = a.id)
  ) THEN
    RAISE EXCEPTION 'entry_without_transfer';
  END IF;
  UPDATE ledger_heads h SET last_entry_id = a.highest
  FROM (SELECT territory_id, max(id) AS highest FROM added GROUP BY territory_id) a
  WHERE h.territory_id = a.territory_id;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger_close_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The posting lock: a close waits for the postings in flight, and they for it.
  PERFORM 1 FROM ledger_heads WHERE territory_id = NEW.territory_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM closed_periods WHERE territory_id = NEW.territory_id AND ends_on >= NEW.starts_on) THEN
    RAISE EXCEPTION 'period_already_closed';
  END IF;
  IF (SELECT max(ends_on) + 1 <> NEW.starts_on FROM closed_periods WHERE territory_id = NEW.territory_id) THEN
    RAISE EXCEPTION 'period_out_of_order';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION ledger_grow_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM log_heads WHERE territory_id = NEW.territory_id AND size >= NEW.size)
    OR EXISTS (SELECT 1 FROM ledger_heads WHERE territory_id = NEW.territory_id AND last_entry_id < NEW.size) THEN
    RAISE EXCEPTION 'log_head_not_growing';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER accounts_open_balance AFTER INSERT ON accounts REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_balances();
CREATE TRIGGER balances_follow_transfers BEFORE INSERT OR UPDATE ON balances
  FOR EACH ROW EXECUTE FUNCTION ledger_only_by_trigger('balance_without_transfer');
CREATE TRIGGER transfers_count AFTER INSERT ON transfers REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_count_transfers();
CREATE TRIGGER journal_entries_number AFTER INSERT ON journal_entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_number_entries();
CREATE TRIGGER ledger_heads_fresh BEFORE INSERT ON ledger_heads FOR EACH ROW EXECUTE FUNCTION ledger_fresh_head();
CREATE TRIGGER ledger_heads_follow BEFORE UPDATE ON ledger_heads
  FOR EACH ROW EXECUTE FUNCTION ledger_only_by_trigger('head_without_entry');
CREATE TRIGGER closed_periods_in_order BEFORE INSERT ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION ledger_close_in_order();
CREATE TRIGGER log_heads_grow BEFORE INSERT ON log_heads FOR EACH ROW EXECUTE FUNCTION ledger_grow_log();
"""
FUNCTIONS = (
    "ledger_append_only", "ledger_open_balances", "ledger_only_by_trigger", "ledger_fresh_head",
    "ledger_count_transfers", "ledger_number_entries", "ledger_close_in_order", "ledger_grow_log",
)  # fmt: skip


def _postgresql_append_only() -> list[str]:
    triggers = [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION ledger_append_only()"
        for table in APPEND_ONLY
    ]
    triggers += [
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION ledger_append_only()"
        for table in ("balances", "ledger_heads")
    ]
    return triggers + [
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
        for table in (*APPEND_ONLY, "balances", "ledger_heads")
    ]


def upgrade() -> None:
    """Create the tables, then the triggers of the dialect."""
    _territories()
    _accounts()
    _heads()
    _entries()
    if op.get_bind().dialect.name == "postgresql":
        statements = [POSTGRESQL_FUNCTIONS, *_postgresql_append_only()]
    else:
        statements = [part + "END" for part in SQLITE_TRIGGERS.split("END;\n") if part.strip()]
        statements += _sqlite_append_only()
    for statement in statements:
        # no_parameters: a % in a message is a %.
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop the ledger: for rehearsals only, it forgets every entry."""
    for table in ("transfers", "journal_entries", "log_heads", "closed_periods", "balances", "accounts"):
        op.drop_table(table)
    op.drop_table("ledger_heads")
    op.drop_table("territories")
    if op.get_bind().dialect.name == "postgresql":
        for function in FUNCTIONS:
            op.get_bind().exec_driver_sql(f"DROP FUNCTION {function}()")
