"""Give the application the wallets: pages, endpoints, who a holder is, and what programmes ask of wallets."""

from flask import Flask

from monnaie_locale import runtime
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.programmes import wallet_directory
from monnaie_locale.web import navigation
from wallets import shops
from wallets.api import cards, households
from wallets.api import moves as moves_api
from wallets.holders.access import HouseholdDirectory, resolve_holders
from wallets.pages import holder, moves, office, phones, pin_choice, pocket


def init_app(app: Flask) -> None:
    """Register what this package brings; the runtime must already be there."""
    for module in (holder, phones, pocket, office, pin_choice, moves, households, cards, moves_api):
        app.register_blueprint(module.blueprint)
    access.resolve(app, SubjectKind.HOLDER, resolve_holders)
    keyring = app.extensions[runtime.EXTENSION].keyring
    app.extensions[wallet_directory.EXTENSION] = HouseholdDirectory(keyring)
    app.extensions.setdefault(shops.EXTENSION, shops.NoShops())
    app.extensions.setdefault(shops.RECEIPTS, shops.no_receipt)
    navigation.add(
        app,
        label="Ménages",
        endpoint="households.index",
        permission=Permission.VIEW_WALLETS,
        order=10,
        also=("wallet_moves", "phones", "pin_choice"),
    )
    navigation.add_door(
        app,
        title="J’ai une carte",
        sentence="Voir combien il reste, jusqu’à quand et dans quels magasins.",
        endpoint="holder.start",
        order=10,
    )
