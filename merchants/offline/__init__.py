"""What a till takes without network: signed lists of cards, limits, charges sent later, ends of refused ones."""
