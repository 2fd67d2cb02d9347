"""Digests for SQLite and texts for PostgreSQL are written by hand: others read or write the same."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.database.bulk import array_of, json_of

DIGESTS = st.lists(st.binary(min_size=1, max_size=32))


@given(DIGESTS)
def test_bytes_are_an_array_of_their_hexadecimal(values):
    assert json_of(values) == json.dumps([value.hex() for value in values], separators=(",", ":"))
    assert [bytes.fromhex(text) for text in json.loads(json_of(values))] == values


def test_the_control_bytes_are_told_from_what_looks_like_them():
    assert json_of([b"\x12"]) == '["12"]'
    assert json_of([12]) == "[12]"


# An element in quotation marks, where a backslash takes the next character as it is (PostgreSQL manual, 8.15.6).
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


@given(st.lists(st.text(alphabet='ab"\\,{} NUL\né'), min_size=1))
def test_texts_are_an_array_whatever_they_hold(values):
    written = array_of(values)
    elements = QUOTED.findall(written)
    assert written == "{" + ",".join(f'"{element}"' for element in elements) + "}"
    assert [re.sub(r"(?s)\\(.)", r"\1", element) for element in elements] == values
