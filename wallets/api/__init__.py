"""Endpoints of households, wallets and cards."""
