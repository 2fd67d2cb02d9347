"""How to enter the served demonstration: a link for each role, a till to pair, a card with its PIN.

Made on the real clock, when the month is over: the service that is then started lives today, not in that month.
"""

import datetime
import os
from collections.abc import Iterable, Iterator

from merchants.shops.operations import PAIRING_PATH, renew_pairing
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo.appointments import day_of
from monnaie_locale.demo.month import Ended
from monnaie_locale.demo.people import INSTALLER, NAMES
from monnaie_locale.demo.plan import Aid, Grants
from monnaie_locale.demo.summary import Row
from monnaie_locale.identity.operations import create_sign_in_link
from monnaie_locale.identity.roles import ROLE_NAMES
from monnaie_locale.journal.queries import purses_of
from monnaie_locale.runtime import Runtime
from wallets.codes.card_token import CARD_PATH, card_number_shown

AID_NAMES = {Aid.FOOD: "Aide alimentaire", Aid.MOBILITY: "Aide à la mobilité"}
SIGN_IN_PATH = "/connexion/lien/"


def still_alive(given: Iterable[Grants], *, now: datetime.datetime) -> str:
    """Return what the households can still spend of what was given: the service is served on a later day."""
    until: dict[Aid, datetime.date] = {}
    for grants in given:
        until[grants.aid] = max(grants.expires_on, until.get(grants.aid, grants.expires_on))
    sentences = (
        f"{AID_NAMES[aid]} : {'périmée depuis le' if day_of(now) > day else 'à dépenser jusqu’au'} {day:%d/%m/%Y}."
        for aid, day in until.items()
    )
    return " ".join(sentences)


def invitations(rt: Runtime, ended: Ended, *, now: datetime.datetime) -> Iterator[Row]:
    """Yield the links, each good for one entry; they are drawn by the system, not from the seed.

    Args:
        rt: the installation.
        ended: the month that was lived.
        now: the real moment, aware UTC.

    """
    base_url = rt.base_url.rstrip("/")
    for role in NAMES:
        token = transact(
            rt.engine,
            create_sign_in_link,
            territory_id=rt.territory_id,
            staff_id=ended.people.staff_ids[role],
            actor=INSTALLER,
            now=now,
            random_bytes=os.urandom,
        )
        yield Row(ROLE_NAMES[role].capitalize(), f"{base_url}{SIGN_IN_PATH}{token}")
    code = transact(
        rt.engine,
        renew_pairing,
        territory_id=rt.territory_id,
        till_id=ended.tills[0].id,
        actor=INSTALLER,
        now=now,
        random_bytes=os.urandom,
    )
    yield Row("Caisse à appairer (15 minutes)", f"{base_url}{PAIRING_PATH}{code}")
    household = household_with_most_left(rt, ended)
    card = ended.counters.cards[household]
    pin = ended.counters.pin_of(household)
    yield Row("Carte d’un ménage", f"{base_url}{CARD_PATH}{card.token}")
    yield Row("", f"numéro {card_number_shown(card.number)}, code secret {pin}")


def household_with_most_left(rt: Runtime, ended: Ended) -> int:
    """Return the household with most aids that are not spent, then with most money: there is something to try with."""
    held: list[tuple[int, int]] = []
    with reading(rt.engine) as db:
        for card in ended.counters.cards:
            purses = purses_of(db, territory_id=rt.territory_id, wallet_id=card.wallet_id)
            left_cents = [purse.balance_cents for purse in purses if purse.balance_cents]
            held.append((len(left_cents), sum(left_cents)))
    return held.index(max(held))
