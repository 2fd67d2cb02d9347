"""A busy batch waits for those who asked lately, an idle one for nobody."""

import threading
from collections.abc import Callable, Iterator

import pytest

from monnaie_locale.database.gathering import Gathering


def counted(*counts: int) -> tuple[Callable[[], int], list[int]]:
    """Return how many wait, told anew at each look, and the looks that were taken."""
    looks: list[int] = []
    rest: Iterator[int] = iter(counts)

    def waiting() -> int:
        looks.append(next(rest, counts[-1]))
        return looks[-1]

    return waiting, looks


def test_the_first_who_asks_is_served_at_once() -> None:
    waiting, looks = counted(1)
    Gathering().gather(waiting)
    assert looks == [1]


@pytest.mark.parametrize(
    ("counts", "looks"),
    [
        ((3,), [3]),  # all are there
        ((1, 2, 3), [1, 2, 3]),  # they come one by one
        ((1, 1), [1, 1]),  # nobody comes any more: one quiet moment is enough
        ((0, 0), [0, 0]),
        ((2, 5), [2, 5]),  # more than were expected
    ],
)
def test_those_who_asked_lately_are_waited_for_while_they_come(counts: tuple[int, ...], looks: list[int]) -> None:
    gathering = Gathering()
    gathering.served(3, left=0)
    waiting, taken = counted(*counts)
    gathering.gather(waiting)
    assert taken == looks


def test_who_has_gone_is_forgotten_one_batch_after_the_other() -> None:
    gathering = Gathering()
    gathering.served(3, left=0)
    gathering.served(1, left=0)
    waiting, looks = counted(2)
    gathering.gather(waiting)
    # Two are still expected, not three, and not one yet.
    assert looks == [2]
    waiting, looks = counted(1, 1)
    gathering.gather(waiting)
    assert looks == [1, 1]


@pytest.mark.parametrize("ring", [lambda gathering: gathering.came(1), Gathering.wake])
def test_a_sleeper_is_woken_by_whoever_comes_and_by_a_call(ring: Callable[[Gathering], None]) -> None:
    gathering = Gathering()
    gathering.served(2, left=0)
    gathering.gather(lambda: 0)
    asleep = threading.Event()
    sleeper = threading.Thread(target=gathering.await_one, args=(lambda: asleep.set() or 0,), daemon=True)
    sleeper.start()
    asleep.wait()
    # The control: nobody came, so it sleeps on.
    sleeper.join(0.05)
    assert sleeper.is_alive()

    ring(gathering)

    sleeper.join(10)
    assert not sleeper.is_alive()
