"""The digests of idempotency keys: told apart by caller, and side by side when they were made at one time."""

import hashlib
import uuid

from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.keys import key_digest, timed_key

DAY_MS = 86_400_000
NOW_MS = 1_796_083_200_000
CALLERS = st.sampled_from(["till:1", "till:12", "staff:3"])
CHANCE = st.binary(min_size=10, max_size=10)


def _plain(caller: str, key: str) -> bytes:
    return hashlib.sha256(f"{caller}\x00{key}".encode()).digest()


def test_keys_of_two_callers_are_told_apart() -> None:
    assert key_digest(caller="till:1", idempotency_key="23") != key_digest(caller="till:12", idempotency_key="3")
    key = timed_key(at_ms=NOW_MS, chance=bytes(10))
    assert key_digest(caller="till:1", idempotency_key=key) != key_digest(caller="till:2", idempotency_key=key)


@given(caller=CALLERS, key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128))
def test_a_key_without_time_has_the_digest_it_always_had(caller: str, key: str) -> None:
    assert key_digest(caller=caller, idempotency_key=key) == _plain(caller, key)


@given(at_ms=st.integers(0, 2**48 - 1), chance=CHANCE)
def test_a_timed_key_is_a_uuid_of_version_8(at_ms: int, chance: bytes) -> None:
    read = uuid.UUID(timed_key(at_ms=at_ms, chance=chance))
    assert (read.version, read.variant, read.int >> 80) == (8, uuid.RFC_4122, at_ms)


@given(first=CHANCE, second=CHANCE)
def test_two_draws_of_chance_make_two_keys_when_their_74_bits_differ(first: bytes, second: bytes) -> None:
    drawn = [int.from_bytes(chance, "big") & (1 << 74) - 1 for chance in (first, second)]
    keys = [timed_key(at_ms=NOW_MS, chance=chance) for chance in (first, second)]
    assert (keys[0] == keys[1]) == (drawn[0] == drawn[1])


@given(caller=CALLERS, early=CHANCE, late=CHANCE, gap_ms=st.integers(1, 365 * DAY_MS))
def test_digests_of_timed_keys_are_in_the_order_of_their_times(
    caller: str, early: bytes, late: bytes, gap_ms: int
) -> None:
    before, after = timed_key(at_ms=NOW_MS, chance=early), timed_key(at_ms=NOW_MS + gap_ms, chance=late)
    digests = [key_digest(caller=caller, idempotency_key=key) for key in (before, after)]
    assert digests[0] < digests[1]
    # All but the time is still the hash of the whole key: who knows the time cannot choose the rest.
    assert [digest[6:] for digest in digests] == [_plain(caller, key)[:26] for key in (before, after)]
    assert {len(digest) for digest in digests} == {32}


def test_a_key_made_before_the_form_was_known_keeps_its_plain_digest() -> None:
    key = timed_key(at_ms=1_795_651_199_999, chance=bytes(10))
    assert key_digest(caller="till:1", idempotency_key=key) == _plain("till:1", key)
    following = timed_key(at_ms=1_795_651_200_000, chance=bytes(10))
    assert key_digest(caller="till:1", idempotency_key=following) != _plain("till:1", following)


def test_a_time_ordered_key_of_another_client_keeps_the_digest_that_an_older_program_gave_it() -> None:
    """Else its retry after the upgrade would pay again, and a key given up before would pay."""
    key = str(uuid.UUID(int=uuid.UUID(timed_key(at_ms=NOW_MS, chance=bytes(10))).int ^ (7 ^ 8) << 76))
    assert uuid.UUID(key).version == 7
    assert key_digest(caller="till:1", idempotency_key=key) == _plain("till:1", key)


def test_what_only_looks_like_a_timed_key_is_hashed_whole() -> None:
    like = timed_key(at_ms=NOW_MS, chance=bytes(10))
    for key in (
        like.replace("-8000-", "-4000-"),
        like[:-1],
        " " + like[1:],
        "zz" + like[2:],
        like[:9] + "    " + like[13:],
    ):
        assert key_digest(caller="till:1", idempotency_key=key) == _plain("till:1", key)
