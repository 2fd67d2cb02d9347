"""Who acted, as a page says it when it was no person."""

import pytest

from monnaie_locale.identity.callers import caller_fr


@pytest.mark.parametrize(
    ("caller", "french"),
    [
        ("bank", "relevé de la banque"),
        ("payouts", "ordre de virement"),
        ("till:12", "caisse n° 12"),
        ("till:a", "till:a"),
        ("staff:3", "staff:3"),
        ("", ""),
    ],
)
def test_a_program_or_a_device_has_a_name(caller, french):
    assert caller_fr(caller) == french
