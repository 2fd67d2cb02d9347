"""The merchants' pages: the till, the holder's payment page, the back office."""
