"""Proofs about the log: judged by pymerkle, which we did not write, and refused as soon as one bit is another."""

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle.core import _consistency_path_layout, _inclusion_path_layout

from monnaie_locale.ledger.merkle import Frontier, hash_leaf, root_of
from monnaie_locale.ledger.proofs import (
    consistency_holds,
    consistency_path,
    consistency_spans,
    inclusion_holds,
    inclusion_path,
)

CONTENTS = [f"entry {number}".encode() for number in range(1, 201)]
LEAVES = [hash_leaf(content) for content in CONTENTS]
TREE = pymerkle.InmemoryTree(algorithm="sha256")
for each in CONTENTS:
    TREE.append_entry(each)

sizes = st.integers(min_value=1, max_value=len(LEAVES))
pairs = st.tuples(sizes, sizes).map(sorted)


def stranger_s_inclusion(index: int, size: int, path: tuple[bytes, ...]) -> pymerkle.InclusionProof:
    """Put our path into a proof of pymerkle's, which counts from one and begins with the leaf."""
    rule, _ = _inclusion_path_layout(index + 1, size)
    return pymerkle.InclusionProof("sha256", True, size, index + 1, rule, [LEAVES[index], *path])


def stranger_s_consistency(old: int, new: int, path: tuple[bytes, ...]) -> pymerkle.ConsistencyProof:
    """Put our path into a proof of pymerkle's, which opens the node right of the old log down to its first leaf."""
    rule, subset, spans = _consistency_path_layout(old, new)
    ours = dict(zip(consistency_spans(old_size=old, new_size=new), path, strict=True))
    ours[0, old] = root_of(LEAVES[:old])
    opened = [ours.get(span) or root_of(LEAVES[slice(*span)]) for span in spans]
    return pymerkle.ConsistencyProof("sha256", True, new, old, rule, subset, opened)


@given(pairs)
def test_a_stranger_finds_the_entry_in_the_log_by_our_path(pair: list[int]) -> None:
    number, size = pair
    path = inclusion_path(iter(LEAVES), index=number - 1, size=size)

    proof = stranger_s_inclusion(number - 1, size, path)

    pymerkle.verify_inclusion(LEAVES[number - 1], TREE.get_root(size), proof, index=number, size=size)
    assert proof.path[1:] == TREE.prove_inclusion(number, size).path[1:]


@given(pairs)
def test_a_stranger_sees_by_our_path_that_the_log_only_grew(pair: list[int]) -> None:
    old, new = pair
    path = consistency_path(iter(LEAVES), old_size=old, new_size=new)

    proof = stranger_s_consistency(old, new, path)

    pymerkle.verify_consistency(TREE.get_root(old), TREE.get_root(new), proof, prior_size=old, later_size=new)


@given(pairs, st.data())
def test_a_stranger_refuses_our_path_with_one_bit_flipped(pair: list[int], data: st.DataObject) -> None:
    number, size = pair
    path = inclusion_path(LEAVES, index=number - 1, size=size)
    flipped = _flipped(path, data)

    with pytest.raises(pymerkle.InvalidProof):
        pymerkle.verify_inclusion(
            LEAVES[number - 1], TREE.get_root(size), stranger_s_inclusion(number - 1, size, flipped)
        )


@given(pairs, st.data())
def test_inclusion_holds_as_it_is_and_not_otherwise(pair: list[int], data: st.DataObject) -> None:
    number, size = pair
    root = root_of(LEAVES[:size])
    said = {
        "leaf": LEAVES[number - 1],
        "index": number - 1,
        "size": size,
        "path": inclusion_path(LEAVES, index=number - 1, size=size),
        "root": root,
    }

    assert inclusion_holds(**said)
    assert not inclusion_holds(**said | {"path": _flipped(said["path"], data)})
    assert not inclusion_holds(**said | {"path": (*said["path"], root)})
    assert not inclusion_holds(**said | {"root": LEAVES[0][::-1]})
    assert not inclusion_holds(**said | {"leaf": hash_leaf(b"another entry")})
    assert not inclusion_holds(**said | {"index": size})
    assert not inclusion_holds(**said | {"index": -1})
    if size > 1:
        assert not inclusion_holds(**said | {"path": said["path"][:-1]})
        assert not inclusion_holds(**said | {"index": (number % size)})


@given(pairs, st.data())
def test_consistency_holds_as_it_is_and_not_otherwise(pair: list[int], data: st.DataObject) -> None:
    old, new = pair
    said = {
        "old_size": old,
        "old_root": root_of(LEAVES[:old]),
        "new_size": new,
        "new_root": root_of(LEAVES[:new]),
        "path": consistency_path(LEAVES, old_size=old, new_size=new),
    }

    assert consistency_holds(**said)
    assert not consistency_holds(**said | {"path": _flipped(said["path"], data)})
    assert not consistency_holds(**said | {"path": (*said["path"], said["new_root"])})
    assert not consistency_holds(**said | {"old_root": LEAVES[0][::-1]})
    assert not consistency_holds(**said | {"new_root": LEAVES[0][::-1]})
    assert not consistency_holds(**said | {"old_size": 0})
    assert not consistency_holds(**said | {"new_size": old - 1})
    if old < new:
        assert not consistency_holds(**said | {"path": ()})
        assert not consistency_holds(**said | {"path": said["path"][:-1]})


@given(pairs)
def test_a_log_with_an_older_entry_changed_is_no_continuation(pair: list[int]) -> None:
    old, new = pair
    rewritten = [hash_leaf(b"rewritten"), *LEAVES[1:]]
    path = consistency_path(rewritten, old_size=old, new_size=new)

    roots = {"old_root": root_of(LEAVES[:old]), "new_root": root_of(rewritten[:new])}
    assert not consistency_holds(old_size=old, new_size=new, path=path, **roots)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_a_leaf_that_is_not_in_the_log_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(LEAVES, index=index, size=size)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5)])
def test_a_log_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="does not grow"):
        consistency_path(LEAVES, old_size=old, new_size=new)


def test_missing_leaves_are_no_proof() -> None:
    with pytest.raises(ValueError, match="missing"):
        inclusion_path(LEAVES[:9], index=3, size=10)


@given(st.integers(0, 30), st.integers(0, 16), st.integers(0, 16))
def test_parts_hashed_apart_join_into_the_log(chunks: int, first: int, second: int) -> None:
    start = 16 * chunks
    many = [hash_leaf(str(number).encode()) for number in range(start + 32)]
    before = Frontier().extended(many[:start])

    joined = before.joined(Frontier().extended(many[start : start + first]))

    assert joined == before.extended(many[start : start + first])
    if first == 16:
        part = Frontier().extended(many[start + 16 : start + 16 + second])
        assert joined.joined(part) == Frontier().extended(many[: start + 16 + second])


def test_a_part_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Frontier().extended(LEAVES[:6]).joined(Frontier().extended(LEAVES[:3]))


def _flipped(path: tuple[bytes, ...], data: st.DataObject) -> tuple[bytes, ...]:
    """Return the path with one bit of one hash flipped; one that is empty gets a hash that is not in it."""
    if not path:
        return (bytes(32),)
    place = data.draw(st.integers(0, len(path) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = (int.from_bytes(path[place]) ^ 1 << bit).to_bytes(32)
    return (*path[:place], changed, *path[place + 1 :])
