"""The month's end: what must hold, the close, and its certificate."""
