"""A shop is admitted by what can be checked: SIRET, IBAN, category, address."""

import pytest

from merchants import errors
from merchants.model import Address
from merchants.shops.admission import check_admission, check_iban
from tests.factories.merchants import admission

OF_ANOTHER_COUNTRY = "DE89 3704 0044 0532 0130 00"


def test_a_real_shop_is_admitted_in_its_one_spelling() -> None:
    checked = check_admission(
        **admission(name="  Chez   Ginette ", siret="732 829 320 00074", iban="FR76 3000 6000 0112 3456 7890 189")
    )
    assert checked.name == "Chez Ginette"
    assert checked.siret == "73282932000074"
    assert checked.iban == "FR7630006000011234567890189"
    assert checked.bic.startswith("AGRIFRPP")


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("name", "  ", errors.MerchantNameInvalid),
        ("name", "x" * 71, errors.MerchantNameInvalid),
        ("name", "Chez\x00Ginette", errors.MerchantNameInvalid),
        ("siret", "73282932000075", errors.SiretInvalid),
        ("siret", "732829320", errors.SiretInvalid),
        ("siret", "", errors.SiretInvalid),
        ("category", "casino", errors.CategoryUnknown),
        ("iban", "FR7630006000011234567890188", errors.IbanInvalid),
        # The IBAN's own key is right, the French one inside is not: a typing error in the account number.
        ("iban", "FR5630006000011234567890180", errors.IbanInvalid),
        ("iban", "", errors.IbanInvalid),
        ("address", Address(street="Rue du Port", postcode="64100"), errors.AddressIncomplete),
        ("debt_limit_cents", -1, errors.DebtLimitInvalid),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check_admission(**admission(**{field: value}))


def test_everything_wrong_at_once_is_refused_for_the_first_reason() -> None:
    with pytest.raises(errors.MerchantNameInvalid):
        check_admission(name="", siret="1", category="?", iban="?", address=Address())


def test_a_shop_may_bank_abroad() -> None:
    assert check_iban(OF_ANOTHER_COUNTRY) == ("DE89370400440532013000", "COBADEFFXXX")
