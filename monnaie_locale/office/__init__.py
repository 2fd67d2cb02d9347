"""The back office's own pages: what waits for whom, and the journal."""
