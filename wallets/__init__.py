"""The holder's side: wallets, cards, PINs, purses and the pages behind the PIN."""
