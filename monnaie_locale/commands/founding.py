"""Make a new installation: its folder, its keys, its database, its territory, its first operator."""

import datetime
import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine

from merchants.shops.admission import check_iban, check_siret
from monnaie_locale.commands.errors import BooksPresent, HostMalformed, TerritoryCodeMalformed
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import revision_of, upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.model import NewCredentials
from monnaie_locale.identity.operations import create_staff
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.directory import Territory, create_territory, has_territory
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.runtime import KEYRING_FILE, Runtime, address_of

ACTOR = "job:cli"
HOME_MODE = 0o700
# It begins the identifiers of payments, which hold 35 characters of a small set (EPC217-08).
CODE = re.compile(r"[A-Z0-9]{2,12}")
# As in the cards' addresses: a name, and a port when there is one.
HOST = re.compile(r"(?i)[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


class HomeInUse(Exception):
    """The folder already holds an installation, which is never overwritten."""


def found_installation(
    *,
    home: Path,
    territory: Territory,
    database_url: str | None,
    operator_login: str,
    operator_name: str,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> NewCredentials:
    """Make the installation and return what its first operator signs in with, to be shown once.

    Args:
        home: the folder to make; its keys are beside the database, never in it.
        territory: the town, checked here.
        database_url: a PostgreSQL database, or None for a SQLite file in the folder.
        operator_login: of the first person, who creates the others.
        operator_name: as shown.
        now: aware UTC.
        random_bytes: the system's randomness.

    Raises HomeInUse when there is one already. Refuses: territory_code_malformed, host_malformed, siret_invalid,
    iban_invalid, books_present, login_malformed, staff_name_missing.

    """
    _check(territory)
    if (home / KEYRING_FILE).exists():
        raise HomeInUse(home)
    home.mkdir(parents=True, exist_ok=True, mode=HOME_MODE)
    engine = open_engine(address_of(home, database_url))
    _refuse_books(engine)
    upgrade(engine)
    keyring = Keyring.generate(random_bytes)
    credentials = transact(
        engine,
        _populate,
        territory=territory,
        keyring=keyring,
        login=operator_login,
        name=operator_name,
        now=now,
        random_bytes=random_bytes,
    )
    engine.dispose()
    # Last: a folder with keys is an installation that is whole.
    keyring.save(home / KEYRING_FILE)
    return credentials


def _check(territory: Territory) -> None:
    if not CODE.fullmatch(territory.code):
        raise TerritoryCodeMalformed(given=territory.code[:40])
    if not HOST.fullmatch(territory.host):
        raise HostMalformed(given=territory.host[:80])
    check_siret(territory.issuer_siret)
    check_iban(territory.reserve_iban)


def _refuse_books(engine: Engine) -> None:
    # Before the migrations: the books of another installation are upgraded by `upgrade`, once they are backed up.
    with reading(engine) as db:
        revision = revision_of(db)
        if revision and has_territory(db):
            raise BooksPresent(revision=revision)


def _populate(
    db: Connection,
    *,
    territory: Territory,
    keyring: Keyring,
    login: str,
    name: str,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> NewCredentials:
    # Both or none: after a refused login, the same command can be typed again.
    create_territory(db, territory=territory, now_ms=instant_ms(now))
    return create_staff(
        db,
        territory_id=territory.territory_id,
        login=login,
        name=name,
        roles=[Role.OPERATOR],
        keyring=keyring,
        actor=ACTOR,
        now=now,
        random_bytes=random_bytes,
    )


def add_staff(rt: Runtime, *, login: str, name: str, roles: list[Role]) -> NewCredentials:
    """Create a staff member and return what they sign in with, to be shown once.

    Refuses: login_malformed, staff_name_missing, role_unknown, login_taken.
    """
    return transact(
        rt.engine,
        create_staff,
        territory_id=rt.territory_id,
        login=login,
        name=name,
        roles=roles,
        keyring=rt.keyring,
        actor=ACTOR,
        now=rt.clock(),
        random_bytes=rt.random_bytes,
    )
