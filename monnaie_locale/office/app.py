"""Put the back office's front page and the journal on an application."""

from flask import Flask

from monnaie_locale.identity.roles import Permission
from monnaie_locale.office import api, pages
from monnaie_locale.web import navigation


def init_app(app: Flask) -> None:
    """Register everything; the application already has its runtime and the kits."""
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(pages.journal_blueprint)
    app.register_blueprint(api.blueprint)
    navigation.add(
        app, label="Tableau de bord", endpoint="office.dashboard", permission=Permission.VIEW_DASHBOARD, order=0
    )
    navigation.add(app, label="Journal", endpoint="journal.index", permission=Permission.VIEW_JOURNAL, order=75)
