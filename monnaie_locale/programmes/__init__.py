"""What the town votes: programmes, their budgets, who may receive and where it is spent."""
