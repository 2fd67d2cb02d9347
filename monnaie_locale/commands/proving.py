"""Prove to a stranger that an entry is in the log, or that the log only grew (RFC 9162 §2.1.3 and §2.1.4).

Every leaf hash below the head is read once and hashed: about a second for a million entries, memory flat.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.commands.errors import EntryNotSealed, HeadsReversed, HeadUnknown
from monnaie_locale.journal.log import head_at, leaf_hashes
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.journal.sealer import LogHead, latest_head
from monnaie_locale.ledger.merkle import hash_leaf
from monnaie_locale.ledger.proofs import consistency_holds, consistency_path, inclusion_holds, inclusion_path


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """That an entry is in the log under a signed head: its bytes, its leaf, its place, the path to the root."""

    entry_id: int
    canonical: bytes
    leaf_hash: bytes
    path: tuple[bytes, ...]
    head: LogHead

    @property
    def index(self) -> int:
        """Return the leaf's index, from 0: numbers begin at 1 and have no gap."""
        return self.entry_id - 1

    @property
    def holds(self) -> bool:
        """Return whether the entry as it is stored hashes to its leaf, and the leaf by the path to the signed root."""
        return hash_leaf(self.canonical) == self.leaf_hash and inclusion_holds(
            leaf=self.leaf_hash, index=self.index, size=self.head.size, path=self.path, root=self.head.root
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """That the log under one signed head is the beginning of the log under another."""

    old: LogHead
    new: LogHead
    path: tuple[bytes, ...]

    @property
    def holds(self) -> bool:
        """Return whether the path leads to both signed roots."""
        return consistency_holds(
            old_size=self.old.size,
            old_root=self.old.root,
            new_size=self.new.size,
            new_root=self.new.root,
            path=self.path,
        )


def prove_inclusion(db: Connection, *, territory_id: int, entry_id: int, size: int | None = None) -> InclusionProof:
    """Return the proof of an entry under the head of a size, the newest head when it is None.

    Whether it holds is asked of the proof: it does not when the books were altered. Refuses, in this order:
    entry_unknown, head_unknown, entry_not_sealed.
    """
    posted = entry_of(db, territory_id=territory_id, entry_id=entry_id)
    head = _head(db, territory_id, size)
    if entry_id > head.size:
        raise EntryNotSealed(entry_id=entry_id, size=head.size)
    leaves = leaf_hashes(db, territory_id=territory_id, size=head.size)
    return InclusionProof(
        entry_id=entry_id,
        canonical=posted.entry.canonical_bytes(),
        leaf_hash=posted.leaf_hash,
        path=_path(lambda: inclusion_path(leaves, index=entry_id - 1, size=head.size)),
        head=head,
    )


def prove_consistency(
    db: Connection, *, territory_id: int, old_size: int, new_size: int | None = None
) -> ConsistencyProof:
    """Return the proof that the log of one size begins the log of another, the newest when it is None.

    Whether it holds is asked of the proof. Refuses, in this order: head_unknown, heads_reversed.
    """
    old, new = _head(db, territory_id, old_size), _head(db, territory_id, new_size)
    if new.size < old.size:
        raise HeadsReversed(old_size=old.size, new_size=new.size)
    leaves: Iterator[bytes] = leaf_hashes(db, territory_id=territory_id, size=new.size)
    path = _path(lambda: consistency_path(leaves, old_size=old.size, new_size=new.size))
    return ConsistencyProof(old=old, new=new, path=path)


def _head(db: Connection, territory_id: int, size: int | None) -> LogHead:
    if size is None:
        head = latest_head(db, territory_id=territory_id)
    else:
        head = head_at(db, territory_id=territory_id, size=size)
    if head is None:
        raise HeadUnknown(size=0 if size is None else size)
    return head


def _path(make: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Return the path; empty, which proves nothing, when leaves are missing."""
    try:
        return make()
    except ValueError:
        return ()
