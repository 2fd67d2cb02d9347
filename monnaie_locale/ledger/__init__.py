"""The pure core: money, accounts, entries, decisions and refusals. Standard library only."""
