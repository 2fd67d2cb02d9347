"""What the command line does, one module a command; `monnaie_locale.__main__` only reads the words typed."""
