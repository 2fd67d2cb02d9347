"""What a holder reads: signing in with card and PIN, the history of the wallet, every sentence."""
