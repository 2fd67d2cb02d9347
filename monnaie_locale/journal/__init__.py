"""The ledger on disk: tables, posting, writer, sealer, queries, verifier. Sole owner of its tables."""
