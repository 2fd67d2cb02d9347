"""Put the documents on an application: pages, endpoints, the back office's menu."""

from flask import Flask

from monnaie_locale.dossier import api, pages
from monnaie_locale.identity.roles import Permission
from monnaie_locale.web import navigation


def init_app(app: Flask) -> None:
    """Register everything; the application already has its runtime and the kits."""
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(api.blueprint)
    navigation.add(app, label="Documents", endpoint="dossier.index", permission=Permission.VIEW_CLOSES, order=72)
