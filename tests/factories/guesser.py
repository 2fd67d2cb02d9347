"""A worker process of its own that tries PINs on a card: `python -m tests.factories.guesser`, and the test's end of it.

It says "ready" once everything is loaded, reads the PINs to try on one line, and answers with the code of each refusal
("" when the PIN was right) and how many PINs it evaluated.
"""

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine

from monnaie_locale.database.engine import open_engine
from monnaie_locale.ledger.errors import Refusal
from tests.factories.wallets import CountingKeyring, ask

PROJECT = Path(__file__).resolve().parents[2]


class Guesser:
    """A worker process that has loaded the service and waits."""

    def __init__(self, engine: Engine, keyring_path: Path, *, card_code: str) -> None:
        """Start it on the same database, with the same keys."""
        address = engine.url.render_as_string(hide_password=False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.factories.guesser", address, str(keyring_path), card_code],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Return once the process has loaded everything."""
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def begin(self, pins: list[str]) -> None:
        """Let it try these PINs, one after the other; returns at once."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(pins) + "\n")
        self._process.stdin.flush()

    def end(self) -> tuple[list[str], int]:
        """Wait for its end; return the answers and how many PINs it evaluated."""
        said, _ = self._process.communicate()
        answers, evaluations = json.loads(said)
        return answers, evaluations


def _answer(engine: Engine, keys: CountingKeyring, card_code: str, pin: str) -> str:
    try:
        ask(engine, keys, card_code, 100, pin=pin)
    except Refusal as refusal:
        return refusal.code
    return ""


def main(address: str, keyring_path: str, card_code: str) -> None:
    """Try the PINs of the line that is read."""
    engine = open_engine(address)
    keys = CountingKeyring.load(Path(keyring_path))
    assert isinstance(keys, CountingKeyring)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pins: list[str] = json.loads(sys.stdin.readline())
    answers = [_answer(engine, keys, card_code, pin) for pin in pins]
    engine.dispose()
    sys.stdout.write(json.dumps([answers, keys.evaluations]))


if __name__ == "__main__":
    main(*sys.argv[1:])
