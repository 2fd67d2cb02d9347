"""What changes programmes, funding and distributions."""
