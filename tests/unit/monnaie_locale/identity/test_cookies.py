"""What a session's cookie holds, and tokens."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monnaie_locale.identity import cookies, tokens
from monnaie_locale.identity.cookies import Ticket
from monnaie_locale.identity.roles import SubjectKind

KEY = b"k" * 32
TICKET = Ticket("c2VjcmV0", 1_791_187_200_000)
STAFF = SubjectKind.STAFF
VALUE = cookies.pack(TICKET, kind=STAFF, key=KEY)


def test_a_cookie_gives_back_what_was_put_in():
    assert cookies.unpack(VALUE, kind=STAFF, key=KEY) == TICKET


@example(position=VALUE.index("b"), character="B")
@given(position=st.integers(0, len(VALUE) - 1), character=st.characters(codec="ascii"))
def test_a_cookie_changed_anywhere_is_not_ours(position, character):
    changed = VALUE[:position] + character + VALUE[position + 1 :]

    assert cookies.unpack(changed, kind=STAFF, key=KEY) in {None, TICKET}
    assert (cookies.unpack(changed, kind=STAFF, key=KEY) == TICKET) is (changed == VALUE)


def test_a_cookie_of_another_kind_or_key_is_not_ours():
    assert cookies.unpack(VALUE, kind=SubjectKind.TILL, key=KEY) is None
    assert cookies.unpack(VALUE, kind=STAFF, key=b"x" * 32) is None


@pytest.mark.parametrize("value", ["", ".", "..", "a.b", "a.zz.c", "a.1.é", "a.1.b.c", "x" * 10_000])
def test_rubbish_is_not_ours(value):
    assert cookies.unpack(value, kind=STAFF, key=KEY) is None


def test_over_https_a_cookie_belongs_to_this_host_alone():
    assert cookies.name_of(STAFF, https=True) == "__Host-monnaie-staff"
    assert cookies.name_of(STAFF, https=False) == "monnaie-staff"


def test_each_session_has_its_own_form_token():
    assert cookies.form_token("a", key=KEY) != cookies.form_token("b", key=KEY)
    assert cookies.form_token("a", key=KEY) == cookies.form_token("a", key=KEY)


def test_nothing_secret_is_shown_in_a_trace():
    assert TICKET.token not in repr(TICKET)


def test_a_token_has_at_least_128_bits_and_only_its_digest_is_kept():
    token = tokens.draw(lambda count: bytes(range(count)))

    assert tokens.TOKEN_BYTES * 8 >= 128
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    assert len(tokens.digest(token)) == 32


def test_a_password_is_readable_on_paper_and_unbiased():
    stream = iter(range(256))
    drawn = tokens.draw_password(lambda count: bytes(next(stream) for _ in range(count)))

    assert re.fullmatch(r"[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){3}", drawn)
    # 256 is not a multiple of 31: bytes from 248 on would favour the first letters.
    assert tokens.draw_password(_bytes_in_turn()) == "aaaa-aaaa-aaaa-aaaa"


def _bytes_in_turn():
    answers = iter([b"\xff" * 32, b"\x00" * 32])
    return lambda _count: next(answers)
