"""What does not agree at the end of a month, what is proposed, and what people decide about it."""
