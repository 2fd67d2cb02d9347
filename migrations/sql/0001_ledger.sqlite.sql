-- Triggers of migration 0001 for SQLite.
-- Account kinds (monnaie_locale.ledger.accounts.AccountKind): 1 reserve, 2 programme funds, 3 purse;
-- 3, 4, 5, 6 (purse, merchant, payout in transit, expired) are what the reserve owes; 7 is what a merchant owes.
-- What makes the reserve owe more is an issue, unless euros came in (1), units only moved (3 to 6), or a merchant that
-- was already paid gives back (7, recovered from its next redemptions).

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

-- The CHECK of `balances` says the same, but INSERT OR IGNORE would make SQLite skip the row it refuses.
CREATE TRIGGER transfers_limits BEFORE INSERT ON transfers
BEGIN
  SELECT RAISE(ABORT, 'ck_balances_not_below_zero') FROM balances
  WHERE territory_id = NEW.territory_id AND account_id = NEW.debit_account_id
    AND kind IN (2, 3, 4, 5, 6) AND credits_cents - debits_cents < NEW.amount_cents;
  SELECT RAISE(ABORT, 'ck_balances_not_below_zero') FROM balances
  WHERE territory_id = NEW.territory_id AND account_id = NEW.credit_account_id
    AND kind = 7 AND debits_cents - credits_cents < NEW.amount_cents;
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

CREATE TRIGGER transfers_cross AFTER INSERT ON transfers WHEN ((NEW.credit_kind IN (3, 4, 5, 6)) <> (NEW.debit_kind IN (3, 4, 5, 6)) OR NEW.debit_kind = 1 OR NEW.credit_kind = 1)
BEGIN
  UPDATE ledger_heads SET
    reserve_cents = reserve_cents
      + NEW.amount_cents * ((NEW.debit_kind = 1) - (NEW.credit_kind = 1)),
    owed_cents = owed_cents
      + NEW.amount_cents * ((NEW.credit_kind IN (3, 4, 5, 6)) - (NEW.debit_kind IN (3, 4, 5, 6))),
    counted_entry_id = NEW.entry_id, counted_line_no = NEW.line_no
  WHERE territory_id = NEW.territory_id;
  SELECT RAISE(ABORT, 'issue_exceeds_reserve') FROM ledger_heads
  WHERE territory_id = NEW.territory_id AND owed_cents > reserve_cents
    AND NEW.credit_kind IN (3, 4, 5, 6) AND NEW.debit_kind NOT IN (1, 3, 4, 5, 6, 7);
END;

CREATE TRIGGER journal_entries_before BEFORE INSERT ON journal_entries
BEGIN
  SELECT RAISE(ABORT, 'date_malformed') WHERE date(NEW.accounted_on) IS NOT NEW.accounted_on;
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
        + t.amount_cents * ((t.debit_kind = 1) - (t.credit_kind = 1))
      AND NEW.owed_cents = OLD.owed_cents
        + t.amount_cents * ((t.credit_kind IN (3, 4, 5, 6)) - (t.debit_kind IN (3, 4, 5, 6))))
BEGIN SELECT RAISE(ABORT, 'head_without_entry'); END;

CREATE TRIGGER closed_periods_in_order BEFORE INSERT ON closed_periods
BEGIN
  SELECT RAISE(ABORT, 'date_malformed')
  WHERE date(NEW.starts_on) IS NOT NEW.starts_on OR date(NEW.ends_on) IS NOT NEW.ends_on;
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

-- A written row is never changed nor deleted.
CREATE TRIGGER accounts_no_update BEFORE UPDATE ON accounts
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER journal_entries_no_update BEFORE UPDATE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER journal_entries_no_delete BEFORE DELETE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER closed_periods_no_update BEFORE UPDATE ON closed_periods
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER closed_periods_no_delete BEFORE DELETE ON closed_periods
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER log_heads_no_update BEFORE UPDATE ON log_heads
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER log_heads_no_delete BEFORE DELETE ON log_heads
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER balances_no_delete BEFORE DELETE ON balances
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
CREATE TRIGGER ledger_heads_no_delete BEFORE DELETE ON ledger_heads
BEGIN SELECT RAISE(ABORT, 'append_only'); END;
