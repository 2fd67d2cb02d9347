"""What was taken offline and not paid, as the shop reads it at its till: seen once, kept for good."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from merchants.errors import ChargeUnknown
from merchants.offline import acknowledge_of_shop
from monnaie_locale import runtime
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.web import pages

blueprint = Blueprint("till_offline", __name__, template_folder="../templates")


@blueprint.post("/caisse/hors-connexion/<mark>/vu")
@access.requires(Permission.CHARGE)
def read(mark: str) -> ResponseReturnValue:
    """Note that the shop has seen that nobody has paid; the line stays, folded. Refuses: charge_unknown."""
    rt = runtime.current()
    try:
        digest = bytes.fromhex(mark)
    except ValueError as error:
        raise ChargeUnknown from error
    transact(
        rt.engine,
        acknowledge_of_shop,
        territory_id=rt.territory_id,
        merchant_id=access.subject().merchant_id or 0,
        digest=digest,
        now=pages.now(),
    )
    return pages.see_other("till.today")
