"""How many lines a chunk of a distribution writes: about a tenth of a second of work, within bounds."""

import pytest

from monnaie_locale.programmes.operations import chunks
from monnaie_locale.programmes.operations.chunks import CHUNK_LINES_MAX, CHUNK_LINES_MIN, CHUNK_S, Pace, pace_of


class _Clock:
    """The monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(chunks, "time", clock)
    return clock


def _after(pace: Pace, clock: _Clock, *, took_s: float) -> int:
    with pace.measured():
        clock.now_s += took_s
    return pace.lines


@pytest.mark.parametrize(
    ("lines", "took_s", "next_lines"),
    [
        (500, CHUNK_S, 500),
        (500, 2 * CHUNK_S, 250),
        (500, CHUNK_S / 1.25, 625),
        # At most twice as many at once: one lucky chunk must not make the next one ten times as long.
        (500, CHUNK_S / 100, 1_000),
        (500, 100 * CHUNK_S, CHUNK_LINES_MIN),
        (CHUNK_LINES_MAX, CHUNK_S / 2, CHUNK_LINES_MAX),
    ],
)
def test_the_next_chunk_is_as_long_as_the_last_one_was_fast(clock, lines, took_s, next_lines) -> None:
    assert _after(Pace(lines), clock, took_s=took_s) == pytest.approx(next_lines, abs=1)


def test_a_pace_that_was_asked_for_is_kept(clock) -> None:
    assert _after(pace_of(500), clock, took_s=100 * CHUNK_S) == 500
    # The control: one that nobody asked for follows the same slow chunk.
    assert _after(pace_of(None), clock, took_s=100 * CHUNK_S) == CHUNK_LINES_MIN


def test_a_pace_goes_on_from_one_call_to_the_next() -> None:
    pace = Pace(321)

    assert pace_of(pace) is pace
