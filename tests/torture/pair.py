"""Two PostgreSQL servers, one following the other through a wire of ours; who dies is replaced by the other."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from tests.torture.disk_databases import CLUSTER, FoundedTown
from tests.torture.link import Link
from tests.torture.postgres import ROLE, STANDBY, Postgresql, own

FOLLOWS_S_MAX = 60
FOLLOWS = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{}'"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass
class Pair:
    """A primary, its standby, and the wire between them. The service knows both places, and asks for who writes."""

    place: Path
    primary: Postgresql
    is_synchronous: bool = True
    standby: Postgresql = field(init=False)
    link: Link = field(init=False)
    _copies: Iterator[int] = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        """Return the address of whichever server writes."""
        hosts = tuple(str(self._sockets(number)) for number in range(2))
        query = {"host": hosts, "target_session_attrs": "read-write", "connect_timeout": "5"}
        return URL.create("postgresql+psycopg", username=ROLE, database="postgres", query=query).render_as_string()

    def follow(self) -> None:
        """Give the primary a standby, at the other place; return once commits wait for it (if they are to)."""
        self.link = Link(self.primary.url)
        sockets = self._sockets(int(self.primary.sockets == self._sockets(0)))
        own(sockets)
        own(self.place / "copies")
        self.standby = Postgresql(self.place / "copies" / str(next(self._copies)), sockets, waits_for_disk=False)
        self.standby.copy_from(self.link.url)
        self.standby.start()
        self.wait_for(lambda: bool(self.primary.ask(FOLLOWS.format("async"))))
        if self.is_synchronous:
            self.primary.wait_for_standby(STANDBY)
            self.wait_for(lambda: bool(self.primary.ask(FOLLOWS.format("sync"))))

    def fail_over(self) -> Postgresql:
        """Kill the primary and promote the standby; return the dead one."""
        dead = self.primary
        dead.kill()
        self.link.stop()
        self.standby.promote()
        self.primary = self.standby
        return dead

    def waiting(self) -> int:
        """Return how many commits wait for the standby."""
        return len(self.primary.ask(WAITING))

    def cancel_waits(self) -> int:
        """Cancel every wait for the standby, as an operator who loses patience; return how many there were."""
        return len(self.primary.ask(CANCEL))

    def wait_for(self, happens: Callable[[], bool]) -> None:
        """Wait until something is so."""
        until = time.monotonic() + FOLLOWS_S_MAX
        while not happens():
            assert time.monotonic() < until, "the standby does not follow"
            time.sleep(0.01)

    def stop(self) -> None:
        """End both."""
        self.link.stop()
        self.standby.kill()
        self.primary.kill()

    def _sockets(self, number: int) -> Path:
        return self.place / f"server{number}"


@contextmanager
def paired(first: FoundedTown, place: Path, *, is_synchronous: bool = True) -> Iterator[Pair]:
    """Give a town on a primary with its standby, in an empty folder."""
    first.copy_to(place / "disk")
    own(place / "server0")
    primary = Postgresql(place / "disk" / CLUSTER, place / "server0", waits_for_disk=False)
    primary.start()
    pair = Pair(place, primary, is_synchronous)
    pair.follow()
    try:
        yield pair
    finally:
        pair.stop()
