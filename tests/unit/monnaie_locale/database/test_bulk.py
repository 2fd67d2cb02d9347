"""Digests for SQLite are written by hand: any other writer of JSON gives the same."""

import json

from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.database.bulk import json_of

DIGESTS = st.lists(st.binary(min_size=1, max_size=32))


@given(DIGESTS)
def test_bytes_are_an_array_of_their_hexadecimal(values):
    assert json_of(values) == json.dumps([value.hex() for value in values], separators=(",", ":"))
    assert [bytes.fromhex(text) for text in json.loads(json_of(values))] == values


def test_the_control_bytes_are_told_from_what_looks_like_them():
    assert json_of([b"\x12"]) == '["12"]'
    assert json_of([12]) == "[12]"
