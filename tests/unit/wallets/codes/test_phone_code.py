"""The canonical form of a phone's code, its minute, and what no key signs."""

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from monnaie_locale.ledger.periods import instant_ms
from tests.factories.merchants import NOW
from tests.factories.phones import HOST, PocketPhone, pocket_phone
from wallets.codes.card_token import ALPHABET, CardCode, card_url, draw_token
from wallets.codes.phone_code import PhoneCode, check_public_key, is_genuine, parse_shown_code, phone_code_url
from wallets.errors import CardMalformed, CardOfAnotherTown, PhoneKeyInvalid

NOW_MS = instant_ms(NOW)
# Written by hand from the description in phone_code.py: phone 7, 1 790 000 000 s, chance 1, signature 01 02 … 40.
KNOWN_PAYLOAD = bytes.fromhex("000000076ab13b80000000000001")
KNOWN_SIGNATURE = bytes(range(1, 65))


@pytest.fixture
def phone() -> PocketPhone:
    found = pocket_phone()
    found.phone_id = 7
    return found


def read(text: str, now_ms: int | None = NOW_MS) -> PhoneCode:
    code = parse_shown_code(text, host=HOST, now_ms=now_ms)
    assert isinstance(code, PhoneCode)
    return code


def test_the_form_is_the_one_that_is_written_down() -> None:
    text = phone_code_url(host=HOST, payload=KNOWN_PAYLOAD, signature=KNOWN_SIGNATURE)
    bits = "".join(f"{byte:08b}" for byte in KNOWN_PAYLOAD + KNOWN_SIGNATURE) + "0"
    by_hand = "".join(ALPHABET[int(bits[start : start + 5], 2)] for start in range(0, len(bits), 5))
    assert text == f"HTTPS://{HOST.upper()}/T/{by_hand}"
    assert len(by_hand) == 125
    code = read(text)
    assert (code.phone_id, code.made_at_ms) == (7, 0x6AB13B80 * 1000)
    assert (code.payload, code.signature) == (KNOWN_PAYLOAD, KNOWN_SIGNATURE)


def test_its_qr_is_alphanumeric_and_of_version_7_at_most(phone: PocketPhone) -> None:
    drawn = QRCode(error_correction=ERROR_CORRECT_M)
    drawn.add_data(phone.code())
    drawn.make(fit=True)
    assert drawn.version <= 7


@pytest.mark.parametrize(
    ("age_ms", "fresh"), [(0, True), (60_000, True), (60_001, False), (-5_000, True), (-5_001, False)]
)
def test_a_code_lives_for_a_minute_of_the_service_s_clock(phone: PocketPhone, *, age_ms: int, fresh: bool) -> None:
    made_at_ms = read(phone.code()).made_at_ms
    assert read(phone.code(), made_at_ms + age_ms).is_fresh is fresh


def test_without_a_clock_nothing_is_fresh(phone: PocketPhone) -> None:
    assert not read(phone.code(), None).is_fresh


def test_only_its_own_key_signs(phone: PocketPhone) -> None:
    code = read(phone.code())
    assert is_genuine(code, host=HOST, public_key=phone.public_key)
    assert not is_genuine(code, host=HOST, public_key=pocket_phone().public_key)
    assert not is_genuine(code, host="monnaie.autre-ville.fr", public_key=phone.public_key)
    for place in range(14):
        changed = bytearray(code.payload)
        changed[place] ^= 1
        assert not is_genuine(PhoneCode(bytes(changed), code.signature), host=HOST, public_key=phone.public_key)
    for nothing in (bytes(64), b"\xff" * 64):
        assert not is_genuine(PhoneCode(code.payload, nothing), host=HOST, public_key=phone.public_key)


def test_the_twin_signature_is_the_same_code(phone: PocketPhone) -> None:
    one, twin = read(phone.code()), read(phone.code(twin=True))
    assert is_genuine(twin, host=HOST, public_key=phone.public_key)
    assert one.signature != twin.signature
    assert (one.digest, one.key) == (twin.digest, twin.key)
    assert read(phone.code(chance=2)).digest != one.digest


def test_another_town_s_code_and_a_maimed_one_are_refused(phone: PocketPhone) -> None:
    with pytest.raises(CardOfAnotherTown):
        read(phone.code(host="monnaie.autre-ville.fr"))
    text = phone.code()
    for maimed in (text[:-1], text + "0", text[:-1] + "U", text[:-1] + "Z", text.replace("/T/", "/T/ ")):
        with pytest.raises(CardMalformed):
            read(maimed)
    assert read(text.lower()).digest == read(text).digest


def test_a_card_is_still_a_card() -> None:
    token = draw_token(lambda size: bytes(range(size)))
    assert isinstance(parse_shown_code(card_url(host=HOST, token=token), host=HOST), CardCode)


def test_only_a_key_on_p256_in_its_one_form_is_taken(phone: PocketPhone) -> None:
    assert check_public_key(phone.public_key) == phone.public_key
    others = [generate_private_key(SECP384R1()).public_key(), Ed25519PrivateKey.generate().public_key()]
    forms = [key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in others]
    for wrong in (*forms, b"", phone.public_key[:-1], phone.public_key + b"\x00", bytes(91)):
        with pytest.raises(PhoneKeyInvalid):
            check_public_key(wrong)


def test_a_code_says_when_it_was_made_to_the_second(phone: PocketPhone) -> None:
    assert read(phone.code(NOW + datetime.timedelta(seconds=3))).made_at_ms == NOW_MS + 3_000
