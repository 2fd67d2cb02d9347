"""What a shop reads of its days and months: movements, its transfer, the terms, its chèques."""
