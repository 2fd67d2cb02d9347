"""The shop's side: admission, tills, charges, refunds, payouts."""
