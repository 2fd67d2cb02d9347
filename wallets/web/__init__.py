"""What the holder's pages share: their two languages and their frame."""
