"""Tills that pay over HTTP and write down, outside the service, what they asked and what they were told.

A line is on the disk (fsync) before the request leaves: whatever dies, the client knows what it may have asked.
"""

import http.client
import json
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from tests.torture.oracles import Operation, Outcome
from tests.torture.town import ApiTill, Card

T = TypeVar("T")
TIMEOUT_S = 60.0
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Payment:
    """What a till is about to ask, under its own key."""

    till: ApiTill
    card: Card
    amount_cents: int
    key: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the till was told: a status and a body, or nothing at all (status 0)."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    retry_after: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Return what the answer means: only 201 says paid, only a refusal says not paid."""
        if self.status == 201:
            return Outcome.ACCEPTED
        return Outcome.REFUSED if 400 <= self.status < 500 else Outcome.IN_DOUBT

    @property
    def code(self) -> str:
        """Return the code of a refusal."""
        return str(self.body.get("code", ""))

    def receipt(self) -> dict[str, Any]:
        """Return the body without the one field that says that it was given before."""
        return {name: value for name, value in self.body.items() if name != "replayed"}


class ClientJournal:
    """What was asked and told, in a file: one line each, on the disk before the request leaves."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], Payment] = {}
        self._told: dict[tuple[str, str], Told] = {}

    def asks(self, payment: Payment) -> None:
        """Write down a request, before it is sent."""
        name = (payment.till.caller, payment.key)
        with self._lock:
            self._asked.setdefault(name, payment)
            self._write({"asks": name, "amount_cents": payment.amount_cents})

    def hears(self, payment: Payment, told: Told) -> None:
        """Write down an answer; one that says paid or refused is not forgotten for one that says nothing."""
        name = (payment.till.caller, payment.key)
        with self._lock:
            known = self._told.get(name)
            if known is None or known.outcome is Outcome.IN_DOUBT:
                self._told[name] = told
            self._write({"hears": name, "status": told.status, "number": told.body.get("number")}, sync=False)

    def _write(self, line: dict[str, object], *, sync: bool = True) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        if sync:
            os.fdatasync(self._file.fileno())

    def operations(self) -> list[Operation]:
        """Return every operation asked so far, as the oracles judge it."""
        with self._lock:
            return [self._operation(name, payment) for name, payment in self._asked.items()]

    def _operation(self, name: tuple[str, str], payment: Payment) -> Operation:
        told = self._told.get(name, Told(0))
        is_paid = told.outcome is Outcome.ACCEPTED
        return Operation(
            caller=name[0],
            key=name[1],
            amount_cents=payment.amount_cents,
            outcome=told.outcome,
            entry_id=told.body["number"] if is_paid else None,
            leaf_hash=told.body["entry_hash"] if is_paid else None,
        )

    def count(self, outcome: Outcome) -> int:
        """Return how many operations ended that way."""
        return sum(each.outcome is outcome for each in self.operations())

    def in_doubt(self) -> list[Payment]:
        """Return the payments of which the client does not know what became."""
        with self._lock:
            return [
                payment
                for name, payment in self._asked.items()
                if self._told.get(name, Told(0)).outcome is Outcome.IN_DOUBT
            ]


def pay(journal: ClientJournal, port: int, payment: Payment, *, timeout_s: float = TIMEOUT_S) -> Told:
    """Ask for a payment once, and return what was told; no answer, or half of one, is an answer too."""
    journal.asks(payment)
    body = {"card": payment.card.url, "amount_cents": payment.amount_cents}
    told = ask(port, payment.till, "POST", "/charges", body=body, key=payment.key, timeout_s=timeout_s)
    journal.hears(payment, told)
    return told


def by_key(port: int, till: ApiTill, key: str, *, timeout_s: float = TIMEOUT_S) -> Told:
    """Ask what became of a key."""
    return ask(port, till, "GET", f"/charges/by-key/{quote(key, safe='')}", timeout_s=timeout_s)


def ask(
    port: int, till: ApiTill, method: str, path: str, *, body: object = None, key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Told:  # fmt: skip
    """Send one request on a connection of its own."""
    headers = {"Authorization": f"Bearer {till.api_key}", "Connection": "close"}
    if key is not None:
        headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, f"/api/v1{path}", body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return Told(0)
    finally:
        connection.close()
    return Told(answer.status, content, answer.headers.get("Retry-After"))


def at_once(clients: int, work: Callable[[T], Told], items: Iterable[T]) -> list[Told]:
    """Let `clients` threads work through the items, and return what each was told."""
    with ThreadPoolExecutor(max_workers=clients) as pool:
        return list(pool.map(work, items))
