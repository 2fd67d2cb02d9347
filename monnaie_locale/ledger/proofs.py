"""Proofs about the log, RFC 9162 §2.1.3 and §2.1.4: that an entry is in it, and that it only grew.

A proof is the roots of a few spans of leaves. `inclusion_spans` and `consistency_spans` say which, so that one pass
over the leaf hashes makes them: the work is that of hashing the log once, the memory that of the proof.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from monnaie_locale.ledger.merkle import Frontier, hash_node

# From a leaf's index to another, the second one not included.
Span = tuple[int, int]
LEAVES_PER_GO = 4_096


def inclusion_path(leaves: Iterable[bytes], *, index: int, size: int) -> tuple[bytes, ...]:
    """Return the path that proves a leaf (RFC 9162 §2.1.3.1).

    Args:
        leaves: the leaf hashes in order, read once; at least `size`.
        index: the leaf's, from 0.
        size: of the log that the proof is about.

    Raises ValueError when the leaf is not in a log of that size, or leaves are missing.

    """
    return _roots(leaves, inclusion_spans(index=index, size=size))


def consistency_path(leaves: Iterable[bytes], *, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """Return the path that proves that a log only grew (RFC 9162 §2.1.4.1); arguments and errors as above."""
    return _roots(leaves, consistency_spans(old_size=old_size, new_size=new_size))


def inclusion_spans(*, index: int, size: int) -> list[Span]:
    """Return the spans whose roots are the inclusion path, in the order of the path: the nearest first."""
    if not 0 <= index < size:
        message = f"no leaf {index} in a log of {size}"
        raise ValueError(message)
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(*, old_size: int, new_size: int) -> list[Span]:
    """Return the spans whose roots are the consistency path, in the order of the path."""
    if not 0 < old_size <= new_size:
        message = f"a log of {old_size} does not grow to {new_size}"
        raise ValueError(message)
    spans: list[Span] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    # The subtree that ends the old log; when it is the whole of it, whoever checks has its root already.
    if start > 0:
        spans.append((start, end))
    return spans[::-1]


def inclusion_holds(*, leaf: bytes, index: int, size: int, path: Iterable[bytes], root: bytes) -> bool:
    """Return whether the path proves the leaf under the root (RFC 9162 §2.1.3.2, step by step)."""
    if not 0 <= index < size:
        return False
    number, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            computed = hash_node(sibling, computed)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            computed = hash_node(computed, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and computed == root


def consistency_holds(*, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Iterable[bytes]) -> bool:
    """Return whether the path proves that the old log begins the new one (RFC 9162 §2.1.4.2, step by step)."""
    steps = list(path)
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not steps and old_root == new_root
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """Return the largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def _roots(leaves: Iterable[bytes], spans: list[Span]) -> tuple[bytes, ...]:
    """Return the root of each span, in the order given; the leaves are read once, in their own order."""
    source, position = iter(leaves), 0
    roots: dict[Span, bytes] = {}
    for start, end in sorted(spans):
        for _ in _taken(source, start - position):
            pass
        frontier = Frontier()
        for some in _taken(source, end - start):
            frontier = frontier.extended(some)
        roots[start, end] = frontier.root()
        position = end
    return tuple(roots[span] for span in spans)


def _taken(source: Iterator[bytes], count: int) -> Iterator[list[bytes]]:
    """Yield the next `count` leaves, some at a time."""
    while count:
        some = list(islice(source, min(count, LEAVES_PER_GO)))
        if not some:
            message = f"{count} leaves are missing"
            raise ValueError(message)
        count -= len(some)
        yield some
