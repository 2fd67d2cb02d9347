"""What changes households, wallets and cards."""
