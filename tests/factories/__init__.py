"""Small worlds for the tests, made through the service's own operations."""
