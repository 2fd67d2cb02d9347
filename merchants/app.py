"""Put the merchants on an application: pages, endpoints, tills that may come in, the back office's menu."""

from flask import Flask

from merchants.api import charges, counter, offline_cards, offline_ends, shops, terms, till_state
from merchants.api import guarantee as guarantee_api
from merchants.api import payouts as payouts_api
from merchants.pages import (
    cap_claims,
    counter_desk,
    guarantee,
    holder,
    office,
    office_counter,
    requests,
    till,
    till_cashiers,
    till_offline,
    till_receipts,
    till_shell,
)
from merchants.pages import payouts as payout_pages
from merchants.shop_directory import AdmittedShops
from merchants.web import parts
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.web import navigation
from wallets import shops as wallet_shops


def init_app(app: Flask) -> None:
    """Register everything; the application already has its runtime and the kits."""
    parts.init_app(app)
    access.resolve(app, SubjectKind.TILL, parts.resolve_tills)
    app.extensions[wallet_shops.EXTENSION] = AdmittedShops()
    app.extensions[wallet_shops.RECEIPTS] = parts.receipt_path
    for module in (
        till,
        till_cashiers,
        till_offline,
        till_receipts,
        till_shell,
        requests,
        holder,
        counter_desk,
        office,
        office_counter,
        guarantee,
        guarantee_api,
        payout_pages,
        cap_claims,
        charges,
        counter,
        offline_cards,
        offline_ends,
        till_state,
        shops,
        payouts_api,
        terms,
    ):
        app.register_blueprint(module.blueprint)
    navigation.add(
        app,
        label="Commerçants",
        endpoint="merchants.index",
        permission=Permission.VIEW_MERCHANTS,
        order=40,
        also=("office_counter", "counter_desk"),
    )
    navigation.add(app, label="Virements", endpoint="payouts.index", permission=Permission.VIEW_PAYOUTS, order=60)
