"""What a journey needs: the site served on this machine, and a shop that is ready to be paid."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from tests.factories.market import Market, market_at
from tests.factories.site import Site, build_site, served


@pytest.fixture
def town(db_engine: Engine) -> Iterator[Site]:
    """Give the whole service on a site's parts; its clock stands still."""
    built = build_site(db_engine)
    built.app = create_app(built.rt)
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
