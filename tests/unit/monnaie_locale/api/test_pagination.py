"""Cursors."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.api.errors import CursorInvalid
from monnaie_locale.api.pagination import NUMBER_MAX, read_cursor, write_cursor


@given(number=st.integers(-NUMBER_MAX, NUMBER_MAX), text=st.text(max_size=40))
def test_a_cursor_gives_back_its_position(number, text):
    assert read_cursor(write_cursor((number, text)), shape=(int, str)) == (number, text)


def test_without_a_cursor_one_starts_at_the_first_page():
    assert read_cursor(None) is None


def as_cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "é",
        "!!!!",
        "AAAA",
        as_cursor({}),
        as_cursor([]),
        as_cursor(["1"]),
        as_cursor([True]),
        as_cursor([1, 2]),
        as_cursor([1.5]),
        as_cursor([2**63]),
        as_cursor([-(10**30)]),
    ],
)
def test_what_we_did_not_write_is_refused(cursor):
    with pytest.raises(CursorInvalid):
        read_cursor(cursor)
