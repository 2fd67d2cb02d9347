"""Endpoints of programmes, funding orders and distributions."""
