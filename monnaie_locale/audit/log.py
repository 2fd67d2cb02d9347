"""A Merkle log derived again leaf by leaf, and every root that somebody vouches for held against it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from monnaie_locale.audit.model import Report
from monnaie_locale.ledger.merkle import Frontier

LEAVES_PER_GO = 1_000


@dataclass(frozen=True, slots=True)
class Expected:
    """A root that the log must have had at a size; `code` and `french` say what is wrong when it had another."""

    size: int
    root: bytes
    code: str
    missing_code: str
    subject: str
    french: str


@dataclass(slots=True)
class Log:
    """The log so far."""

    report: Report
    expected: dict[int, list[Expected]] = field(default_factory=lambda: defaultdict(list))
    _frontier: Frontier = field(default_factory=Frontier)
    _pending: list[bytes] = field(default_factory=list)

    def expect(self, roots: Iterable[Expected]) -> None:
        """Take roots that somebody vouches for."""
        for each in roots:
            self.expected[each.size].append(each)

    @property
    def size(self) -> int:
        """Return how many leaves there are."""
        return self._frontier.size + len(self._pending)

    def append(self, leaf_hash: bytes) -> None:
        """Add a leaf; compare when a root is expected at this size."""
        self._pending.append(leaf_hash)
        asked = self.expected.pop(self.size, None)
        if asked is None and len(self._pending) < LEAVES_PER_GO:
            return
        root = self.root() if asked else b""
        for each in asked or ():
            if each.root != root:
                self.report.find(each.code, each.subject, each.french)
        if not asked:
            self._settle()

    def root(self) -> bytes:
        """Return the root of the log so far."""
        self._settle()
        return self._frontier.root()

    def end(self) -> None:
        """Say which roots cover more than there is."""
        for size in sorted(self.expected):
            for each in self.expected[size]:
                french = f"{each.french} Il n’y en a que {self.size}."
                self.report.find(each.missing_code, each.subject, french)

    def _settle(self) -> None:
        self._frontier, self._pending = self._frontier.extended(self._pending), []
