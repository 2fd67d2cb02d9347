"""The Merkle log against the definition of RFC 9162 and against pymerkle, which we did not write."""

import hashlib

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monnaie_locale.ledger.merkle import Frontier, frontiers_at, hash_leaf, hash_node, root_of


def _root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word: split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hash_node(_root_by_definition(leaves[:split]), _root_by_definition(leaves[split:]))


@given(st.lists(st.binary(max_size=8), max_size=70), st.integers(min_value=0, max_value=70))
def test_appending_in_two_goes_gives_the_root_of_the_definition(contents: list[bytes], cut: int) -> None:
    leaves = [hash_leaf(content) for content in contents]

    frontier = Frontier().extended(leaves[:cut])
    stored = Frontier.from_bytes(frontier.size, frontier.to_bytes()).extended(leaves[cut:])

    assert stored.root() == _root_by_definition(leaves)
    assert stored.size == len(leaves)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_a_stranger_s_tree_has_the_same_root(size: int) -> None:
    contents = [f"entry {number}".encode() for number in range(size)]
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for content in contents:
        tree.append_entry(content)

    assert root_of([hash_leaf(content) for content in contents]) == tree.get_root()
    assert root_of([hash_leaf(content) for content in reversed(contents)]) != tree.get_root() or size == 1


@given(st.integers(min_value=0, max_value=70), st.data())
def test_the_frontiers_of_many_sizes_are_those_of_appending(length: int, data: st.DataObject) -> None:
    leaves = [hash_leaf(bytes([number])) for number in range(length)]
    sizes = data.draw(st.lists(st.integers(min_value=0, max_value=length), max_size=5))

    assert frontiers_at(leaves, sizes) == [Frontier().extended(leaves[:size]) for size in sizes]
