"""A closed October on a site: two shops paid, two households whose names the site can unseal."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from monnaie_locale.closing.sheets import MONTH_SHEETS, month_sheet
from monnaie_locale.database.transaction import reading
from monnaie_locale.dossier.queries import books_of_month
from monnaie_locale.exports.sheets.rendering import Format, streaming
from monnaie_locale.programmes.model import Distribution
from tests.factories import programmes as made
from tests.factories import wallets
from tests.factories.ledger import TERRITORY_ID, World
from tests.factories.month import OCTOBER, Month2026, moment, open_month_in
from tests.factories.site import Site, build_site


@dataclass
class Dossier:
    """The site, its month, the distribution of October."""

    site: Site
    month: Month2026
    distribution: Distribution

    @property
    def engine(self) -> Engine:
        """Return the database."""
        return self.site.rt.engine

    def close(self) -> None:
        """Close October."""
        self.month.approve(self.month.prepare())

    def whole_month(self, *, formats=tuple(Format), names=tuple(MONTH_SHEETS), lines_max=None) -> dict[str, bytes]:
        """Return every document of October, by file name."""
        found = {}
        with reading(self.engine) as db:
            books = books_of_month(
                db, territory_id=TERRITORY_ID, month=OCTOBER, public_key_pem=self.site.rt.keyring.public_key_pem,
                now=moment(4, 11),
            )  # fmt: skip
            for name in names:
                for wanted in formats:
                    file = streaming(
                        lambda limit, name=name: month_sheet(books, name=name, lines_max=lines_max or limit), wanted
                    ).whole()
                    found[file.name] = file.content
        return found

    def csv_of(self, name: str, **more: object) -> list[list[str]]:
        """Return the rows of one document's CSV."""
        return csv_rows(self.whole_month(formats=(Format.CSV,), **({"names": (name,)} | more))[f"{name}-2026-10.csv"])


def csv_rows(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


@pytest.fixture
def dossier(db_engine: Engine) -> Iterator[Dossier]:
    """Give October with everything a document can show, not closed yet."""
    site = build_site(db_engine)
    site.app = create_app(site.rt)
    month = open_month_in(World(db_engine), keyring=site.rt.keyring)
    households = [wallets.wallet(db_engine, site.rt.keyring, f"MENAGE-{number}") for number in (1, 2)]
    batch = made.approved(db_engine, 1, [(each.wallet_id, 2_500) for each in households], now=moment(13))
    month.live()
    yield Dossier(site, month, batch)
    site.rt.stop()
