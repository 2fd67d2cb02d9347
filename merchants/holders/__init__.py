"""What a holder does from the own phone: pays what a till asks for, at a counter card, asks for a refund."""
