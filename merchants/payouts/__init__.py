"""What the town pays its shops: terms, what is due, orders approved by two people, what the bank answers."""
