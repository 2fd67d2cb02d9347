"""What a till takes and gives back: charges, refunds, payments between shops, receipts, the end of a doubt."""
