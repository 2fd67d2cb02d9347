"""The merchants' endpoints under /api/v1."""
