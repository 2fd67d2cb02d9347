-- Triggers of migration 0001 for PostgreSQL.
-- Account kinds (monnaie_locale.ledger.accounts.AccountKind): 1 reserve, 2 programme funds, 3 purse;
-- 3, 4, 5, 6 (purse, merchant, payout in transit, expired) are what the reserve owes; 7 is what a merchant owes.
-- What makes the reserve owe more is an issue, unless euros came in (1), units only moved (3 to 6), or a merchant that
-- was already paid gives back (7, recovered from its next redemptions).

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
DECLARE
  moved bigint;
  wanted bigint;
BEGIN
  IF EXISTS (SELECT 1 FROM added a JOIN ledger_heads h USING (territory_id) WHERE a.entry_id <= h.last_entry_id) THEN
    RAISE EXCEPTION 'entry_already_written';
  END IF;
  UPDATE balances b SET
    debits_cents = b.debits_cents + s.debits, credits_cents = b.credits_cents + s.credits,
    last_entry_id = s.last_line >> 15, last_line_no = s.last_line & 32767
  FROM (
    SELECT territory_id, account_id, kind, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
      max(entry_id << 15 | line_no) AS last_line
    FROM (
      SELECT territory_id, debit_account_id AS account_id, debit_kind AS kind, amount_cents AS debit, 0 AS credit,
        entry_id, line_no
      FROM added
      UNION ALL
      SELECT territory_id, credit_account_id, credit_kind, 0, amount_cents, entry_id, line_no FROM added
    ) sides GROUP BY territory_id, account_id, kind
  ) s
  WHERE b.territory_id = s.territory_id AND b.account_id = s.account_id AND b.kind = s.kind;
  -- The foreign key to accounts, for the whole statement: every side has a balance of its kind, and nobody deletes one.
  GET DIAGNOSTICS moved = ROW_COUNT;
  SELECT count(*) INTO wanted FROM (
    SELECT territory_id, debit_account_id, debit_kind FROM added
    UNION SELECT territory_id, credit_account_id, credit_kind FROM added) sides;
  IF moved <> wanted THEN
    RAISE foreign_key_violation USING MESSAGE = 'foreign key fk_transfers_account: an account is not there';
  END IF;
  UPDATE ledger_heads h SET
    reserve_cents = h.reserve_cents + s.reserve, owed_cents = h.owed_cents + s.owed,
    counted_entry_id = s.last_line >> 15, counted_line_no = s.last_line & 32767
  FROM (
    SELECT territory_id, max(entry_id << 15 | line_no) AS last_line,
      sum(amount_cents * ((debit_kind = 1)::int - (credit_kind = 1)::int))::bigint AS reserve,
      sum(amount_cents * ((credit_kind IN (3, 4, 5, 6))::int - (debit_kind IN (3, 4, 5, 6))::int))::bigint AS owed
    FROM added GROUP BY territory_id
  ) s
  WHERE h.territory_id = s.territory_id AND (s.reserve <> 0 OR s.owed <> 0);
  IF EXISTS (
    SELECT 1 FROM added a JOIN ledger_heads h USING (territory_id)
    WHERE h.owed_cents > h.reserve_cents
      AND a.credit_kind IN (3, 4, 5, 6) AND a.debit_kind NOT IN (1, 3, 4, 5, 6, 7)
  ) THEN
    RAISE EXCEPTION 'issue_exceeds_reserve';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger_number_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added a WHERE NOT EXISTS (
    SELECT 1 FROM ledger_heads h WHERE h.territory_id = a.territory_id)) THEN
    RAISE foreign_key_violation USING MESSAGE = 'foreign key fk_journal_entries_territory: no such territory';
  END IF;
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

-- A written row is never changed, deleted nor truncated.
CREATE TRIGGER accounts_append_only BEFORE UPDATE OR DELETE ON accounts
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER journal_entries_append_only BEFORE UPDATE OR DELETE ON journal_entries
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE ON transfers
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER closed_periods_append_only BEFORE UPDATE OR DELETE ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER log_heads_append_only BEFORE UPDATE OR DELETE ON log_heads
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER balances_no_delete BEFORE DELETE ON balances
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_heads_no_delete BEFORE DELETE ON ledger_heads
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER accounts_no_truncate BEFORE TRUNCATE ON accounts
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER journal_entries_no_truncate BEFORE TRUNCATE ON journal_entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER transfers_no_truncate BEFORE TRUNCATE ON transfers
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER closed_periods_no_truncate BEFORE TRUNCATE ON closed_periods
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER log_heads_no_truncate BEFORE TRUNCATE ON log_heads
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER balances_no_truncate BEFORE TRUNCATE ON balances
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_heads_no_truncate BEFORE TRUNCATE ON ledger_heads
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
