"""The whole service, a market in it and the key of its till: what most of the API's tests begin with."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import SubjectKind
from tests.factories.market import Market, market_at
from tests.factories.merchants import MANAGER, NOW, chance
from tests.factories.site import Site, build_site


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Give the whole service on a database, with its town."""
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    """Give a shop with its till, and a card that has money, in the town of the service."""
    return market_at(site)


@pytest.fixture
def key(site: Site, market: Market) -> str:
    """Give the API key of the till."""
    return transact(
        site.rt.engine, issue_api_key, territory_id=1, kind=SubjectKind.TILL, subject_id=market.till.id,
        label="test", actor=MANAGER, now=NOW, random_bytes=chance("key"),
    )  # fmt: skip
