"""Pages of identity: the front page, signing in, staff, the audit trail. Imports nothing."""
