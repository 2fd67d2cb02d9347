"""A Sunday at the till of a food shop, scene by scene, through the operations that the till and the phones call.

Every scene knows how it must end, and another end raises Surprise: paid to the cent, or refused by its code. What the
three households hold comes from the plan; what they must have left is counted here, apart from the service.
"""

from dataclasses import dataclass, field

from merchants.charging import receipt_code
from merchants.charging.doubt import resolve_charge
from merchants.charging.refund import refund
from merchants.holders import day_word
from merchants.holders.counter_card import issue_counter_card, pay_at_counter
from merchants.holders.refund_requests import ask_refund, open_requests
from merchants.model import Receipt
from merchants.offline.signing import register_till_key
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo.appointments import Appointments, day_of
from monnaie_locale.demo.counter import Counters
from monnaie_locale.demo.devices import Phone, Tablet, draw_signer
from monnaie_locale.demo.installation import HOST
from monnaie_locale.demo.market_cut import live_network_cut
from monnaie_locale.demo.plan import BROUGHT_BACK_CENTS, GoodsBack, MarketDay, MarketStep, MergeHouseholds, Plan
from monnaie_locale.demo.stall import Stall
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.money import format_euros
from wallets.model import MoveKind
from wallets.operations.moving import approve_move, prepare_move
from wallets.operations.phones import bind_phone
from wallets.pin_check import prove_holder
from wallets.queries import card_of

SMALL_CENTS, LARGE_CENTS, PHONE_CENTS, LOST_CENTS, CUT_CENTS = 1_240, 4_500, 800, 600, 750
# What the last basket costs above what is left on the card.
BEYOND_CENTS = 650


@dataclass(slots=True)
class Market:
    """The market day and what came of it on the days after."""

    stall: Stall
    days: Appointments
    _receipt_code: str = field(default="", init=False)

    def run(self, step: MarketStep) -> None:
        """Live one of the three days; raises Surprise at the first thing that does not end as planned."""
        self.stall.counters.move_to(step.at)
        match step:
            case MarketDay():
                self._live()
            case GoodsBack():
                _bring_back(self.stall, self._receipt_code)
            case MergeHouseholds():
                _merge(self.stall, step.moved_cents)

    def _live(self) -> None:
        stall = self.stall
        tablet = _open_stall(stall)
        counter_code = _counter_card(stall)
        _pay_by_card(stall)
        _pay_by_phone(stall)
        at_counter = _pay_at_counter(stall, counter_code)
        secret = stall.rt.keyring.derive(receipt_code.PURPOSE)
        self._receipt_code = receipt_code.receipt_code(
            secret=secret, territory_id=stall.rt.territory_id, entry_id=at_counter.entry_id
        )
        _lose_answers(stall)
        stall.counters.move_to(self.days.network_lost_at)
        live_network_cut(stall, tablet)
        stall.wait(20)
        _pay_in_part(stall)


def open_market(counters: Counters, plan: Plan) -> Market:
    """Return the market, before its day."""
    return Market(Stall(counters=counters, day=plan.market_day), plan.days)


def _open_stall(stall: Stall) -> Tablet:
    """Let the tablet make its key, as the till's page does when it is paired."""
    tablet = Tablet(till=stall.till, signer=draw_signer(stall.rt.random_bytes))
    transact(
        stall.rt.engine,
        register_till_key,
        territory_id=stall.rt.territory_id,
        till=stall.till,
        public_key=tablet.signer.public_key,
        now=stall.now,
    )
    stall.note("La tablette fait sa clé", "prête pour une coupure de réseau")
    return tablet


def _counter_card(stall: Stall) -> str:
    stall.wait(10)
    code = transact(
        stall.rt.engine,
        issue_counter_card,
        territory_id=stall.rt.territory_id,
        merchant_id=stall.till.merchant_id,
        actor=stall.counters.people[Role.AGENT],
        now=stall.now,
        random_bytes=stall.rt.random_bytes,
    )
    stall.note("Carte de comptoir posée", f"mot du jour : « {_word(stall, stall.till.merchant_id)} »")
    return code


def _pay_by_card(stall: Stall) -> None:
    """Pay a small amount without PIN, then a large one for which the PIN is asked."""
    stall.wait(20)
    stall.paid(0, SMALL_CENTS, lambda: stall.charge(0, SMALL_CENTS, key="small"))
    stall.note("Carte", f"payé {format_euros(SMALL_CENTS)}, sans code secret")
    stall.wait(15)
    stall.refused("pin_required", lambda: stall.charge(0, LARGE_CENTS, key="large-unpinned"))
    stall.paid(0, LARGE_CENTS, lambda: stall.charge(0, LARGE_CENTS, key="large", pin=stall.pin(0)))
    stall.note("Carte", f"code secret demandé, puis payé {format_euros(LARGE_CENTS)}")


def _pay_by_phone(stall: Stall) -> None:
    """Bind a phone to a card by its PIN, pay with the code that it signs; the same code pays nothing more."""
    stall.wait(10)
    rt, card_id = stall.rt, stall.card(0).card_id
    with reading(rt.engine) as db:
        card = card_of(db, territory_id=rt.territory_id, card_id=card_id)
    prove_holder(
        rt.engine,
        rt.keyring,
        territory_id=rt.territory_id,
        card=card,
        pin=stall.pin(0),
        code_key=str(card_id),
        now=stall.now,
    )
    signer = draw_signer(rt.random_bytes)
    bound = transact(
        rt.engine,
        bind_phone,
        territory_id=rt.territory_id,
        card_id=card_id,
        public_key=signer.public_key,
        actor=f"holder:{card_id}",
        now=stall.now,
    )
    stall.note("Téléphone lié à la carte", "code secret vérifié, clé gardée sur le téléphone")
    stall.wait(5)
    phone = Phone(phone_id=bound.phone_id, signer=signer)
    shown = phone.code(host=HOST, now=stall.now, random_bytes=rt.random_bytes)
    stall.paid(0, PHONE_CENTS, lambda: stall.charge(0, PHONE_CENTS, key="phone", code=shown))
    stall.refused("phone_code_used", lambda: stall.charge(0, PHONE_CENTS, key="phone-again", code=shown))
    stall.note("Téléphone", f"payé {format_euros(PHONE_CENTS)} ; le même code, montré encore, est refusé")


def _pay_at_counter(stall: Stall, code: str) -> Receipt:
    """Let a holder scan the counter card and type the amount; the word of the day is on both screens."""
    stall.wait(20)
    receipt = stall.paid(
        1,
        BROUGHT_BACK_CENTS,
        lambda: pay_at_counter(
            engine=stall.rt.engine,
            keyring=stall.rt.keyring,
            writer=stall.rt.writer,
            territory_id=stall.rt.territory_id,
            host=HOST,
            code=code,
            card_code=stall.card_code(1),
            amount_cents=BROUGHT_BACK_CENTS,
            pin=stall.pin(1),
            idempotency_key="market-counter",
            now=stall.now,
        ),
    )
    stall.counters.tally.by_phone += 1
    word = _word(stall, receipt.merchant_id)
    stall.check(seen=word, planned=_word(stall, stall.till.merchant_id))
    stall.note("Carte de comptoir", f"payé {format_euros(BROUGHT_BACK_CENTS)}, « {word} » sur les deux écrans")
    return receipt


def _lose_answers(stall: Stall) -> None:
    """Lose the answer of a payment that was posted, then a request that never arrived: both doubts end."""
    stall.wait(25)
    posted = stall.paid(0, LOST_CENTS, lambda: stall.charge(0, LOST_CENTS, key="lost-answer"))
    found = _resolve(stall, "lost-answer")
    stall.check(seen=found and found.entry_id, planned=posted.entry_id)
    stall.note("Réponse perdue, vérification…", f"payé {format_euros(LOST_CENTS)}, une seule fois")
    stall.wait(10)
    stall.check(seen=_resolve(stall, "lost-request"), planned=None)
    stall.refused("charge_abandoned", lambda: stall.charge(1, CUT_CENTS, key="lost-request"))
    stall.note("Demande perdue, vérification…", "non payé ; la demande arrivée en retard est refusée")
    stall.wait(2)
    stall.paid(1, CUT_CENTS, lambda: stall.charge(1, CUT_CENTS, key="lost-request-again"))
    stall.note("Le même achat, de nouveau", f"payé {format_euros(CUT_CENTS)}")


def _pay_in_part(stall: Stall) -> None:
    """Tell what is left on a card that has less than the basket, and take that."""
    left_cents, pin = stall.left_cents[1], stall.pin(1)
    basket_cents = left_cents + BEYOND_CENTS
    short = stall.refused("insufficient_funds", lambda: stall.charge(1, basket_cents, key="short", pin=pin))
    stall.check(seen=short.details.get("available_cents"), planned=left_cents)
    stall.paid(1, left_cents, lambda: stall.charge(1, basket_cents, key="part", pin=pin, partial=True))
    stall.counters.tally.partial += 1
    total, rest = format_euros(basket_cents), format_euros(BEYOND_CENTS)
    stall.note(f"Carte, panier de {total}", f"payé {format_euros(left_cents)}, et {rest} autrement")


def _bring_back(stall: Stall, code: str) -> None:
    """Let the holder ask for a refund from the receipt's page, and the shop give it back."""
    rt, merchant_id = stall.rt, stall.till.merchant_id
    secret = rt.keyring.derive(receipt_code.PURPOSE)
    number = receipt_code.entry_of_receipt(code, secret=secret, territory_id=rt.territory_id)
    transact(rt.engine, ask_refund, territory_id=rt.territory_id, entry_id=number, now=stall.now)
    with reading(rt.engine) as db:
        asked = open_requests(db, territory_id=rt.territory_id, merchant_id=merchant_id)
    stall.check(
        seen=[(one.charge_entry_id, one.refundable_cents) for one in asked], planned=[(number, BROUGHT_BACK_CENTS)]
    )
    back = stall.answered(
        lambda: refund(
            engine=rt.engine,
            writer=rt.writer,
            territory_id=rt.territory_id,
            till=stall.till,
            charge_entry_id=number,
            amount_cents=None,
            idempotency_key="market-refund",
            now=stall.now,
        )
    )
    stall.check(seen=abs(back.amount_cents), planned=BROUGHT_BACK_CENTS)
    with reading(rt.engine) as db:
        stall.check(seen=open_requests(db, territory_id=rt.territory_id, merchant_id=merchant_id), planned=[])
    stall.counters.tally.refunds += 1
    stall.counters.tally.refunded_cents += BROUGHT_BACK_CENTS
    stall.note("Retour avec le code du reçu", f"remboursé {format_euros(BROUGHT_BACK_CENTS)} sur la carte")


def _merge(stall: Stall, moved_cents: int) -> None:
    """Let one person prepare that the second household joins the first, and another approve it."""
    rt, people = stall.rt, stall.counters.people
    prepared = transact(
        rt.engine,
        prepare_move,
        territory_id=rt.territory_id,
        kind=MoveKind.MERGE,
        from_wallet_id=stall.card(1).wallet_id,
        to_wallet_id=stall.card(0).wallet_id,
        actor=people[Role.AGENT],
        now=stall.now,
    )
    stall.wait(15)
    move = transact(
        rt.engine,
        approve_move,
        territory_id=rt.territory_id,
        move_id=prepared.move_id,
        actor=people[Role.APPROVER],
        now=stall.now,
    )
    with reading(rt.engine) as db:
        posted = entry_of(db, territory_id=rt.territory_id, entry_id=move.entry_id or 0)
    stall.check(seen=posted.entry.amount_cents, planned=moved_cents)
    stall.refused("card_refused", lambda: stall.charge(1, CUT_CENTS, key="merged"))
    stall.note(
        "Deux ménages réunis", f"{format_euros(moved_cents)} déplacés par deux personnes ; l’ancienne carte s’arrête"
    )


def _resolve(stall: Stall, key: str) -> Receipt | None:
    return resolve_charge(
        stall.rt.engine,
        territory_id=stall.rt.territory_id,
        till=stall.till,
        idempotency_key=f"market-{key}",
        now=stall.now,
    )


def _word(stall: Stall, merchant_id: int) -> str:
    """Return the word that a screen shows for a shop today."""
    secret = stall.rt.keyring.derive(day_word.PURPOSE)
    day = day_of(stall.now)
    return day_word.day_word(secret=secret, territory_id=stall.rt.territory_id, merchant_id=merchant_id, day=day)
