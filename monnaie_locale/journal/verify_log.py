"""A log rebuilt leaf by leaf for the verifier, compared with each root that was signed on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monnaie_locale.ledger.merkle import Frontier


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong in the books: a stable code, what it is about, a French sentence."""

    code: str
    subject: str
    french: str


class RebuiltLog:
    """One Merkle log: of the entries, or of the openings of accounts."""

    def __init__(self, roots: Mapping[int, bytes], *, word: str, french: str, after: Frontier | None = None) -> None:
        """Take the signed roots by size; `word` begins the codes, `french` names what the log holds.

        `after` is the part that was verified before; None begins with nothing.
        """
        self._roots = dict(roots)
        self._word = word
        self._french = french
        self._frontier = after or Frontier()
        self._pending: list[bytes] = []
        self._good_size = self._frontier.size

    @property
    def size(self) -> int:
        """Return how many leaves there are."""
        return self._frontier.size + len(self._pending)

    def append(self, leaf_hash: bytes) -> Iterator[Finding]:
        """Add a leaf; compare when a root was signed at this size."""
        self._pending.append(leaf_hash)
        if self.size in self._roots:
            self._settle()
            yield from self._compare(self._frontier)

    def join(self, part: Frontier, marks: Mapping[int, Frontier]) -> Iterator[Finding]:
        """Add a part that was hashed apart, `marks` its beginnings at the sizes where a root was signed."""
        self._settle()
        for mark in marks.values():
            yield from self._compare(self._frontier.joined(mark))
        self._frontier = self._frontier.joined(part)

    def _settle(self) -> None:
        self._frontier = self._frontier.extended(self._pending)
        self._pending = []

    def _compare(self, frontier: Frontier) -> Iterator[Finding]:
        root = self._roots.pop(frontier.size)
        if frontier.root() == root:
            self._good_size = frontier.size
            return
        span = f"n° {self._good_size + 1} à {frontier.size}"
        yield Finding(
            f"{self._word}_rewritten",
            f"{self._word} head {frontier.size}",
            f"{self._french} {span} ne sont plus ce qui a été scellé.",
        )

    def end(self) -> Iterator[Finding]:
        """Say which signed roots cover more than there is."""
        for size in sorted(self._roots):
            yield Finding(
                f"{self._word}_shortened",
                f"{self._word} head {size}",
                f"{self._french} : {size} avaient été scellés, il en manque.",
            )
