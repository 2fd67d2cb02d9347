"""The accountant's documents as tables: each module turns the books of a period into sheets (`documents.sheet`)."""
