-- Triggers of migration 0008 for SQLite: the same rules as 0001's, applied once for a batch instead of row by row.
-- Transfers come first, then their entries. The entry of the last transfer ends the batch: its number becomes the
-- head's, and that update counts everything written since the head before. A transaction that stops earlier leaves a
-- transfer without its entry, and the deferred key fk_transfers_entry refuses to commit it.
-- Account kinds: see 0001_ledger.sqlite.sql.

CREATE TRIGGER transfers_before BEFORE INSERT ON transfers
BEGIN
  SELECT RAISE(ABORT, 'entry_already_written') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND NEW.entry_id <= last_entry_id;
END;

CREATE TRIGGER journal_entries_before BEFORE INSERT ON journal_entries
BEGIN
  SELECT RAISE(ABORT, 'date_malformed') WHERE date(NEW.accounted_on) IS NOT NEW.accounted_on;
  -- Named as the constraint: INSERT OR REPLACE would otherwise delete the older row in silence.
  SELECT RAISE(ABORT, 'uq_journal_entries_key') FROM journal_entries
  WHERE territory_id = NEW.territory_id AND key_digest = NEW.key_digest;
  SELECT RAISE(ABORT, 'entry_number_gap') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND NEW.id <= last_entry_id;
  SELECT RAISE(ABORT, 'entry_without_transfer') WHERE NOT EXISTS (
    SELECT 1 FROM transfers WHERE territory_id = NEW.territory_id AND entry_id = NEW.id);
END;

CREATE TRIGGER journal_entries_reverse BEFORE INSERT ON journal_entries WHEN NEW.reverses_entry_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'uq_journal_entries_reverses') FROM journal_entries
  WHERE territory_id = NEW.territory_id AND reverses_entry_id = NEW.reverses_entry_id;
END;

CREATE TRIGGER journal_entries_end_of_batch AFTER INSERT ON journal_entries
WHEN NEW.id = (SELECT MAX(entry_id) FROM transfers WHERE territory_id = NEW.territory_id)
BEGIN UPDATE ledger_heads SET last_entry_id = NEW.id WHERE territory_id = NEW.territory_id; END;

-- Between these two, and only there, last_entry_id is ahead of counted_entry_id: no statement can begin or end so.
CREATE TRIGGER ledger_heads_number BEFORE UPDATE OF last_entry_id ON ledger_heads
WHEN NEW.last_entry_id <= OLD.last_entry_id OR OLD.counted_entry_id <> OLD.last_entry_id
  OR (NEW.territory_id, NEW.reserve_cents, NEW.owed_cents, NEW.counted_entry_id)
    <> (OLD.territory_id, OLD.reserve_cents, OLD.owed_cents, OLD.counted_entry_id)
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER ledger_heads_counted
BEFORE UPDATE OF territory_id, reserve_cents, owed_cents, counted_entry_id ON ledger_heads
WHEN OLD.counted_entry_id >= OLD.last_entry_id OR NEW.last_entry_id <> OLD.last_entry_id
  OR NEW.counted_entry_id <> OLD.last_entry_id
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER balances_follow_transfers BEFORE UPDATE ON balances
WHEN (SELECT counted_entry_id >= last_entry_id FROM ledger_heads WHERE territory_id = OLD.territory_id)
BEGIN SELECT RAISE(ABORT, 'balance_without_transfer'); END;

CREATE TRIGGER ledger_heads_count AFTER UPDATE OF last_entry_id ON ledger_heads
BEGIN
  SELECT RAISE(ABORT, 'entry_number_gap') WHERE NEW.last_entry_id - OLD.last_entry_id <> (
    SELECT COUNT(*) FROM journal_entries WHERE territory_id = NEW.territory_id AND id > OLD.last_entry_id)
  OR NEW.last_entry_id - OLD.last_entry_id <> (
    SELECT COUNT(DISTINCT entry_id) FROM transfers
    WHERE territory_id = NEW.territory_id AND entry_id > OLD.last_entry_id);
  -- +accounted_on: by its index, the smallest date of a few new entries would be sought among all those of the books.
  SELECT RAISE(ABORT, 'period_closed') FROM closed_periods
  WHERE territory_id = NEW.territory_id AND ends_on >= (
    SELECT MIN(+accounted_on) FROM journal_entries
    WHERE territory_id = NEW.territory_id AND id > OLD.last_entry_id);
  -- The territory is grouped by, though there is one: joined on it, the few accounts moved are read first, and not all
  -- the balances of the town.
  UPDATE balances SET debits_cents = debits_cents + moved.debits, credits_cents = credits_cents + moved.credits,
    last_entry_id = moved.last_id
  FROM (
    SELECT territory_id, account_id, kind, SUM(debit) AS debits, SUM(credit) AS credits, MAX(entry_id) AS last_id
    FROM (
      SELECT territory_id, debit_account_id AS account_id, debit_kind AS kind, amount_cents AS debit, 0 AS credit,
        entry_id
      FROM transfers WHERE territory_id = NEW.territory_id AND entry_id > OLD.last_entry_id
      UNION ALL
      SELECT territory_id, credit_account_id, credit_kind, 0, amount_cents, entry_id
      FROM transfers WHERE territory_id = NEW.territory_id AND entry_id > OLD.last_entry_id
    ) GROUP BY territory_id, account_id, kind
  ) AS moved
  WHERE balances.territory_id = moved.territory_id AND balances.account_id = moved.account_id
    AND balances.kind = moved.kind;
  -- An account that is not there, or a balance that OR IGNORE made SQLite skip because its CHECK refused it.
  SELECT RAISE(ABORT, CASE WHEN d.kind IS NULL OR c.kind IS NULL THEN 'foreign key fk_transfers_account'
    ELSE 'ck_balances_not_below_zero' END)
  FROM transfers t
  LEFT JOIN balances d ON d.territory_id = t.territory_id AND d.account_id = t.debit_account_id AND d.kind = t.debit_kind
  LEFT JOIN balances c
    ON c.territory_id = t.territory_id AND c.account_id = t.credit_account_id AND c.kind = t.credit_kind
  WHERE t.territory_id = NEW.territory_id AND t.entry_id > OLD.last_entry_id
    AND (d.kind IS NULL OR d.last_entry_id < t.entry_id OR c.kind IS NULL OR c.last_entry_id < t.entry_id);
  UPDATE ledger_heads SET counted_entry_id = NEW.last_entry_id,
    reserve_cents = reserve_cents + moved.reserve, owed_cents = owed_cents + moved.owed
  FROM (
    SELECT SUM(amount_cents * ((debit_kind = 1) - (credit_kind = 1))) AS reserve,
      SUM(amount_cents * ((credit_kind IN (3, 4, 5, 6)) - (debit_kind IN (3, 4, 5, 6)))) AS owed
    FROM transfers WHERE territory_id = NEW.territory_id AND entry_id > OLD.last_entry_id
  ) AS moved
  WHERE territory_id = NEW.territory_id;
  SELECT RAISE(ABORT, 'issue_exceeds_reserve') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND owed_cents > reserve_cents AND EXISTS (
    SELECT 1 FROM transfers WHERE territory_id = NEW.territory_id AND entry_id > OLD.last_entry_id
      AND credit_kind IN (3, 4, 5, 6) AND debit_kind NOT IN (1, 3, 4, 5, 6, 7));
END;
