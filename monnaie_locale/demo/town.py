"""Who lives and trades in Ville-Exemple: the files of this package, and as many more as the flags ask for.

Everything is plainly made up. SIRET begin with zeros (none is ever given) and accounts are called DEMO…, but all their
check digits are right, because the service checks them.
"""

import csv
import importlib.resources
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schwifty import IBAN
from schwifty.bban import BBAN
from stdnum import luhn

from monnaie_locale.journal.directory import Territory
from monnaie_locale.programmes.model import Category

TERRITORY_ID = 1
HOUSEHOLDS_FILE = "menages.csv"
SHOPS_FILE = "commerces.csv"
HOUSEHOLD_COLUMNS = ("reference", "alias")
# Real banks, so that a BIC is found; an account called DEMO… is nobody's.
BANK_CODES = ("30006", "30004", "20041", "10278")
BRANCH_CODE = "00001"
ISSUER_NUMBER = 1
# How the generated shops share the four categories: most sell food.
CATEGORY_ROUND = (Category.FOOD, Category.HYGIENE, Category.FOOD, Category.TRANSPORT, Category.FOOD, Category.SERVICES)
POSTCODE = "99999"
TOWN = "Ville-Exemple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household as the desk registers it: the file's reference, and the name it goes by."""

    reference: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop as it signs the convention."""

    name: str
    category: Category
    siret: str
    iban: str
    street: str
    building: str
    postcode: str
    town: str


def territory(*, host: str) -> Territory:
    """Return the example town, marked as a demonstration.

    Args:
        host: the public name of the service, with its port; the cards carry it.

    """
    return Territory(
        territory_id=TERRITORY_ID,
        code="VILLEEX",
        name=TOWN,
        currency_name="l’Exemple",
        host=host,
        issuer_name="Association Monnaie de Ville-Exemple",
        issuer_siret=siret(ISSUER_NUMBER),
        issuer_street="Place de la Mairie",
        issuer_building="1",
        issuer_postcode=POSTCODE,
        issuer_town=TOWN,
        reserve_iban=iban(bank_code=BANK_CODES[0], account="DEMORESERVE"),
        reserve_bic="AGRIFRPP",
        ccas_name="CCAS de Ville-Exemple",
        ccas_phone="01 99 00 00 00",
        is_demo=True,
    )


def households(count: int) -> tuple[Household, ...]:
    """Return `count` households: those of the file, then others of the same kind."""
    listed = [Household(**row) for row in _rows(HOUSEHOLDS_FILE)]
    more = (Household(reference=f"VE-{n:04d}", alias=f"Ménage {n:03d}") for n in range(len(listed) + 1, count + 1))
    return (*listed, *more)[:count]


def households_csv(wanted: Sequence[Household]) -> bytes:
    """Return the households as the file that the desk imports."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\n")
    writer.writerow(HOUSEHOLD_COLUMNS)
    writer.writerows((each.reference, each.alias) for each in wanted)
    return written.getvalue().encode()


def shops(count: int) -> tuple[Shop, ...]:
    """Return `count` shops: those of the file, then others of the same kind."""
    listed = [_listed_shop(row) for row in _rows(SHOPS_FILE)]
    return (*listed, *(_more_shop(n) for n in range(len(listed) + 1, count + 1)))[:count]


def siret(number: int) -> str:
    """Return a SIRET nobody has, with right check digits."""
    siren = f"{number:08d}"
    siren += luhn.calc_check_digit(siren)
    return f"{siren}0001{luhn.calc_check_digit(f'{siren}0001')}"


def iban(*, bank_code: str, account: str) -> str:
    """Return the French IBAN of an account of eleven letters and digits, with its national key."""
    bban = BBAN.from_components("FR", bank_code=bank_code, branch_code=BRANCH_CODE, account_code=account)
    return str(IBAN.from_bban("FR", str(bban)))


def _listed_shop(row: dict[str, str]) -> Shop:
    return Shop(
        name=row["name"],
        category=Category(row["category"]),
        siret=row["siret"],
        iban=row["iban"],
        street=row["street"],
        building=row["building"],
        postcode=row["postcode"],
        town=row["town"],
    )


def _more_shop(number: int) -> Shop:
    category = CATEGORY_ROUND[number % len(CATEGORY_ROUND)]
    return Shop(
        name=f"Commerce d’exemple n° {number}",
        category=category,
        siret=siret(ISSUER_NUMBER + number),
        iban=iban(bank_code=BANK_CODES[number % len(BANK_CODES)], account=f"DEMO{number:07d}"),
        street="Rue de l’Exemple",
        building=str(number),
        postcode=POSTCODE,
        town=TOWN,
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (importlib.resources.files(__package__) / "data" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text), delimiter=";")
