"""The database plumbing: engines, transactions, constraint names turned into refusals. No domain table."""
