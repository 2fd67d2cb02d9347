"""A wire to a PostgreSQL server that can be cut: in silence, as a network does, or right at a commit."""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from sqlalchemy import URL

CHUNK = 65_536
COMMIT = "COMMIT"
# What the server answers to it: CommandComplete, with its length and its word.
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
# ReadyForQuery outside of any transaction: it was refused, and nothing more will come.
IDLE = b"Z\x00\x00\x00\x05I"
PORT = 5432


class Cut(StrEnum):
    """Where a connection ends, at a commit."""

    BEFORE = "before the server saw the commit"
    AFTER = "committed, the answer not passed on"
    BLIND = "right after the commit was passed on"


class Link:
    """A listener that forwards to a server, byte for byte, until it is told otherwise."""

    def __init__(self, server: URL) -> None:
        """Listen on a free port of this machine."""
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._flows = threading.Event()
        self._flows.set()
        self._has_ended = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> URL:
        """Return the server's address through this wire, which must be able to read."""
        return self._server.set(host="127.0.0.1", port=self.port, query={"sslmode": "disable"})

    def part(self) -> None:
        """Carry nothing any more, neither way; nobody is told, as when a cable is pulled."""
        self._flows.clear()

    def lead_to(self, server: URL) -> None:
        """End what is connected; whoever connects again reaches another server, as behind an address that moves."""
        self._server = server
        end(*self._open)
        self._open.clear()

    def stop(self) -> None:
        """Accept nothing more, and drop what was held back."""
        self._has_ended = True
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = _connected(self._server)
        except OSError:
            client.close()
            return
        self._open += [client, server]
        self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                self._flows.wait()
                if self._has_ended:
                    break
                target.sendall(chunk)
        end(source, target)


class CommitCutter(Link):
    """A wire that reads what passes, and ends a connection at one of its commits when `choose` says so.

    `choose` is asked at every commit; what it answered is counted in `cuts`.
    """

    def __init__(self, server: URL, choose: Callable[[], Cut | None]) -> None:
        """Listen; `choose` returns how to cut at this commit, or None to let it pass."""
        self.cuts: list[Cut] = []
        self._choose = choose
        super().__init__(server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        cut_after = threading.Event()
        threading.Thread(target=self._answers, args=(server, client, cut_after), daemon=True).start()
        talk = _Talk()
        with suppress(OSError):
            while chunk := client.recv(CHUNK):
                # Before it leaves: the answer must find it set.
                before, commits = talk.hear(chunk)
                cut = self._choose() if commits else None
                if cut is not None:
                    self.cuts.append(cut)
                if cut is Cut.AFTER:
                    cut_after.set()
                server.sendall(before if cut is Cut.BEFORE else chunk)
                if cut in {Cut.BEFORE, Cut.BLIND}:
                    break
        if not cut_after.is_set():
            end(client, server)

    def _answers(self, server: socket.socket, client: socket.socket, cut_after: threading.Event) -> None:
        kept = b""
        with suppress(OSError):
            while chunk := server.recv(CHUNK):
                if cut_after.is_set():
                    kept += chunk
                    if COMMITTED in kept or IDLE in kept:
                        break
                    continue
                client.sendall(chunk)
        end(client, server)


class _Talk:
    """What a client of PostgreSQL says, message by message (PostgreSQL's documentation, chapter 54)."""

    def __init__(self) -> None:
        self._rest = b""
        self._has_begun = False
        # Prepared statements by name: a commit often asked for is prepared, and then travels without its text.
        self._prepared: dict[bytes, str] = {}

    def hear(self, chunk: bytes) -> tuple[bytes, bool]:
        """Return the part of the chunk that comes before a commit, and whether there is one."""
        start = -len(self._rest)
        self._rest += chunk
        while (size := self._size()) is not None:
            message, self._rest = self._rest[:size], self._rest[size:]
            if self._commits(message):
                return chunk[: max(start, 0)], True
            start += size
        return chunk, False

    def _size(self) -> int | None:
        """Return the length of the first message when it is whole; the very first has no letter."""
        letter = 1 if self._has_begun else 0
        if len(self._rest) < letter + 4:
            return None
        size = letter + int.from_bytes(self._rest[letter : letter + 4], "big")
        return size if len(self._rest) >= size else None

    def _commits(self, message: bytes) -> bool:
        if not self._has_begun:
            # SSLRequest and its like are eight bytes, and the real beginning follows.
            self._has_begun = len(message) > 8
            return False
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            return _is_commit(body.split(b"\0")[0])
        if kind == b"P":
            name, query = body.split(b"\0")[:2]
            self._prepared[name] = query.decode()
            return False
        if kind == b"B":
            return _is_commit(self._prepared.get(body.split(b"\0")[1], "").encode())
        return False


def _is_commit(statement: bytes) -> bool:
    return re.fullmatch(rb"\s*commit\s*;?\s*", statement, re.IGNORECASE) is not None


def end(*sockets: socket.socket) -> None:
    """Close both ends, also for whoever is waiting on them."""
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def _connected(server: URL) -> socket.socket:
    host, port = str(server.host or server.query.get("host") or "127.0.0.1"), server.port or PORT
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{host}/.s.PGSQL.{port}")
    return connection
