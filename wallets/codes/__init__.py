"""What a card or a phone shows: its secret code, its printed number, the seal that ties them to a wallet."""
