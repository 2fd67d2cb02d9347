"""The books of a local currency: ledger, journal, programmes, reconciliation, close."""
