-- Triggers of migration 0007 for SQLite, for the way down from 0024.

CREATE TRIGGER closes_no_change BEFORE UPDATE ON closes WHEN OLD.state = 'closed'
BEGIN SELECT RAISE(ABORT, 'closes_final'); END;

CREATE TRIGGER closes_no_delete BEFORE DELETE ON closes
BEGIN SELECT RAISE(ABORT, 'closes_final'); END;

CREATE TRIGGER closes_no_replace BEFORE INSERT ON closes
WHEN EXISTS (SELECT 1 FROM closes WHERE territory_id = NEW.territory_id
  AND (id = NEW.id OR period_ends_on = NEW.period_ends_on))
BEGIN SELECT RAISE(ABORT, 'uq_closes_period'); END;

CREATE TRIGGER closes_locked_insert BEFORE INSERT ON closes
WHEN NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
  WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
BEGIN SELECT RAISE(ABORT, 'closes_not_locked'); END;

CREATE TRIGGER closes_locked_update BEFORE UPDATE ON closes
WHEN NEW.state = 'closed' AND NOT EXISTS (SELECT 1 FROM closed_periods p
  WHERE p.territory_id = NEW.territory_id AND p.ends_on = NEW.period_ends_on)
BEGIN SELECT RAISE(ABORT, 'closes_not_locked'); END;
