"""The web application: every package put on one Flask app. Nobody imports this but the roof."""

from flask import Flask

from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.pages import site
from monnaie_locale.journal import errors as journal_errors
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.runtime import Runtime


def create_app(rt: Runtime) -> Flask:
    """Return the application of one territory.

    Args:
        rt: the running service's parts; its territory must exist.

    """
    with reading(rt.engine) as db:
        territory = territory_of(db, territory_id=rt.territory_id)
    app = Flask(__name__, static_folder=None)
    site.init_app(app, rt, territory=territory, refusals=journal_errors.REFUSALS)
    return app
