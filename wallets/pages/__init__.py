"""Pages of wallets: the holder's, behind the PIN, and those of the desk."""
