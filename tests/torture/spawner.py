"""Start server processes in milliseconds: a parent that has loaded the service forks one for each line it reads.

Started as `python -m tests.torture.spawner`, it reads settings on its input and each new server says its port, or its
error, on the output that they share. `Spawner` is the test's end of it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.torture.serving import SETTINGS_VARIABLE, Settings, serve

PROJECT = Path(__file__).resolve().parents[2]
START_S_MAX = 60


class ServerNotStarted(Exception):
    """The server process could not open its database, or said nothing."""


@dataclass
class ServerProcess:
    """A server process and the address where it answers."""

    pid: int
    port: int

    def kill(self) -> None:
        """End it at once (SIGKILL): no handler runs, nothing is flushed."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while _is_alive(self.pid):
            time.sleep(0.001)


class Spawner:
    """The process that forks servers; it ends, and they with it, when the test session does."""

    def __init__(self, log: Path) -> None:
        """Start the parent; what the servers complain of goes to `log`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.spawner"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("ab"),
            start_new_session=True,
        )

    def start(self, settings: Settings) -> ServerProcess:
        """Start a server; returns once it listens."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(settings.to_json().encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], START_S_MAX)
        if not ready:
            raise ServerNotStarted("it says nothing")
        told = json.loads(os.read(self._process.stdout.fileno(), 4096))
        if "port" not in told:
            raise ServerNotStarted(told["error"])
        return ServerProcess(told["pid"], told["port"])

    def stop(self) -> None:
        """Kill every server and the parent."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@dataclass
class GranianServer:
    """The service as in production: granian's own process and its worker."""

    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        """End both."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_granian(settings: Settings) -> GranianServer:
    """Start the production server; returns once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.serving", str(port)],
        cwd=PROJECT,
        env=os.environ | {SETTINGS_VARIABLE: settings.to_json()},
        start_new_session=True,
    )
    server = GranianServer(process, port)
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server
        time.sleep(0.05)
    server.stop()
    raise ServerNotStarted("granian did not answer")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Fork a server for every line of settings, until the input ends."""
    # Nobody waits for the children: the system buries them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in iter(sys.stdin.buffer.readline, b""):
        if os.fork() == 0:
            serve(Settings(**json.loads(line)), _told)
            os._exit(1)


def _told(message: dict[str, object]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(message).encode()[:4000] + b"\n")


if __name__ == "__main__":
    main()
