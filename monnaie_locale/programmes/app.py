"""Give the application the programmes: pages, endpoints, menu."""

from flask import Flask

from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes.api import distributions as distributions_api
from monnaie_locale.programmes.api import programmes as programmes_api
from monnaie_locale.programmes.pages import distributions, programmes
from monnaie_locale.web import navigation


def init_app(app: Flask) -> None:
    """Register what this package brings; `wallets.app` connects the wallets that distributions name."""
    for blueprint in (
        programmes.blueprint,
        distributions.blueprint,
        programmes_api.blueprint,
        distributions_api.blueprint,
    ):
        app.register_blueprint(blueprint)
    for label, endpoint, order in (
        ("Dispositifs", "programmes.index", 20),
        ("Distributions", "distributions.index", 25),
    ):
        navigation.add(app, label=label, endpoint=endpoint, permission=Permission.VIEW_PROGRAMMES, order=order)
