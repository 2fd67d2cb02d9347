"""Repeat an operation in several threads at once and time it: a rate, and how long each caller waited."""

import array
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
# A caller that has not come back this long after the end of its window is stuck: the run fails.
STUCK_S = 120.0

# What a caller repeats; returns how many postings it made.
Step = Callable[[], int]
# More than a caller of many asks in a run: what goes beyond is made on the way.
REQUESTS_READY = 3_000
Request = TypeVar("Request")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a run lasts: the warm-up is not counted."""

    warm_up_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run measured. `acknowledged` counts every posting, also those outside the window."""

    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    counted: int
    acknowledged: int


@dataclass(slots=True)
class _Caller:
    """One thread's own notes: when each step ended and how long it took, nanoseconds, and its postings."""

    ended_ns: "array.array[int]" = field(default_factory=lambda: array.array("q"))
    took_ns: "array.array[int]" = field(default_factory=lambda: array.array("q"))
    postings: "array.array[int]" = field(default_factory=lambda: array.array("q"))
    error: BaseException | None = None


def ready(requests: Iterator[Request]) -> Iterator[Request]:
    """Return the same requests, the first of them made before the clock starts: their making is nobody's speed."""
    return chain(list(islice(requests, REQUESTS_READY)), requests)


def measure(step_of: Callable[[int], Step], *, callers: int, timing: Timing) -> Figures:
    """Run `callers` threads and return their figures.

    Args:
        step_of: called once in each thread with the caller's number; returns what that caller repeats.
        callers: how many threads, each waiting for its own answer before it asks again.
        timing: warm-up and length of the window.

    Raises whatever a caller raised: a run with an error has no figures.

    """
    start = threading.Barrier(callers + 1)
    notes = [_Caller() for _ in range(callers)]
    threads = [
        threading.Thread(target=_repeat, args=(step_of, number, note, start, timing), daemon=True)
        for number, note in enumerate(notes)
    ]
    for thread in threads:
        thread.start()
    try:
        start.wait()
    except threading.BrokenBarrierError:
        _raise_first(notes)
        raise
    from_ns = time.perf_counter_ns() + int(timing.warm_up_s * NS_PER_S)
    for thread in threads:
        thread.join(timing.warm_up_s + timing.seconds + STUCK_S)
        if thread.is_alive():
            message = f"a caller is stuck: no answer {STUCK_S:.0f} s after the end of the run"
            raise TimeoutError(message)
    _raise_first(notes)
    return figures_of(notes, from_ns=from_ns, seconds=timing.seconds)


def _repeat(
    step_of: Callable[[int], Step], number: int, note: _Caller, start: threading.Barrier, timing: Timing
) -> None:
    try:
        step = step_of(number)
        start.wait()
        now_ns = time.perf_counter_ns()
        until_ns = now_ns + int((timing.warm_up_s + timing.seconds) * NS_PER_S)
        while now_ns < until_ns:
            began_ns = now_ns
            postings = step()
            now_ns = time.perf_counter_ns()
            note.ended_ns.append(now_ns)
            note.took_ns.append(now_ns - began_ns)
            note.postings.append(postings)
    except BaseException as error:  # noqa: BLE001 - `measure` raises it again in the main thread
        note.error = error
        start.abort()


def _raise_first(notes: Sequence[_Caller]) -> None:
    # A caller that only found the barrier broken is not the one at fault.
    errors = [note.error for note in notes if note.error is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error


def figures_of(notes: Sequence[_Caller], *, from_ns: int, seconds: float) -> Figures:
    """Return the rate and the waits of the steps that ended inside the window."""
    until_ns = from_ns + int(seconds * NS_PER_S)
    took_ns: list[int] = []
    counted = 0
    for note in notes:
        for ended, took, postings in zip(note.ended_ns, note.took_ns, note.postings, strict=True):
            if from_ns <= ended < until_ns:
                took_ns.append(took)
                counted += postings
    return summary(took_ns, counted=counted, acknowledged=sum(sum(note.postings) for note in notes), seconds=seconds)


def summary(took_ns: list[int], *, counted: int, acknowledged: int, seconds: float) -> Figures:
    """Return the figures of waits in nanoseconds; a run in which nothing ended is an error."""
    if not took_ns:
        message = "nothing ended inside the window: lengthen it (--seconds)"
        raise RuntimeError(message)
    took_ns.sort()
    return Figures(
        per_second=counted / seconds,
        p50_ms=took_ns[len(took_ns) // 2] / NS_PER_MS,
        p99_ms=took_ns[min(len(took_ns) - 1, len(took_ns) * 99 // 100)] / NS_PER_MS,
        worst_ms=took_ns[-1] / NS_PER_MS,
        counted=counted,
        acknowledged=acknowledged,
    )
