-- Functions and triggers of migration 0024 for PostgreSQL.

CREATE OR REPLACE FUNCTION guard_closes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state = 'reopened' THEN RAISE EXCEPTION 'closes_final'; END IF;
  ELSIF OLD.state = 'reopened' OR (NEW.state = 'reopened' AND OLD.state <> 'closed') THEN
    RAISE EXCEPTION 'closes_final';
  ELSIF OLD.state = 'closed' THEN
    IF NEW.state <> 'reopened'
      OR (NEW.territory_id, NEW.id, NEW.period_starts_on, NEW.period_ends_on, NEW.prepared_by, NEW.approved_by,
        NEW.carried_reason, NEW.checklist, NEW.certificate, NEW.prepared_at_ms, NEW.closed_at_ms)
        IS DISTINCT FROM (OLD.territory_id, OLD.id, OLD.period_starts_on, OLD.period_ends_on, OLD.prepared_by,
        OLD.approved_by, OLD.carried_reason, OLD.checklist, OLD.certificate, OLD.prepared_at_ms, OLD.closed_at_ms)
      OR EXISTS (SELECT 1 FROM closed_periods p
        WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
      OR NOT EXISTS (SELECT 1 FROM close_reopenings r JOIN reopened_periods p
        ON p.territory_id = r.territory_id AND p.reopened_at_ms = r.approved_at_ms
        WHERE r.territory_id = NEW.territory_id AND r.close_id = NEW.id AND p.ends_on = NEW.period_ends_on) THEN
      RAISE EXCEPTION 'closes_final';
    END IF;
  END IF;
  IF NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on) THEN
    RAISE EXCEPTION 'closes_not_locked';
  END IF;
  RETURN NEW;
END $$;

-- A reopening is of the last closed month, and of a close whose documents are kept.
CREATE FUNCTION guard_close_reopenings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('DELETE', 'TRUNCATE') THEN RAISE EXCEPTION 'close_reopenings_final'; END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.approved_by IS NOT NULL OR NEW.territory_id <> OLD.territory_id OR NEW.close_id <> OLD.close_id THEN
      RAISE EXCEPTION 'close_reopenings_final';
    END IF;
  END IF;
  -- The posting lock: a reopening and a close wait for each other.
  PERFORM 1 FROM ledger_heads WHERE territory_id = NEW.territory_id FOR UPDATE;
  IF NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'closed'
      AND c.period_ends_on = (SELECT max(ends_on) FROM closed_periods p WHERE p.territory_id = c.territory_id)) THEN
    RAISE EXCEPTION 'reopening_not_last';
  END IF;
  IF NEW.approved_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM close_documents d
    WHERE d.territory_id = NEW.territory_id AND d.close_id = NEW.close_id) THEN
    RAISE EXCEPTION 'reopening_without_documents';
  END IF;
  RETURN NEW;
END $$;

-- The line that remembers a lock: what was locked, as it was, on what two people signed, where the books stand now.
CREATE FUNCTION guard_reopened_periods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM ledger_heads WHERE territory_id = NEW.territory_id FOR UPDATE;
  IF NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.ends_on AND p.starts_on = NEW.starts_on
      AND p.last_entry_id = NEW.last_entry_id AND p.closed_at_ms = NEW.closed_at_ms
      AND p.ends_on = (SELECT max(ends_on) FROM closed_periods q WHERE q.territory_id = p.territory_id)) THEN
    RAISE EXCEPTION 'reopening_not_last';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM closes c JOIN close_reopenings r ON r.territory_id = c.territory_id AND r.close_id = c.id
    WHERE c.territory_id = NEW.territory_id AND c.period_ends_on = NEW.ends_on AND c.state = 'closed'
      AND r.approved_by IS NOT NULL AND r.approved_at_ms = NEW.reopened_at_ms) THEN
    RAISE EXCEPTION 'reopening_not_approved';
  END IF;
  IF EXISTS (SELECT 1 FROM ledger_heads
    WHERE territory_id = NEW.territory_id AND last_entry_id <> NEW.reopened_entry_id) THEN
    RAISE EXCEPTION 'entry_number_gap';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION guard_closed_periods_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM reopened_periods r
    WHERE r.territory_id = OLD.territory_id AND r.ends_on = OLD.ends_on AND r.closed_at_ms = OLD.closed_at_ms
      AND r.last_entry_id = OLD.last_entry_id) THEN
    RAISE EXCEPTION 'append_only';
  END IF;
  RETURN OLD;
END $$;

-- A month closed again is closed later than it was reopened: no older line lets its new lock go.
CREATE FUNCTION guard_closed_periods_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM reopened_periods r
    WHERE r.territory_id = NEW.territory_id AND r.ends_on = NEW.ends_on AND r.reopened_at_ms >= NEW.closed_at_ms) THEN
    RAISE EXCEPTION 'closed_before_reopened';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION guard_period_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added a WHERE NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = a.territory_id AND p.ends_on = a.ends_on AND p.closed_at_ms = a.closed_at_ms)) THEN
    RAISE EXCEPTION 'balance_without_period';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION guard_close_documents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM closes c
    WHERE c.territory_id = NEW.territory_id AND c.id = NEW.close_id AND c.state = 'closed') THEN
    RAISE EXCEPTION 'documents_of_open_month';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER close_reopenings_guard BEFORE INSERT OR UPDATE OR DELETE ON close_reopenings
  FOR EACH ROW EXECUTE FUNCTION guard_close_reopenings();
CREATE TRIGGER close_reopenings_no_truncate BEFORE TRUNCATE ON close_reopenings
  FOR EACH STATEMENT EXECUTE FUNCTION guard_close_reopenings();
CREATE TRIGGER reopened_periods_guard BEFORE INSERT ON reopened_periods
  FOR EACH ROW EXECUTE FUNCTION guard_reopened_periods();
CREATE TRIGGER period_balances_guard AFTER INSERT ON period_balances REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION guard_period_balances();
CREATE TRIGGER close_documents_guard BEFORE INSERT ON close_documents
  FOR EACH ROW EXECUTE FUNCTION guard_close_documents();

DROP TRIGGER closed_periods_append_only ON closed_periods;
CREATE TRIGGER closed_periods_append_only BEFORE UPDATE ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER closed_periods_no_delete BEFORE DELETE ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION guard_closed_periods_removal();
CREATE TRIGGER closed_periods_later BEFORE INSERT ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION guard_closed_periods_later();

CREATE TRIGGER reopened_periods_append_only BEFORE UPDATE OR DELETE ON reopened_periods
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER period_balances_append_only BEFORE UPDATE OR DELETE ON period_balances
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER close_documents_append_only BEFORE UPDATE OR DELETE ON close_documents
  FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER reopened_periods_no_truncate BEFORE TRUNCATE ON reopened_periods
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER period_balances_no_truncate BEFORE TRUNCATE ON period_balances
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER close_documents_no_truncate BEFORE TRUNCATE ON close_documents
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
