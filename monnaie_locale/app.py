"""The web application: every package put on one Flask app. Nobody imports this but the roof."""

from flask import Flask

import merchants.app
import merchants.errors
import wallets.app
import wallets.errors
from monnaie_locale.chart import app as chart
from monnaie_locale.chart import errors as chart_errors
from monnaie_locale.closing import app as closing
from monnaie_locale.closing import errors as closing_errors
from monnaie_locale.database.transaction import reading
from monnaie_locale.documents import errors as documents_errors
from monnaie_locale.dossier import app as dossier
from monnaie_locale.dossier import errors as dossier_errors
from monnaie_locale.exports import app as exports
from monnaie_locale.exports import errors as exports_errors
from monnaie_locale.identity import api as staff_api
from monnaie_locale.identity.pages import site
from monnaie_locale.journal import errors as journal_errors
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.office import app as office
from monnaie_locale.programmes import app as programmes
from monnaie_locale.programmes import errors as programmes_errors
from monnaie_locale.reconciliation import app as reconciliation
from monnaie_locale.reconciliation import errors as reconciliation_errors
from monnaie_locale.runtime import Runtime

PACKAGES = (staff_api, office, wallets.app, programmes, merchants.app, reconciliation, closing, exports, dossier, chart)
# What the API's catalogue lists, lowest layer first.
REFUSALS = (
    *journal_errors.REFUSALS,
    *documents_errors.REFUSALS,
    *programmes_errors.REFUSALS,
    *chart_errors.REFUSALS,
    *wallets.errors.REFUSALS,
    *merchants.errors.REFUSALS,
    *reconciliation_errors.REFUSALS,
    *exports_errors.REFUSALS,
    *closing_errors.REFUSALS,
    *dossier_errors.REFUSALS,
)


def create_app(rt: Runtime) -> Flask:
    """Return the application of one territory.

    Args:
        rt: the running service's parts; its territory must exist.

    """
    with reading(rt.engine) as db:
        territory = territory_of(db, territory_id=rt.territory_id)
    app = Flask(__name__, static_folder=None)
    site.init_app(app, rt, territory=territory, refusals=REFUSALS)
    for package in PACKAGES:
        package.init_app(app)
    return app
