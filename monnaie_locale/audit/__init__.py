"""A program apart, for whoever audits the books: it reads an export, believes nothing of it, and derives it all again.

Of the service it knows the pure rules of `monnaie_locale.ledger`, and nothing else.
"""
