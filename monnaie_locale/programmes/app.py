"""Give the application the programmes: pages and endpoints."""

from flask import Flask

from monnaie_locale.programmes.api import distributions, programmes


def init_app(app: Flask) -> None:
    """Register what this package brings."""
    for blueprint in (programmes.blueprint, distributions.blueprint):
        app.register_blueprint(blueprint)
