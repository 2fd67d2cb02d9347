"""A network between tills and service that loses requests, loses answers, breaks bodies in two, and stalls."""

import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from enum import StrEnum

CHUNK = 65_536
# SO_LINGER with zero seconds: closing sends a reset, not an end.
RESET = struct.pack("ii", 1, 0)


class Fate(StrEnum):
    """What happens to one exchange."""

    PASSES = "passes"
    REQUEST_LOST = "request lost"
    REQUEST_HALF = "request cut in two"
    ANSWER_LOST = "answer lost"
    ANSWER_HALF = "answer reset in the middle"
    STALLED = "stalled"


WEIGHTS = {
    Fate.PASSES: 0.61,
    Fate.REQUEST_LOST: 0.10,
    Fate.REQUEST_HALF: 0.03,
    Fate.ANSWER_LOST: 0.20,
    Fate.ANSWER_HALF: 0.05,
    Fate.STALLED: 0.01,
}


class Proxy:
    """A listener that forwards to `upstream_port`, or does not; `fates` counts what it did."""

    def __init__(self, upstream_port: int, rng: random.Random, *, stall_s: float) -> None:
        """Listen on a free port of this machine."""
        self.fates: Counter[Fate] = Counter()
        self._upstream = ("127.0.0.1", upstream_port)
        self._rng = rng
        self._stall_s = stall_s
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept nothing more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            (fate,) = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
            self.fates[fate] += 1
            threading.Thread(target=self._exchange, args=(client, fate), daemon=True).start()

    def _exchange(self, client: socket.socket, fate: Fate) -> None:
        with suppress(OSError), client:
            request = _whole_message(client)
            if fate is Fate.REQUEST_LOST:
                return
            with socket.create_connection(self._upstream) as upstream:
                if fate is Fate.REQUEST_HALF:
                    upstream.sendall(request[: len(request) - 5])
                    return
                upstream.sendall(request)
                answer = _until_end(upstream)
            if fate is Fate.STALLED:
                time.sleep(self._stall_s)
            if fate in {Fate.PASSES, Fate.STALLED}:
                client.sendall(answer)
            elif fate is Fate.ANSWER_HALF:
                client.sendall(answer[: len(answer) - 20])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _whole_message(peer: socket.socket) -> bytes:
    """Read one HTTP request: its head, and as many bytes as it says that follow."""
    message = b""
    while b"\r\n\r\n" not in message:
        message += _received(peer)
    head, _, body = message.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += _received(peer)
    return head + b"\r\n\r\n" + body


def _received(peer: socket.socket) -> bytes:
    chunk = peer.recv(CHUNK)
    if not chunk:
        raise ConnectionError
    return chunk


def _until_end(peer: socket.socket) -> bytes:
    answer = b""
    while chunk := peer.recv(CHUNK):
        answer += chunk
    return answer
