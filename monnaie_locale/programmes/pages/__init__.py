"""Back-office pages of programmes, their funding and their distributions."""
