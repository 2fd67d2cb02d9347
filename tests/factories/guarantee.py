"""An offline guarantee, funded by two people, and a till that sends what it took offline."""

import datetime

from sqlalchemy import Engine

from merchants.model import OfflineAnswer
from merchants.offline.charges import take_offline
from merchants.offline.signing import SignedCharge, register_till_key
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.programmes.guarantee_queries import guarantee_of
from monnaie_locale.programmes.model import GuaranteeMove, GuaranteeMoveKind
from monnaie_locale.programmes.operations.guaranteeing import approve_guarantee_move, prepare_guarantee_move
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import HOST, Market
from tests.factories.merchants import APPROVER, MANAGER, NOW
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard

TOWN = {"territory_id": TERRITORY_ID}


def prepared_move(
    engine: Engine, cents: int, *, kind: GuaranteeMoveKind = GuaranteeMoveKind.FUND, programme: int = 1
) -> GuaranteeMove:
    """Prepare a move of a guarantee."""
    return transact(
        engine, prepare_guarantee_move, **TOWN, programme_id=programme, kind=kind, amount_cents=cents, actor=MANAGER,
        now=NOW,
    )  # fmt: skip


def approved_move(engine: Engine, move: GuaranteeMove, *, actor: str = APPROVER) -> GuaranteeMove:
    """Approve a move, as somebody else."""
    return transact(engine, approve_guarantee_move, **TOWN, move_id=move.move_id, actor=actor, now=NOW)


def guaranteed(engine: Engine, cents: int, *, programme: int = 1) -> GuaranteeMove:
    """Put money into a programme's guarantee, out of its funds."""
    return approved_move(engine, prepared_move(engine, cents, programme=programme))


def guarantee_cents(engine: Engine, *, programme: int = 1) -> int:
    """Return what a programme's guarantee holds."""
    with reading(engine) as db:
        return guarantee_of(db, **TOWN, programme_id=programme)


def device_of(market: Market) -> Device:
    """Return the device of the market's till, whose key the service knows."""
    device = Device(market.till)
    transact(market.engine, register_till_key, **TOWN, till=market.till, public_key=device.public_key, now=market.now)
    return device


def code_of(card: IssuedCard) -> str:
    """Return what a till scans on a card."""
    return card_url(host=HOST, token=card.token)


def send(market: Market, signed: SignedCharge, *, now: datetime.datetime | None = None) -> OfflineAnswer:
    """Send what the till took offline."""
    return take_offline(
        engine=market.engine,
        keyring=market.keyring,
        writer=market.writer,
        territory_id=TERRITORY_ID,
        host=HOST,
        till=market.till,
        signed=signed,
        now=now or market.now,
    )
