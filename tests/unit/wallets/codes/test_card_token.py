"""A mistyped or misread code is caught before the database is asked, and nothing drawn is guessable."""

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.codes.card_token import (
    ALPHABET,
    NUMBER_LENGTH,
    TOKEN_LENGTH,
    card_number_shown,
    card_url,
    draw_card_number,
    draw_pin,
    draw_token,
    is_trivial_pin,
    normalise,
    normalise_card_number,
    token_digest,
)
from wallets.errors import REFUSALS, CardMalformed, CardOfAnotherTown

HOST = "monnaie.ville-exemple.fr"
tokens = st.binary(min_size=13, max_size=13).map(lambda drawn: draw_token(lambda _size: drawn))
numbers = st.integers(0, 2**32).map(lambda seed: draw_card_number(random.Random(seed).randbytes))


def swapped(text, place):
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


@given(tokens)
def test_a_token_is_twenty_one_characters_and_comes_back_from_its_url(token):
    assert len(token) == TOKEN_LENGTH
    assert set(token) <= set(ALPHABET)
    assert normalise(card_url(host=HOST, token=token), host=HOST) == token
    assert normalise(token, host=HOST) == token


@given(tokens)
def test_a_token_is_read_in_any_spelling(token):
    spelled = "-".join(token[start : start + 7] for start in range(0, TOKEN_LENGTH, 7)).lower()
    lookalikes = token.replace("1", "l").replace("0", "o")
    assert normalise(f"  {spelled}\n", host=HOST) == token
    assert normalise(lookalikes, host=HOST) == token
    assert normalise(token.replace("1", "I").replace("0", "O"), host=HOST) == token
    assert normalise(card_url(host=HOST, token=token).lower(), host=HOST.upper()) == token


@given(tokens, st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_refused(token, place, character):
    wrong = token[:place] + character + token[place + 1 :]
    if wrong == token:
        assert normalise(wrong, host=HOST) == token
    else:
        with pytest.raises(CardMalformed):
            normalise(wrong, host=HOST)


def test_every_wrong_character_of_a_token_is_refused():
    token = draw_token(random.Random(11).randbytes)
    wrong = [token[:place] + other + token[place + 1 :] for place in range(TOKEN_LENGTH) for other in ALPHABET]
    accepted = {text for text in wrong if is_accepted(text)}
    assert accepted == {token}


def is_accepted(text):
    try:
        normalise(text, host=HOST)
    except CardMalformed:
        return False
    return True


def test_more_than_ninety_nine_swaps_of_neighbours_in_a_hundred_are_caught():
    drawn = random.Random(3)
    swaps = missed = 0
    for _ in range(300):
        token = draw_token(drawn.randbytes)
        for place in range(TOKEN_LENGTH - 1):
            if token[place] != token[place + 1]:
                swaps += 1
                missed += is_accepted(swapped(token, place))
    assert swaps > 5000
    assert 0 < missed < swaps / 100  # Luhn cannot see the swap of the first and last letters of the alphabet


def test_a_token_carries_one_hundred_bits_and_no_more():
    assert draw_token(lambda size: b"\xff" * size)[:20] == "Z" * 20
    assert draw_token(bytes) == "0" * 21
    last_bits = {draw_token(lambda size, low=low: bytes(size - 1) + bytes([low])) for low in range(256)}
    assert len(last_bits) == 16


def test_tokens_of_a_real_source_differ():
    drawn = random.Random(5)
    assert len({draw_token(drawn.randbytes) for _ in range(2000)}) == 2000


@pytest.mark.parametrize(
    "scanned",
    [
        "HTTPS://MONNAIE.AUTRE-VILLE.FR/W/",
        "https://monnaie.ville-exemple.fr.pirate.example/W/",
        "https://monnaie.ville-exemple.fr@pirate.example/W/",
        "https://monnaie.ville-exemple.fr:8443/W/",
    ],
)
def test_a_card_on_another_host_is_of_another_town(scanned):
    token = draw_token(random.Random(1).randbytes)
    with pytest.raises(CardOfAnotherTown):
        normalise(scanned + token, host=HOST)


@pytest.mark.parametrize(
    "scanned",
    [
        "",
        " ",
        "https://monnaie.ville-exemple.fr",
        "https://monnaie.ville-exemple.fr/W/",
        "https://monnaie.ville-exemple.fr/P/{token}",
        "https://monnaie.ville-exemple.fr/W/{token}/",
        "https://monnaie.ville-exemple.fr/W/{token}?a=1",
        "http://monnaie.ville-exemple.fr/W/{token}",
        "MLR1:{token}",
        "{token}0",
        "{token}{token}",
        "U{token}",
        "é{token}",
        "0" * 100_000,
        "١" * 21,
    ],
)
def test_what_is_not_a_card_is_malformed(scanned):
    token = draw_token(random.Random(1).randbytes)
    with pytest.raises(CardMalformed):
        normalise(scanned.format(token=token), host=HOST)


def test_a_host_with_a_port_is_ours_only_with_that_port():
    token = draw_token(random.Random(1).randbytes)
    assert normalise(card_url(host="127.0.0.1:8000", token=token), host="127.0.0.1:8000") == token
    with pytest.raises(CardOfAnotherTown):
        normalise(card_url(host="127.0.0.1:8000", token=token), host="127.0.0.1")


def test_only_the_digest_is_stored():
    token = draw_token(random.Random(1).randbytes)
    assert token_digest(token) == hashlib.sha256(token.encode()).digest()


@given(numbers)
def test_a_card_number_is_ten_digits_read_back_as_shown(number):
    assert len(number) == NUMBER_LENGTH
    assert number[0] != "0"
    assert normalise_card_number(card_number_shown(number)) == number
    assert normalise_card_number(card_number_shown(number).replace(" ", "\u00a0")) == number


def test_a_card_number_is_shown_in_groups_of_three():
    assert card_number_shown("1234567897") == "123 456 789 7"


@given(numbers, st.integers(0, NUMBER_LENGTH - 1), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_a_card_number_is_refused(number, place, digit):
    wrong = number[:place] + digit + number[place + 1 :]
    if wrong != number:
        with pytest.raises(CardMalformed):
            normalise_card_number(wrong)


@given(numbers)
def test_swapped_digits_of_a_card_number_are_refused_but_for_zero_and_nine(number):
    for place, (left, right) in enumerate(pairwise(number)):
        if left != right and {left, right} != {"0", "9"}:
            with pytest.raises(CardMalformed):
                normalise_card_number(swapped(number, place))


@pytest.mark.parametrize("typed", ["", "123456789", "12345678901", "abcdefghij", "١٢٣٤٥٦٧٨٩٠", "1" * 10_000])
def test_what_is_not_a_card_number_is_malformed(typed):
    with pytest.raises(CardMalformed):
        normalise_card_number(typed)


def test_card_numbers_cover_their_whole_range():
    assert draw_card_number(bytes).startswith("100000000")
    drawn = random.Random(2)
    firsts = {draw_card_number(drawn.randbytes)[0] for _ in range(500)}
    assert firsts == set("123456789")


@pytest.mark.parametrize(
    "pin",
    [
        "0000",
        "1111",
        "9999",
        "1234",
        "0123",
        "6789",
        "7890",
        "4321",
        "9876",
        "3210",
        "1212",
        "6969",
        "1122",
        "7788",
        "1984",
        "1900",
        "1999",
        "2000",
        "2026",
        "2099",
        "2580",
        "0852",
        "1221",
        "7770",
        "0001",
        "1357",
        "8642",
        "8901",
        "0147",
        "8520",
        "3690",
        "0963",
    ],
)
def test_a_trivial_pin_is_never_drawn(pin):
    assert is_trivial_pin(pin)
    wanted = int(pin)
    answers = iter([wanted, 7305])
    assert draw_pin(lambda size: next(answers).to_bytes(size)) == "7305"


def test_every_year_in_which_somebody_living_was_born_is_trivial():
    assert all(is_trivial_pin(str(year)) for year in range(1900, 2100))


@pytest.mark.parametrize("pin", ["7305", "0042", "1337", "1243", "2100", "1893", "1473", "9074"])
def test_an_ordinary_pin_is_kept(pin):
    assert not is_trivial_pin(pin)
    assert draw_pin(lambda size: int(pin).to_bytes(size)) == pin


def test_pins_are_drawn_evenly_over_all_that_are_not_trivial():
    drawn = random.Random(4)
    wanted = {f"{value:04d}" for value in range(10_000)} - {
        f"{value:04d}" for value in range(10_000) if is_trivial_pin(f"{value:04d}")
    }
    assert len(wanted) == 9_082
    counts = dict.fromkeys(wanted, 0)
    for _ in range(200_000):
        counts[draw_pin(drawn.randbytes)] += 1
    average = 200_000 / len(wanted)
    chi_squared = sum((count - average) ** 2 / average for count in counts.values())
    # Degrees of freedom about 9 100: five standard deviations (135 each) on either side.
    assert abs(chi_squared - len(wanted)) < 5 * (2 * len(wanted)) ** 0.5


def test_a_draw_that_would_favour_the_low_pins_is_thrown_away():
    answers = iter([2**24 - 1, 7305])
    assert draw_pin(lambda size: next(answers).to_bytes(size)) == "7305"


def test_a_broken_random_source_is_an_error_and_not_an_endless_loop():
    with pytest.raises(RuntimeError):
        draw_pin(bytes)


def test_refusals_say_what_to_do_in_french():
    assert [refusal.code for refusal in REFUSALS][:2] == ["card_malformed", "card_of_another_town"]
    assert "Scannez" in CardMalformed().sentence()
    assert "monnaie locale" in CardOfAnotherTown().sentence()
