"""Six-digit codes, against the vectors of RFC 6238."""

import pytest

from monnaie_locale.identity import totp

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_rfc(moment_s, code):
    # Appendix B gives eight digits; the last six are the six-digit code.
    assert totp.code_at(secret=RFC_SECRET, step=moment_s // totp.STEP_S) == code
    assert totp.matching_step(secret=RFC_SECRET, code=code, now_s=moment_s, after_step=0) == moment_s // totp.STEP_S


@pytest.mark.parametrize(("late_s", "accepted"), [(-31, False), (-30, True), (0, True), (59, True), (60, False)])
def test_a_code_holds_one_step_either_side(late_s, accepted):
    code = totp.code_at(secret=RFC_SECRET, step=100)

    assert (totp.matching_step(secret=RFC_SECRET, code=code, now_s=3000 + late_s, after_step=0) == 100) is accepted


def test_a_code_already_used_is_no_code():
    code = totp.code_at(secret=RFC_SECRET, step=100)

    assert totp.matching_step(secret=RFC_SECRET, code=code, now_s=3000, after_step=99) == 100
    assert totp.matching_step(secret=RFC_SECRET, code=code, now_s=3000, after_step=100) is None


@pytest.mark.parametrize("typed", ["", "28708", "2870820", "abcdef", "２８７０８２", "287082\x00"])
def test_what_is_not_six_digits_is_refused(typed):
    assert totp.matching_step(secret=RFC_SECRET, code=typed, now_s=59, after_step=0) is None


def test_spaces_are_allowed_as_telephones_show_them():
    assert totp.matching_step(secret=RFC_SECRET, code=" 287 082 ", now_s=59, after_step=0) == 1


def test_the_enrolment_address_is_what_applications_read():
    address = totp.enrolment_address(secret=RFC_SECRET, login="camille", issuer="Monnaie locale")

    assert address == (
        "otpauth://totp/Monnaie%20locale%3Acamille?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=Monnaie%20locale&digits=6&period=30"
    )
