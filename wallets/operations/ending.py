"""End a card: it never pays again, and whoever was signed in with it no longer is."""

import datetime

from sqlalchemy import Connection, update

from monnaie_locale.identity.operations import close_sessions_of
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.ledger.periods import instant_ms
from wallets import queries
from wallets.errors import CardEnded
from wallets.model import CardState
from wallets.tables import cards


def end_card(db: Connection, *, territory_id: int, card_id: int, state: CardState, now: datetime.datetime) -> None:
    """Block or replace an active card, for ever; refuses card_unknown, card_ended."""
    ended = db.execute(
        update(cards)
        .where(cards.c.territory_id == territory_id, cards.c.id == card_id, cards.c.state == CardState.ACTIVE)
        .values(state=state, ended_at_ms=instant_ms(now))
    )
    if ended.rowcount == 0:
        queries.card_of(db, territory_id=territory_id, card_id=card_id)
        raise CardEnded(card_id=card_id)
    close_sessions_of(db, territory_id=territory_id, kind=SubjectKind.HOLDER, subject_id=card_id)
