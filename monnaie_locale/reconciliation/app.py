"""Put the bank's statements on an application: pages, endpoints, the back office's menu."""

from flask import Flask

from monnaie_locale.identity.roles import Permission
from monnaie_locale.reconciliation import api, pages
from monnaie_locale.reconciliation.differences import api as differences_api
from monnaie_locale.reconciliation.differences.pages import month, paid_rejections
from monnaie_locale.web import navigation


def init_app(app: Flask) -> None:
    """Register everything; the application already has its runtime and the kits."""
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(month.blueprint)
    app.register_blueprint(paid_rejections.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(differences_api.blueprint)
    navigation.add(app, label="Banque", endpoint="bank.index", permission=Permission.VIEW_STATEMENTS, order=65)
    navigation.add(app, label="Écarts", endpoint="differences.index", permission=Permission.VIEW_STATEMENTS, order=66)
