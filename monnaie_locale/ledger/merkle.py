"""The Merkle log of RFC 9162 §2.1: hashes of leaves and nodes, and a root kept up by appending.

The frontier holds one hash for each complete subtree on the right edge: log2(size) hashes are enough to append. Proofs
that an entry is in a log, or that a log only grew, are in `proofs`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
HASH_BYTES = 32


def hash_leaf(content: bytes) -> bytes:
    """Return the leaf hash: SHA-256 of 0x00 and the content (RFC 9162 §2.1.1)."""
    return sha256(LEAF_PREFIX + content).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the node hash: SHA-256 of 0x01, left and right (RFC 9162 §2.1.1)."""
    return sha256(NODE_PREFIX + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees of a log of `size` leaves, from the largest to the smallest."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> "Frontier":
        """Return the frontier after appending the leaf hashes in order."""
        size, stack = self.size, list(self.hashes)
        for leaf in leaves:
            node, carry = leaf, size
            # Each trailing 1 bit of the size is a complete subtree as large as the one just made.
            while carry & 1:
                node = hash_node(stack.pop(), node)
                carry >>= 1
            stack.append(node)
            size += 1
        return Frontier(size, tuple(stack))

    def joined(self, part: "Frontier") -> "Frontier":
        """Return the frontier after appending what a part hashed apart: a log of its own, begun at this size.

        Only where the part is no larger than the smallest subtree here, so that its subtrees are also ours.
        """
        height = self.size & -self.size
        if self.size and part.size > height:
            message = f"a part of {part.size} leaves does not fit at {self.size}"
            raise ValueError(message)
        stack = [*self.hashes, *part.hashes]
        if self.size and part.size == height:
            # The part is a whole subtree as large as the one before it: carried as a leaf would be.
            node = stack.pop()
            while self.size & height:
                node = hash_node(stack.pop(), node)
                height <<= 1
            stack.append(node)
        return Frontier(self.size + part.size, tuple(stack))

    def root(self) -> bytes:
        """Return the root hash; an empty log hashes to SHA-256 of nothing."""
        if not self.hashes:
            return sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = hash_node(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the hashes joined, for storing beside the size."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> "Frontier":
        """Return the frontier stored by `to_bytes`."""
        return cls(size, tuple(joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)))


def frontiers_at(leaves: Sequence[bytes], sizes: Iterable[int]) -> list[Frontier]:
    """Return the frontier of the log of these leaves at each size; every node is hashed once, whatever the sizes."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = iter(levels[-1])
        levels.append([sha256(NODE_PREFIX + left + right).digest() for left, right in zip(below, below, strict=False)])
    found = []
    for size in sizes:
        # Each bit that is set is a complete subtree, the largest first.
        heights = [height for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1]
        found.append(Frontier(size, tuple(levels[height][(size >> height) - 1] for height in heights)))
    return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a whole log given its leaf hashes."""
    return Frontier().extended(leaves).root()
