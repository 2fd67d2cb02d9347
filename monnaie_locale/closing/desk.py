"""Prepare and approve a close on a running service: the books are verified first, outside the transaction.

Verifying reads every entry; done under the posting lock it would hold charges back.
"""

import datetime

from monnaie_locale.closing.errors import MonthMalformed
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.operations import approve_close, prepare_close
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.verify import Verdict, verify
from monnaie_locale.ledger.periods import Month
from monnaie_locale.runtime import Runtime

YEAR_MIN = 2000
YEAR_MAX = 2999


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


def prepare(rt: Runtime, *, month: Month, actor: str, now: datetime.datetime, carried_reason: str = "") -> Close:
    """Verify the books, then prepare the month; refuses as `operations.prepare_close`."""
    return transact(
        rt.engine,
        prepare_close,
        territory_id=rt.territory_id,
        month=month,
        verdict=verdict_of(rt),
        actor=actor,
        now=now,
        carried_reason=carried_reason,
    )


def approve(rt: Runtime, *, close_id: int, actor: str, now: datetime.datetime) -> Close:
    """Verify the books, then approve the close; refuses as `operations.approve_close`."""
    return transact(
        rt.engine,
        approve_close,
        territory_id=rt.territory_id,
        close_id=close_id,
        verdict=verdict_of(rt),
        actor=actor,
        now=now,
        sign=rt.keyring.sign,
        public_key_pem=rt.keyring.public_key_pem,
    )
