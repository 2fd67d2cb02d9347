"""What the merchants' pages and endpoints share of the web: which till asks, and with which parts it is served."""
