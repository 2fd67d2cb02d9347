"""May a card or a phone pay here, from which purses, and what the payment does to it."""
