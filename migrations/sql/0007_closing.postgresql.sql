-- Function of migration 0007 for PostgreSQL, for the way down from 0024.

CREATE OR REPLACE FUNCTION guard_closes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN IF OLD.state = 'closed' THEN RAISE EXCEPTION 'closes_final'; END IF; END IF;
  IF NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
    WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on) THEN
    RAISE EXCEPTION 'closes_not_locked';
  END IF;
  RETURN NEW;
END $$;
