"""Take back what nobody spent in time, once the programme's grace is over."""

import datetime

from sqlalchemy import Connection

from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Account, Owner, lock_territory, open_account
from monnaie_locale.journal.post import post_batch
from monnaie_locale.journal.queries import accounts_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.model import ExpiredGoesTo, Programme
from monnaie_locale.programmes.rules import expires_by


def expire_purses(
    db: Connection, *, territory_id: int, programme_id: int, actor: str, now: datetime.datetime
) -> list[Posted]:
    """Empty the programme's purses whose expiry and grace are over; return the entries, one a purse.

    Their units go where the programme says: owed back to the CCAS, or to the programme's own funds. Asked again the
    same day, it finds nothing left to take.

    Refuses: programme_unknown, and what the journal refuses.
    """
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    day = paris_date(instant_ms(now))
    lock_territory(db, territory_id=territory_id)
    purses = _expired(db, territory_id=territory_id, programme=programme, day=day)
    if not purses:
        return []
    kind = AccountKind.EXPIRED if programme.expired_goes_to is ExpiredGoesTo.CCAS else AccountKind.PROGRAMME_FUNDS
    owner = Owner(kind, programme_id)
    target = open_account(db, territory_id=territory_id, owner=owner, now_ms=instant_ms(now))
    postings = [
        Posting(
            territory_id=territory_id,
            caller=actor,
            idempotency_key=f"expiry:{account.account_id}:{day.isoformat()}",
            request_digest=request_digest(account_id=account.account_id, amount_cents=balance_cents),
            kind=EntryKind.EXPIRY,
            draws=(Draw((account.account_id,), target, balance_cents),),
            happened_at_ms=instant_ms(now),
            reference=f"P{programme_id}",
        )
        for account, balance_cents in purses
    ]
    posted: list[Posted] = []
    for answer in post_batch(db, postings, recorded_at_ms=instant_ms(now)):
        if isinstance(answer, Refusal):
            raise answer
        posted.append(answer)
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="programme.expire",
        target=f"programme:{programme_id}",
        detail={"purses": len(posted), "amount_cents": sum(each.entry.amount_cents for each in posted)},
    )
    return posted


def _expired(
    db: Connection, *, territory_id: int, programme: Programme, day: datetime.date
) -> list[tuple[Account, int]]:
    last = expires_by(programme, day=day)
    return [
        (account, balance.net_credit_cents)
        for account, balance in accounts_of(db, territory_id=territory_id, kinds=[AccountKind.PURSE])
        if account.owner.programme_id == programme.programme_id
        and account.owner.expires_on <= last
        and balance.net_credit_cents > 0
    ]
