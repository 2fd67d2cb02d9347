"""What a number in an address may be: one that a database can hold; any other is an address that does not exist."""

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

# The largest value of a 32-bit column; PostgreSQL fails on a larger one instead of finding nothing.
NUMBER_MAX = 2**31 - 1


class StoredNumber(IntegerConverter):
    """A whole number that fits every identifier."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - werkzeug's own name
        """Bound it."""
        super().__init__(map, max=NUMBER_MAX)


def init_app(app: Flask) -> None:
    """Let `<int:…>` mean such a number; call it before any route is added."""
    app.url_map.converters["int"] = StoredNumber
