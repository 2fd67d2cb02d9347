"""Which keys look alike: those of one instant begin alike and are not read again for it."""

from monnaie_locale.audit.model import Entry, Report
from monnaie_locale.audit.replay import Replay
from monnaie_locale.ledger.keys import key_digest, timed_key

NOW_MS = 1_796_083_200_000
# Of keys made at one instant, so many that two of them share two bytes more by chance.
KEYS = 2_000


def _entry(number: int, digest: bytes) -> Entry:
    return Entry(
        entry_id=number, kind=3, happened_at_ms=NOW_MS, recorded_at_ms=NOW_MS, accounted_on="2026-11-30",
        caller="till:1", key_digest=digest, request_digest=b"", reverses_entry_id=None, reference="", lines=[],
        leaf_hash=b"",
    )  # fmt: skip


def test_only_a_key_that_two_entries_have_is_suspect() -> None:
    digests = [
        key_digest(caller="till:1", idempotency_key=timed_key(at_ms=NOW_MS, chance=number.to_bytes(10)))
        for number in range(KEYS)
    ]
    assert len({digest[:8] for digest in digests}) < KEYS
    replay = Replay(Report())
    for number, digest in enumerate(digests, 1):
        replay.post(_entry(number, digest))
    assert replay.repeated_endings() == frozenset()
    # The control: a key that comes twice.
    replay.post(_entry(KEYS + 1, digests[0]))
    assert len(replay.repeated_endings()) == 1
