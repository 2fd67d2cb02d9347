"""Requests that are worked out when their turn comes, with all those of the same batch.

A charge must know its till, its card and its purses before it is a posting. Read by each caller, that costs a wait and
a few statements a charge; read by the writer, at the beginning of the batch's own transaction, it costs a few
statements a batch. What comes out is a posting like any other: decided, and its companions checked, under the lock.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from monnaie_locale.journal.post import post_batch
from monnaie_locale.ledger.posting import Posted, Posting

Outcome = Posting | Posted | Exception


class Plan(Protocol):
    """What the package that owns the request knows of it; its class works out those of a batch together."""

    @classmethod
    def prepare(cls, db: Connection, *, territory_id: int, plans: Sequence[Any]) -> Sequence[Outcome]:
        """Read what these plans need and return for each, in order, its posting, what its key posted, or why not.

        Nothing is written. It may be called again for the same plans: a transaction that lost a race is run again.
        """


class Planned(NamedTuple):
    """A request whose posting is not known yet."""

    territory_id: int
    plan: Plan


Request = Posting | Planned


def post_requests(db: Connection, requests: Sequence[Request], *, recorded_at_ms: int) -> list[Posted | Exception]:
    """Post the requests of one territory in order, at the end of the transaction; a refusal is an answer, others go on.

    Args:
        db: a connection in a transaction; nothing is durable before it commits.
        requests: of one territory; the plans among them are worked out first, in the same transaction.
        recorded_at_ms: the instant of recording, milliseconds UTC.

    """
    outcomes = _worked_out(db, requests)
    postings = [outcome for outcome in outcomes if isinstance(outcome, Posting)]
    answers = iter(post_batch(db, postings, recorded_at_ms=recorded_at_ms, until_commit=True))
    return [next(answers) if isinstance(outcome, Posting) else outcome for outcome in outcomes]


def _worked_out(db: Connection, requests: Sequence[Request]) -> list[Outcome]:
    """Return the requests in order, with each plan replaced by what came of it."""
    plans: dict[type[Plan], list[Plan]] = {}
    for request in requests:
        if isinstance(request, Planned):
            plans.setdefault(type(request.plan), []).append(request.plan)
    if not plans:
        return [request for request in requests if isinstance(request, Posting)]
    territory_id = requests[0].territory_id
    prepared = {
        plan_class: iter(plan_class.prepare(db, territory_id=territory_id, plans=wanted))
        for plan_class, wanted in plans.items()
    }
    return [next(prepared[type(request.plan)]) if isinstance(request, Planned) else request for request in requests]
