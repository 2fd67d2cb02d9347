"""A batch of cards made before the eyes of the desk: one answer that grows, a bar, then the file inside the page.

Nothing is kept on the way: no job, no file on the server. The secrets exist in this answer and nowhere else, and the
page needs no script. Cards whose file could not be made, or whose page was closed meanwhile, are withdrawn.
"""

import base64
import datetime
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue

from flask import Response, stream_template

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from wallets import queries
from wallets.model import IssuedCard
from wallets.operations.cards import withdraw_cards
from wallets.printing.batch import Document, Support, document_of, issue_batch
from wallets.printing.sheet import Progress

logger = logging.getLogger(__name__)

# A bar moves so often for each thing that is done.
STEPS_PER_BAR = 20


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: what is being done, how many of how many; without a total nobody can say."""

    label: str
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class Printing:
    """A batch on its way: `steps` makes it; afterwards it has its document, or the sentence why there is none."""

    make: Callable[[Callable[[Step], None]], Document]
    document: Document | None = field(default=None, repr=False)
    refusal: Refusal | None = None
    is_closed: bool = False

    def steps(self) -> Iterator[Step]:
        """Yield the steps while another thread makes the document."""
        told: SimpleQueue[Step | None] = SimpleQueue()

        def run() -> None:
            try:
                self.document = self.make(told.put)
            except Refusal as refusal:
                self.refusal = refusal
            finally:
                told.put(None)

        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(run)
            try:
                yield from iter(told.get, None)
            except GeneratorExit:
                self.is_closed = True
                raise
            fault = made.exception()
        if fault is not None:
            # The page has begun: it can say no more than that there is no file.
            logger.error("A batch of cards was not made, and its cards are withdrawn", exc_info=fault)

    def check_open(self) -> None:
        """Raise ConnectionAbortedError when the page was closed: nobody would have the file."""
        if self.is_closed:
            raise ConnectionAbortedError("The page was closed before its file was there")

    @property
    def href(self) -> str:
        """Return the document as an address that holds it (RFC 2397), which is nowhere else; empty without one."""
        if self.document is None:
            return ""
        return f"data:{self.document.content_type};base64,{base64.b64encode(self.document.content).decode('ascii')}"


def printed_before_your_eyes(support: Support, *, wallet_ids: Sequence[int]) -> Response:
    """Return the page on which a card is issued to each of these wallets, and which ends with their file."""
    rt, actor, now = runtime.current(), access.subject().caller, pages.now()

    def make(tell: Callable[[Step], None]) -> Document:
        issued = issue_batch(
            rt.engine,
            territory_id=rt.territory_id,
            wallet_ids=wallet_ids,
            keyring=rt.keyring,
            random_bytes=rt.random_bytes,
            actor=actor,
            now=now,
            progress=_told(tell, "Codes secrets"),
        )
        with withdrawn_unless_made(rt, issued, actor=actor, now=now):
            document = _document(rt, issued, support=support, tell=tell)
            printing.check_open()
        return document

    printing = Printing(make)
    return Response(stream_template("wallets/office_batch.html", batch=printing, count=len(wallet_ids)))


@contextmanager
def withdrawn_unless_made(
    rt: runtime.Runtime, issued: Sequence[IssuedCard], *, actor: str, now: datetime.datetime
) -> Iterator[None]:
    """Block cards of which nobody will have the paper, so that others are made."""
    try:
        yield
    except BaseException:
        card_ids = [card.card_id for card in issued]
        transact(rt.engine, withdraw_cards, territory_id=rt.territory_id, card_ids=card_ids, actor=actor, now=now)
        raise


def _document(
    rt: runtime.Runtime, issued: Sequence[IssuedCard], *, support: Support, tell: Callable[[Step], None]
) -> Document:
    with reading(rt.engine) as db:
        town = territory_of(db, territory_id=rt.territory_id)
        wallet_ids = [card.wallet_id for card in issued] if support.is_letters else []
        households = queries.households_of_wallets(
            db, territory_id=rt.territory_id, wallet_ids=wallet_ids, keyring=rt.keyring
        )
    drawn = _told(tell, "Cartes", then=Step("Mise en pages"))
    return document_of(
        issued, support=support, territory=town, households=households, created_at=rt.clock(), progress=drawn
    )


def _told(tell: Callable[[Step], None], label: str, *, then: Step | None = None) -> Progress:
    """Return what tells the steps of one bar, a few of them, and what comes after the last."""

    def progress(done: int, total: int) -> None:
        if done == total or done % max(1, total // STEPS_PER_BAR) == 0:
            tell(Step(label, done, total))
        if done == total and then is not None:
            tell(then)

    return progress
