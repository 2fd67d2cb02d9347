-- Triggers of migration 0024 for SQLite.

CREATE TRIGGER closes_no_change BEFORE UPDATE ON closes
WHEN OLD.state = 'reopened'
  OR (NEW.state = 'reopened' AND OLD.state <> 'closed')
  OR (OLD.state = 'closed' AND (
    NEW.state <> 'reopened'
    OR (NEW.territory_id, NEW.id, NEW.period_starts_on, NEW.period_ends_on, NEW.prepared_by, NEW.approved_by,
      NEW.carried_reason, NEW.checklist, NEW.certificate, NEW.prepared_at_ms, NEW.closed_at_ms)
      IS NOT (OLD.territory_id, OLD.id, OLD.period_starts_on, OLD.period_ends_on, OLD.prepared_by, OLD.approved_by,
      OLD.carried_reason, OLD.checklist, OLD.certificate, OLD.prepared_at_ms, OLD.closed_at_ms)
    OR EXISTS (SELECT 1 FROM closed_periods p
      WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
    OR NOT EXISTS (SELECT 1 FROM close_reopenings r JOIN reopened_periods p
      ON p.territory_id = r.territory_id AND p.reopened_at_ms = r.approved_at_ms
      WHERE r.territory_id = NEW.territory_id AND r.close_id = NEW.id AND p.ends_on = NEW.period_ends_on)))
BEGIN SELECT RAISE(ABORT, 'closes_final'); END;

CREATE TRIGGER closes_no_delete BEFORE DELETE ON closes
BEGIN SELECT RAISE(ABORT, 'closes_final'); END;

-- INSERT OR REPLACE deletes the old row without firing the DELETE trigger.
CREATE TRIGGER closes_no_replace BEFORE INSERT ON closes
WHEN EXISTS (SELECT 1 FROM closes WHERE territory_id = NEW.territory_id
  AND (id = NEW.id OR (period_ends_on = NEW.period_ends_on AND state <> 'reopened')))
BEGIN SELECT RAISE(ABORT, 'uq_closes_period'); END;

CREATE TRIGGER closes_born_open BEFORE INSERT ON closes WHEN NEW.state = 'reopened'
BEGIN SELECT RAISE(ABORT, 'closes_final'); END;

CREATE TRIGGER closes_locked_insert BEFORE INSERT ON closes
WHEN NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
  WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
BEGIN SELECT RAISE(ABORT, 'closes_not_locked'); END;

CREATE TRIGGER closes_locked_update BEFORE UPDATE ON closes
WHEN NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
  WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
BEGIN SELECT RAISE(ABORT, 'closes_not_locked'); END;

-- A reopening is of the last closed month, and of a close whose documents are kept.
CREATE TRIGGER close_reopenings_insert BEFORE INSERT ON close_reopenings
BEGIN
  SELECT RAISE(ABORT, 'close_reopenings_final') FROM close_reopenings
  WHERE territory_id = NEW.territory_id AND close_id = NEW.close_id;
  SELECT RAISE(ABORT, 'reopening_not_last') WHERE NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'closed'
      AND c.period_ends_on = (SELECT MAX(ends_on) FROM closed_periods p WHERE p.territory_id = c.territory_id));
  SELECT RAISE(ABORT, 'reopening_without_documents') WHERE NEW.approved_by IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM close_documents d WHERE d.territory_id = NEW.territory_id AND d.close_id = NEW.close_id);
END;

CREATE TRIGGER close_reopenings_update BEFORE UPDATE ON close_reopenings
BEGIN
  SELECT RAISE(ABORT, 'close_reopenings_final') WHERE OLD.approved_by IS NOT NULL
    OR NEW.territory_id <> OLD.territory_id OR NEW.close_id <> OLD.close_id;
  SELECT RAISE(ABORT, 'reopening_not_last') WHERE NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'closed'
      AND c.period_ends_on = (SELECT MAX(ends_on) FROM closed_periods p WHERE p.territory_id = c.territory_id));
  SELECT RAISE(ABORT, 'reopening_without_documents') WHERE NEW.approved_by IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM close_documents d WHERE d.territory_id = NEW.territory_id AND d.close_id = NEW.close_id);
END;

CREATE TRIGGER close_reopenings_no_delete BEFORE DELETE ON close_reopenings
BEGIN SELECT RAISE(ABORT, 'close_reopenings_final'); END;

-- The line that remembers a lock: what was locked, as it was, on what two people signed, where the books stand now.
CREATE TRIGGER reopened_periods_insert BEFORE INSERT ON reopened_periods
BEGIN
  SELECT RAISE(ABORT, 'append_only') FROM reopened_periods
  WHERE territory_id = NEW.territory_id AND ends_on = NEW.ends_on AND closed_at_ms = NEW.closed_at_ms;
  SELECT RAISE(ABORT, 'reopening_not_last') WHERE NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.ends_on AND p.starts_on = NEW.starts_on
      AND p.last_entry_id = NEW.last_entry_id AND p.closed_at_ms = NEW.closed_at_ms
      AND p.ends_on = (SELECT MAX(ends_on) FROM closed_periods q WHERE q.territory_id = p.territory_id));
  SELECT RAISE(ABORT, 'reopening_not_approved') WHERE NOT EXISTS (
    SELECT 1 FROM closes c JOIN close_reopenings r ON r.territory_id = c.territory_id AND r.close_id = c.id
    WHERE c.territory_id = NEW.territory_id AND c.period_ends_on = NEW.ends_on AND c.state = 'closed'
      AND r.approved_by IS NOT NULL AND r.approved_at_ms = NEW.reopened_at_ms);
  SELECT RAISE(ABORT, 'entry_number_gap') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND last_entry_id <> NEW.reopened_entry_id;
END;

CREATE TRIGGER reopened_periods_no_update BEFORE UPDATE ON reopened_periods
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER reopened_periods_no_delete BEFORE DELETE ON reopened_periods
BEGIN SELECT RAISE(ABORT, 'append_only'); END;

CREATE TRIGGER closed_periods_no_delete BEFORE DELETE ON closed_periods
WHEN NOT EXISTS (SELECT 1 FROM reopened_periods r
  WHERE r.territory_id = OLD.territory_id AND r.ends_on = OLD.ends_on AND r.closed_at_ms = OLD.closed_at_ms
    AND r.last_entry_id = OLD.last_entry_id)
BEGIN SELECT RAISE(ABORT, 'append_only'); END;

-- A month closed again is closed later than it was reopened: no older line lets its new lock go.
CREATE TRIGGER closed_periods_later BEFORE INSERT ON closed_periods
WHEN EXISTS (SELECT 1 FROM reopened_periods r
  WHERE r.territory_id = NEW.territory_id AND r.ends_on = NEW.ends_on AND r.reopened_at_ms >= NEW.closed_at_ms)
BEGIN SELECT RAISE(ABORT, 'closed_before_reopened'); END;

CREATE TRIGGER period_balances_insert BEFORE INSERT ON period_balances
BEGIN
  SELECT RAISE(ABORT, 'append_only') FROM period_balances
  WHERE territory_id = NEW.territory_id AND ends_on = NEW.ends_on AND closed_at_ms = NEW.closed_at_ms
    AND account_id = NEW.account_id;
  SELECT RAISE(ABORT, 'balance_without_period') WHERE NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.ends_on AND p.closed_at_ms = NEW.closed_at_ms);
END;
CREATE TRIGGER period_balances_no_update BEFORE UPDATE ON period_balances
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER period_balances_no_delete BEFORE DELETE ON period_balances
BEGIN SELECT RAISE(ABORT, 'append_only'); END;

CREATE TRIGGER close_documents_insert BEFORE INSERT ON close_documents
BEGIN
  SELECT RAISE(ABORT, 'append_only') FROM close_documents
  WHERE territory_id = NEW.territory_id AND close_id = NEW.close_id
    AND (position = NEW.position OR name = NEW.name);
  SELECT RAISE(ABORT, 'documents_of_open_month') WHERE NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'closed');
END;
CREATE TRIGGER close_documents_no_update BEFORE UPDATE ON close_documents
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER close_documents_no_delete BEFORE DELETE ON close_documents
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
