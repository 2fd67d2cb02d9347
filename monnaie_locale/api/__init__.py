"""JSON kit: endpoints with their permission and documentation, problems, idempotency. Imports nothing."""
