"""What a journey needs: the site served on this machine, and a shop that is ready to be paid."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine

import merchants.app
import wallets.app
from tests.factories.market import Market, market_at
from tests.factories.site import Site, build_site, served


def with_shops(app: Flask) -> None:
    """Put wallets and merchants on a site."""
    wallets.app.init_app(app)
    merchants.app.init_app(app)


@pytest.fixture
def town(db_engine: Engine) -> Iterator[Site]:
    """Give a site with wallets and shops; its clock stands still."""
    built = build_site(db_engine, init=with_shops)
    yield built
    built.rt.stop()


@pytest.fixture
def market(town: Site) -> Market:
    """Give the town's shop, its till, and a household's card with 100 € of food aid."""
    return market_at(town)


@pytest.fixture
def address(town: Site) -> Iterator[str]:
    """Give the address at which a browser reaches the site."""
    with served(town.app) as found:
        yield found
