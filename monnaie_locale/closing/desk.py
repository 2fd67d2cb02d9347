"""Prepare and approve a close on a running service: the long work is done outside the transaction, step by step told.

Verifying reads every entry since the last close and counting a month of them; done under the posting lock they would
hold charges back.
"""

import datetime
from collections.abc import Callable

from monnaie_locale.closing.documents import Packing, are_kept, keep_documents
from monnaie_locale.closing.errors import CloseNotClosed, MonthMalformed
from monnaie_locale.closing.kept import verification_start
from monnaie_locale.closing.model import Close, Reopening, Stage
from monnaie_locale.closing.operations import approve_close, prepare_close
from monnaie_locale.closing.package import document_count_max, month_documents
from monnaie_locale.closing.queries import close_of
from monnaie_locale.closing.reopening import approve_reopening, prepare_reopening
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.exports.finishing import STEPS_OF_READING, finished
from monnaie_locale.journal.period_balances import Counted, count_month
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import Verdict, verify
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.reconciliation.differences.model import Tills
from monnaie_locale.reconciliation.differences.till_facts import look_at_tills
from monnaie_locale.runtime import Runtime

YEAR_MIN = 2000
YEAR_MAX = 2999
VERIFYING = "Vérification des écritures, une à une"
COUNTING = "Calcul des soldes du mois"
SEALING = "Scellement des écritures"
DECIDING = "Liste de contrôle et arrêté"
RENDERING = "Documents du mois"

Told = Callable[[Stage], None]


def untold(_stage: Stage) -> None:
    """Tell nobody."""


def read_month(typed: str) -> Month:
    """Return the month written "2026-10"; refuses month_malformed."""
    try:
        month = Month.parse(typed)
    except ValueError as error:
        raise MonthMalformed(given=typed[:20]) from error
    if not YEAR_MIN <= month.year <= YEAR_MAX:
        raise MonthMalformed(given=typed[:20])
    return month


def verdict_of(rt: Runtime) -> Verdict:
    """Return the full verification of the books."""
    with reading(rt.engine) as db:
        return verify(db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem)


def survey(rt: Runtime, *, month: Month, tell: Told = untold) -> tuple[Verdict, Counted, Tills]:
    """Return the verification of the books, what they hold at a month's end, its charges: all of one state of them.

    What the last close verified and signed is not read again: a month takes the same time in any year.
    """
    with reading(rt.engine) as db:
        tell(Stage(VERIFYING, 0, 0))
        public_key_pem = rt.keyring.public_key_pem
        verdict = verify(
            db,
            territory_id=rt.territory_id,
            public_key_pem=public_key_pem,
            start=verification_start(db, territory_id=rt.territory_id, public_key_pem=public_key_pem),
            progress=lambda done, total: tell(Stage(VERIFYING, done, total)),
        )
        tell(Stage(COUNTING, 0, 0))
        counted = count_month(db, territory_id=rt.territory_id, month=month)
        return verdict, counted, look_at_tills(db, territory_id=rt.territory_id, month=month)


def prepare(
    rt: Runtime,
    *,
    month: Month,
    actor: str,
    now: datetime.datetime,
    carried_reason: str = "",
    tell: Told = untold,
) -> Close:
    """Verify the books, then prepare the month; refuses as `operations.prepare_close`."""
    verdict, counted, tills = survey(rt, month=month, tell=tell)
    tell(Stage(DECIDING, 0, 0))
    return transact(
        rt.engine,
        prepare_close,
        territory_id=rt.territory_id,
        month=month,
        verdict=verdict,
        actor=actor,
        now=now,
        carried_reason=carried_reason,
        counted=counted,
        tills=tills,
    )


def approve(rt: Runtime, *, close_id: int, actor: str, now: datetime.datetime, tell: Told = untold) -> Close:
    """Verify the books, approve the close, then keep its documents; refuses as `operations.approve_close`."""
    with reading(rt.engine) as db:
        month = close_of(db, territory_id=rt.territory_id, close_id=close_id).month
    verdict, counted, tills = survey(rt, month=month, tell=tell)
    # What is sealed now is not sealed under the lock.
    tell(Stage(SEALING, 0, 0))
    transact(rt.engine, seal, territory_id=rt.territory_id, sign=rt.keyring.sign, now_ms=instant_ms(now))
    tell(Stage(DECIDING, 0, 0))
    close = transact(
        rt.engine,
        approve_close,
        territory_id=rt.territory_id,
        close_id=close_id,
        verdict=verdict,
        actor=actor,
        now=now,
        sign=rt.keyring.sign,
        public_key_pem=rt.keyring.public_key_pem,
        counted=counted,
        tills=tills,
    )
    keep(rt, close_id=close_id, actor=actor, now=now, tell=tell)
    return close


def keep(rt: Runtime, *, close_id: int, actor: str, now: datetime.datetime, tell: Told = untold) -> bool:
    """Render the documents of a closed month and keep them, once; return whether they were not kept before.

    Refuses close_unknown, close_not_closed.
    """
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
        if not close.is_closed:
            raise CloseNotClosed(month=close.month.genitive_fr)
        if are_kept(db, territory_id=rt.territory_id, close_id=close_id):
            return False
        steps = STEPS_OF_READING + document_count_max(db, territory_id=rt.territory_id)
        documents = finished(
            month_documents(
                db,
                territory_id=rt.territory_id,
                month=close.month,
                public_key_pem=rt.keyring.public_key_pem,
                now=now,
            ),
            sink=Packing,
            tell=lambda done: tell(Stage(RENDERING, done, steps)),
        )
    return transact(
        rt.engine,
        keep_documents,
        territory_id=rt.territory_id,
        close_id=close_id,
        documents=documents,
        actor=actor,
        now=now,
    )


def ask_reopening(rt: Runtime, *, close_id: int, reason: str, actor: str, now: datetime.datetime) -> Reopening:
    """Keep the documents of the close if they are not, then ask; refuses as `reopening.prepare_reopening`."""
    keep(rt, close_id=close_id, actor=actor, now=now)
    return transact(
        rt.engine,
        prepare_reopening,
        territory_id=rt.territory_id,
        close_id=close_id,
        reason=reason,
        actor=actor,
        now=now,
    )


def reopen(rt: Runtime, *, close_id: int, actor: str, now: datetime.datetime) -> Reopening:
    """Approve a reopening; refuses as `reopening.approve_reopening`."""
    return transact(
        rt.engine,
        approve_reopening,
        territory_id=rt.territory_id,
        close_id=close_id,
        actor=actor,
        now=now,
        sign=rt.keyring.sign,
        public_key_pem=rt.keyring.public_key_pem,
    )
