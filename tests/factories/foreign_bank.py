"""A bank that we did not write (PyPI mock-bank), over HTTP on this machine."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mockbank.server import Config, make_server

DECLARATION = re.compile(r"(?=<\?xml\b)")
ACCOUNT = "RESERVE"
REJECTED = 422
POLL_S = 0.02


@dataclass(frozen=True)
class Bank:
    """The bank, and the account of ours that it keeps."""

    base: str
    iban: str

    def ask(self, method: str, path: str, body: object = None) -> str:
        """Return what the bank answers."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self.base + path, data=data, method=method)  # type: ignore[arg-type]
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.read().decode()
        except urllib.error.HTTPError as refused:
            # A file that the bank rejects is answered in its mailbox too.
            if refused.code != REJECTED:
                raise
            return refused.read().decode()

    def behave(self, behaviour: str, **parameters: object) -> None:
        """Let our account behave otherwise from now on."""
        self.ask(
            "PATCH",
            f"/_mock/accounts/{ACCOUNT}",
            {"behaviour": behaviour, "parameters": parameters} if parameters else {"behaviour": behaviour},
        )

    def close_account(self, iban: str) -> None:
        """Let somebody's account be closed: what is sent to it is rejected."""
        self.ask("POST", "/_mock/accounts", {"id": f"CLOSED-{iban[-6:]}", "iban": iban, "behaviour": "closed-account"})

    def findings(self, order: bytes) -> str:
        """Return what the bank has to say against an order, before it takes it."""
        return self.ask("POST", "/_mock/validate", order)

    def collect(self, kind: str = "") -> list[bytes]:
        """Take the messages that wait for us, the oldest first; those to the bank's other customers are left out."""
        written = DECLARATION.split(self.ask("GET", f"/_mock/mailbox?raw&type={kind}"))
        ours = f"<Acct><Id><IBAN>{self.iban}</IBAN>"
        return [each.encode() for each in written if each.strip() and ("<Acct>" not in each or ours in each)]

    def advance(self, days: int) -> None:
        """Let days pass at the bank."""
        self.ask("POST", f"/_mock/advance?days={days}")


@contextmanager
def open_bank(*, iban: str, balance_cents: int, clock: str) -> Iterator[Bank]:
    """Open the bank at a moment of its own ("2026-12-01T09:00"), our account holding a balance."""
    server = make_server(Config(port=0, quiet=True, clock=clock))
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    bank = Bank(f"http://127.0.0.1:{server.server_address[1]}", iban)
    account = {"id": ACCOUNT, "name": "Association", "iban": iban, "bic": "AGRIFRPP", "balance": balance_cents}
    bank.ask("POST", "/_mock/accounts", account)
    try:
        yield bank
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
