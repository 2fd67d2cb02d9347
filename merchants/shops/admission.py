"""Who may be admitted: a shop with a real SIRET, a real account, a category. Pure.

Check digits are computed by python-stdnum (SIRET) and schwifty (IBAN and its national key, BIC by bank code).
"""

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from stdnum.exceptions import ValidationError
from stdnum.fr import siret as siret_number

from merchants.errors import (
    AddressIncomplete,
    CategoryUnknown,
    DebtLimitInvalid,
    IbanInvalid,
    MerchantNameInvalid,
    SiretInvalid,
)
from merchants.model import Address, Admission
from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.programmes.model import Category

# EPC132-08: the name of a creditor holds 70 characters.
NAME_LENGTH_MAX = 70
TEXT_LENGTH_MAX = 70
DEBT_LIMIT_CENTS_DEFAULT = 50_000


def check_admission(
    *,
    name: str,
    siret: str,
    category: str,
    iban: str,
    address: Address,
    debt_limit_cents: int = DEBT_LIMIT_CENTS_DEFAULT,
) -> Admission:
    """Return the shop in its one spelling, with its bank's BIC when the bank is known.

    Args:
        name: as on the shop's sign, 1 to 70 characters.
        siret: 14 digits, spaces allowed.
        category: the code of a category of shops.
        iban: spaces allowed.
        address: postcode and town at least.
        debt_limit_cents: how much the shop may owe after refunds made once it was paid.

    Refuses, in this order: merchant_name_invalid, siret_invalid, category_unknown, iban_invalid, address_incomplete,
    debt_limit_invalid.

    """
    clean_name = " ".join(name.split())
    if not 1 <= len(clean_name) <= NAME_LENGTH_MAX or not clean_name.isprintable():
        raise MerchantNameInvalid
    clean_siret = check_siret(siret)
    if category not in {known.value for known in Category}:
        raise CategoryUnknown(category=category[:TEXT_LENGTH_MAX])
    clean_iban, bic = check_iban(iban)
    parts = Address(
        street=_text(address.street),
        building=_text(address.building),
        postcode=_text(address.postcode),
        town=_text(address.town),
    )
    if not parts.postcode or not parts.town:
        raise AddressIncomplete
    if not 0 <= debt_limit_cents <= CENTS_MAX:
        raise DebtLimitInvalid
    return Admission(
        name=clean_name,
        siret=clean_siret,
        category=category,
        iban=clean_iban,
        bic=bic,
        address=parts,
        debt_limit_cents=debt_limit_cents,
    )


def check_siret(siret: str) -> str:
    """Return the 14 digits of a SIRET; refuses siret_invalid."""
    try:
        return str(siret_number.validate(siret))
    except ValidationError as error:
        raise SiretInvalid from error


def check_iban(iban: str) -> tuple[str, str]:
    """Return the IBAN without spaces and its bank's BIC ("" when unknown); refuses iban_invalid."""
    try:
        account = IBAN(iban, validate_bban=True)
        bic = account.bic
    except (SchwiftyException, ValueError) as error:
        raise IbanInvalid from error
    return str(account), "" if bic is None else str(bic)


def _text(typed: str) -> str:
    return " ".join(typed.split())[:TEXT_LENGTH_MAX]
