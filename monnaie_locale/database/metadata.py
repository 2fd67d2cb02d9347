"""The one MetaData that every `tables.py` adds to, and how its constraints are named."""

from sqlalchemy import MetaData

# Constraint names are part of the contract: `constraints.py` turns them into refusals.
metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
