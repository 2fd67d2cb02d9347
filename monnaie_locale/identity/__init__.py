"""Identity: staff, roles, sessions, and the one guard that stands before every route. Imports nothing."""
