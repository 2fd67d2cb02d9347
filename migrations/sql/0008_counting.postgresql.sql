-- Migration 0008 for PostgreSQL: the same rules as 0001's, with fewer statements and fewer row triggers.
-- counted_entry_id is the entry up to which transfers were counted, last_entry_id the last entry written. Transfers come
-- first: between the two statements the head is ahead, and ledger_heads_complete refuses to commit it so. That takes the
-- place of a deferred foreign key of each transfer, which read and locked its entry once more at the commit.

CREATE OR REPLACE FUNCTION ledger_count_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved bigint;
  wanted bigint;
  town record;
BEGIN
  WITH sides AS (
    SELECT territory_id, debit_account_id AS account_id, debit_kind AS kind, amount_cents AS debit, 0 AS credit,
      entry_id, line_no
    FROM added
    UNION ALL
    SELECT territory_id, credit_account_id, credit_kind, 0, amount_cents, entry_id, line_no FROM added
  ), sums AS (
    SELECT territory_id, account_id, kind, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
      max(entry_id << 15 | line_no) AS last_line
    FROM sides GROUP BY territory_id, account_id, kind
  ), counted AS (
    UPDATE balances b SET
      debits_cents = b.debits_cents + s.debits, credits_cents = b.credits_cents + s.credits,
      last_entry_id = s.last_line >> 15, last_line_no = s.last_line & 32767
    FROM sums s
    WHERE b.territory_id = s.territory_id AND b.account_id = s.account_id AND b.kind = s.kind
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM sums) INTO moved, wanted;
  -- The foreign key to accounts, for the whole statement: every side has a balance of its kind, and nobody deletes one.
  IF moved <> wanted THEN
    RAISE foreign_key_violation USING MESSAGE = 'foreign key fk_transfers_account: an account is not there';
  END IF;
  FOR town IN
    SELECT territory_id, min(entry_id) AS lowest, max(entry_id) AS highest,
      sum(amount_cents * ((debit_kind = 1)::int - (credit_kind = 1)::int))::bigint AS reserve,
      sum(amount_cents * ((credit_kind IN (3, 4, 5, 6))::int - (debit_kind IN (3, 4, 5, 6))::int))::bigint AS owed,
      bool_or(credit_kind IN (3, 4, 5, 6) AND debit_kind NOT IN (1, 3, 4, 5, 6, 7)) AS issues
    FROM added GROUP BY territory_id
  LOOP
    UPDATE ledger_heads h SET
      reserve_cents = h.reserve_cents + town.reserve, owed_cents = h.owed_cents + town.owed,
      counted_entry_id = greatest(h.counted_entry_id, town.highest)
    WHERE h.territory_id = town.territory_id AND town.lowest > h.last_entry_id;
    IF NOT FOUND THEN RAISE EXCEPTION 'entry_already_written'; END IF;
    IF town.issues AND EXISTS (
      SELECT 1 FROM ledger_heads h WHERE h.territory_id = town.territory_id AND h.owed_cents > h.reserve_cents
    ) THEN
      RAISE EXCEPTION 'issue_exceeds_reserve';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_number_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  town record;
BEGIN
  FOR town IN
    SELECT a.territory_id, min(a.id) AS lowest, max(a.id) AS highest, count(*) AS n, min(a.accounted_on) AS earliest
    FROM added a GROUP BY a.territory_id
  LOOP
    IF town.n <> (SELECT count(DISTINCT t.entry_id) FROM transfers t
      WHERE t.territory_id = town.territory_id AND t.entry_id BETWEEN town.lowest AND town.highest) THEN
      RAISE EXCEPTION 'entry_without_transfer';
    END IF;
    IF EXISTS (SELECT 1 FROM closed_periods c
      WHERE c.territory_id = town.territory_id AND c.ends_on >= town.earliest) THEN
      RAISE EXCEPTION 'period_closed';
    END IF;
    UPDATE ledger_heads h SET last_entry_id = town.highest
    WHERE h.territory_id = town.territory_id
      AND town.lowest = h.last_entry_id + 1 AND town.highest = h.last_entry_id + town.n;
    IF NOT FOUND THEN RAISE EXCEPTION 'entry_number_gap'; END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM ledger_heads h
    WHERE h.territory_id = NEW.territory_id AND h.counted_entry_id <> h.last_entry_id) THEN
    RAISE foreign_key_violation USING MESSAGE = 'foreign key fk_transfers_entry: a transfer has no entry';
  END IF;
  RETURN NULL;
END $$;

-- Looked at once for the conflicting states that a batch passes through, when it commits.
CREATE CONSTRAINT TRIGGER ledger_heads_complete AFTER UPDATE ON ledger_heads
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.counted_entry_id > NEW.last_entry_id) EXECUTE FUNCTION ledger_complete();

-- The same guard, asked in the WHEN: it calls nothing for the rows that the ledger's own triggers change. Depth 0 is
-- somebody's own statement.
DROP TRIGGER balances_follow_transfers ON balances;
CREATE TRIGGER balances_follow_transfers BEFORE INSERT OR UPDATE ON balances
  FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION ledger_only_by_trigger('balance_without_transfer');
DROP TRIGGER ledger_heads_follow ON ledger_heads;
CREATE TRIGGER ledger_heads_follow BEFORE UPDATE ON ledger_heads
  FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION ledger_only_by_trigger('head_without_entry');

-- What a batch reads before it decides, in one call: each SELECT sees what the lock let through.
CREATE FUNCTION ledger_open_batch(territory smallint, keys bytea[], account_ids bigint[])
RETURNS TABLE (last_id bigint, closed_on date, entry_ids bigint[], held text) LANGUAGE plpgsql AS $$
BEGIN
  SELECT h.last_entry_id INTO last_id FROM ledger_heads h WHERE h.territory_id = territory FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT max(c.ends_on) INTO closed_on FROM closed_periods c WHERE c.territory_id = territory;
  SELECT array_agg(e.id) INTO entry_ids FROM journal_entries e WHERE e.territory_id = territory AND e.key_digest = ANY(keys);
  SELECT json_agg(json_build_array(b.account_id, b.kind, b.debits_cents, b.credits_cents)) INTO held
  FROM balances b WHERE b.territory_id = territory AND b.account_id = ANY(account_ids);
  RETURN NEXT;
END $$;
