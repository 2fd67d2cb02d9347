"""An installation with a hundred thousand households, two people and a funded programme: what a distribution needs."""

import dataclasses
import datetime
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, text

from bench import books
from bench.places import Place
from monnaie_locale.commands.founding import ACTOR, found_installation
from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.operations import create_staff
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.journal.directory import Owner, open_accounts
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import Category, LegalBasis, ProgrammeTerms
from monnaie_locale.programmes.operations.funding import receive_funding, register_funding_order
from monnaie_locale.programmes.operations.opening import open_programme
from monnaie_locale.runtime import KEYRING_FILE
from wallets.tables import households, wallets

ROWS_PER_INSERT = 5_000
AMOUNT_CENTS_MIN, AMOUNT_CENTS_SPREAD = 1_000, 9_000
EXPIRES_ON = datetime.date(2099, 12, 31)
# The purses and shops of the charges that go on meanwhile: of another programme, so that sums can be told apart.
CHARGED_PURSES, CHARGED_SHOPS = 200, 20
CHARGED_PROGRAMME_ID = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkTown:
    """A founded installation, the file to distribute and the keys of the two people who do it."""

    place: Place
    home: Path
    url: URL
    csv: Path
    programme_id: int
    households: int
    total_cents: int
    maker_key: str
    checker_key: str
    charged: books.Accounts

    @property
    def database_url(self) -> str:
        """Return the address that the command is given."""
        return self.url.render_as_string(hide_password=False)

    def engine(self) -> Engine:
        """Return an engine of our own on it."""
        return open_engine(self.database_url)


def amount_cents(number: int) -> int:
    """Return what household `number` receives: different amounts, the same in every run."""
    return AMOUNT_CENTS_MIN + number * 7_919 % AMOUNT_CENTS_SPREAD


def found(place: Place, folder: Path, *, household_count: int) -> BulkTown:
    """Found the installation, enrol the households, fund the programme and write the file."""
    home, url = folder / f"home-{place.name}-{household_count}", place.empty()
    database_url = url.render_as_string(hide_password=False)
    found_installation(
        home=home,
        territory=dataclasses.replace(books.TOWN, is_demo=False),
        database_url=database_url,
        operator_login="exploitation",
        operator_name="Charlie Exemple",
        now=_now(),
        random_bytes=os.urandom,
    )
    keyring = Keyring.load(home / KEYRING_FILE)
    engine = open_engine(database_url)
    total_cents = sum(amount_cents(number) for number in range(1, household_count + 1))
    programme_id = transact(engine, _open_programme, total_cents=total_cents)
    maker_key = transact(engine, _hire, keyring=keyring, login="maud", role=Role.PROGRAMME_MANAGER)
    checker_key = transact(engine, _hire, keyring=keyring, login="chloe", role=Role.APPROVER)
    for first in range(1, household_count + 1, ROWS_PER_INSERT):
        last = min(household_count, first + ROWS_PER_INSERT - 1)
        transact(engine, _enrol, keyring=keyring, numbers=range(first, last + 1))
    charged = transact(engine, _open_charged)
    _fill_charged(engine, charged)
    transact(engine, _analyse)
    engine.dispose()
    csv = folder / f"aide-{place.name}-{household_count}.csv"
    with csv.open("w", encoding="utf-8") as file:
        file.writelines(_lines(household_count))
    return BulkTown(
        place=place, home=home, url=url, csv=csv, programme_id=programme_id, households=household_count,
        total_cents=total_cents, maker_key=maker_key, checker_key=checker_key, charged=charged,
    )  # fmt: skip


def reference(number: int) -> str:
    """Return the file reference of household `number`."""
    return f"DOSSIER-{number:06d}"


def findings(town: BulkTown, *, charges: int) -> list[str]:
    """Return everything that is wrong with the books after a distribution: nothing, when it went well.

    Every line exactly once, each purse to the cent, every charge that was acknowledged, and the counters.
    """
    engine = town.engine()
    with reading(engine) as db:
        found = list(_findings(db, town, charges=charges))
    engine.dispose()
    return found


def _findings(db: Connection, town: BulkTown, *, charges: int) -> Iterator[str]:
    count, cents, keys = db.execute(
        text(
            "SELECT count(*), sum(t.amount_cents), count(DISTINCT e.key_digest) FROM journal_entries e"
            " JOIN transfers t ON t.territory_id = e.territory_id AND t.entry_id = e.id"
            " WHERE e.kind = 2 AND e.reference = 'D1'"
        )
    ).one()
    if (count, cents, keys) != (town.households, town.total_cents, town.households):
        yield f"{count} entries of {cents} cents under {keys} keys for {town.households} lines"
    wrong = db.scalar(
        text(
            "SELECT count(*) FROM distribution_lines l LEFT JOIN accounts a ON a.territory_id = l.territory_id"
            " AND a.wallet_id = l.wallet_id AND a.programme_id = :programme AND a.kind = 3"
            " LEFT JOIN balances b ON b.territory_id = a.territory_id AND b.account_id = a.id"
            " WHERE coalesce(b.credits_cents - b.debits_cents, -1) <> l.amount_cents"
        ),
        {"programme": town.programme_id},
    )
    if wrong:
        yield f"{wrong} purses do not hold their line"
    charged = db.scalar(text("SELECT count(*) FROM journal_entries WHERE kind = 3"))
    if charged != charges:
        yield f"{charged} charges in the books, {charges} acknowledged"
    if balances := db.scalar(text(books.WRONG_BALANCES)):
        yield f"{balances} balances are not the sum of their transfers"
    last, reserve_cents, owed_cents = db.execute(text(books.HEAD)).one()
    if db.scalar(text(books.OWED)) != owed_cents or owed_cents > reserve_cents:
        yield f"the head owes {owed_cents} of {reserve_cents}, the balances say otherwise"
    if db.scalar(text("SELECT count(*) FROM journal_entries")) != last:
        yield "the numbering has gaps"


def _lines(household_count: int) -> Iterator[str]:
    yield "reference;montant\n"
    for number in range(1, household_count + 1):
        euros, cents = divmod(amount_cents(number), 100)
        yield f"{reference(number)};{euros},{cents:02d}\n"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _open_programme(db: Connection, *, total_cents: int) -> int:
    terms = ProgrammeTerms(
        name="Aide alimentaire",
        legal_basis=LegalBasis.CONVENTION,
        decision_reference="DEL-2026-017",
        decided_on=datetime.date(2026, 9, 1),
        budget_cents=total_cents,
        categories=frozenset({Category.FOOD}),
    )
    common = {"territory_id": books.TERRITORY_ID, "now": _now()}
    programme = open_programme(db, terms=terms, actor=ACTOR, **common)
    order = register_funding_order(
        db, programme_id=programme.programme_id, amount_cents=total_cents, actor=ACTOR, **common
    )
    receive_funding(db, funding_order_id=order.funding_order_id, bank_reference="B1", booked_on=_now().date(), **common)
    return programme.programme_id


def _hire(db: Connection, *, keyring: Keyring, login: str, role: Role) -> str:
    common = {"territory_id": books.TERRITORY_ID, "actor": ACTOR, "now": _now(), "random_bytes": os.urandom}
    hired = create_staff(db, login=login, name=login.title(), roles=[role], keyring=keyring, **common)
    return issue_api_key(db, kind=SubjectKind.STAFF, subject_id=hired.staff_id, label="bench", **common)


def _enrol(db: Connection, *, keyring: Keyring, numbers: range) -> None:
    now_ms = time.time_ns() // 1_000_000
    town = books.TERRITORY_ID
    insert_rows(
        db,
        households,
        [
            (town, number, keyring.lookup_digest(reference(number)),
             keyring.seal({"reference": reference(number), "alias": "", "channel": ""}), now_ms, None)
            for number in numbers
        ],
    )  # fmt: skip
    insert_rows(db, wallets, [(town, number, number, now_ms, None) for number in numbers])


def _open_charged(db: Connection) -> books.Accounts:
    purses = [Owner(AccountKind.PURSE, CHARGED_PROGRAMME_ID, wallet_id=n) for n in range(1, CHARGED_PURSES + 1)]
    shops = [Owner(AccountKind.MERCHANT, merchant_id=n) for n in range(1, CHARGED_SHOPS + 1)]
    numbers = open_accounts(db, territory_id=books.TERRITORY_ID, owners=[*purses, *shops], now_ms=books.now_ms())
    return books.Accounts(tuple(numbers[purse] for purse in purses), tuple(numbers[shop] for shop in shops))


def _fill_charged(engine: Engine, charged: books.Accounts) -> None:
    owners = [Owner(AccountKind.RESERVE), Owner(AccountKind.PROGRAMME_FUNDS, CHARGED_PROGRAMME_ID)]
    numbers = transact(engine, open_accounts, territory_id=books.TERRITORY_ID, owners=owners, now_ms=books.now_ms())
    reserve, funds = (numbers[owner] for owner in owners)
    whole = Draw((reserve,), funds, CHARGED_PURSES * books.PURSE_CENTS)
    issues = [Draw((funds,), purse, books.PURSE_CENTS) for purse in charged.purses]
    books.post_all(
        engine,
        [
            books.posting(EntryKind.FUNDING, whole, key="funding"),
            *(books.posting(EntryKind.DISTRIBUTION, draw, key=f"issue:{draw.target}") for draw in issues),
        ],
    )


def _analyse(db: Connection) -> None:
    db.execute(text("ANALYZE"))
