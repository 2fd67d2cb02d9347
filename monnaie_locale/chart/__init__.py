"""The chart of accounts: under which code each kind of account stands, and what the comptable has confirmed."""
