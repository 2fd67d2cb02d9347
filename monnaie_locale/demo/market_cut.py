"""The hour without network at the market: signed by the tablet, sent when it is back; one guaranteed, one not paid."""

from merchants.charging.charge import charge
from merchants.model import OfflineAnswer
from merchants.offline.charges import acknowledge, refused_offline, take_offline
from merchants.offline.signing import SignedCharge
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo.devices import Tablet
from monnaie_locale.demo.installation import HOST
from monnaie_locale.demo.stall import Stall
from monnaie_locale.ledger.money import format_euros

# Minutes after the one before, household, amount. The third household spends elsewhere what its last two need: the
# programme's guarantee pays the rest of the first of them, and has not enough for the other.
TAKEN = ((4, 0, 420), (6, 1, 1_100), (5, 2, 1_500), (8, 0, 330), (9, 1, 830), (7, 2, 900), (10, 2, 1_400))
GUARANTEED, SHORT = len(TAKEN) - 2, len(TAKEN) - 1
# What the third household keeps for the one that is guaranteed.
KEPT_CENTS = 300
SENT_TWICE = 1
ELSEWHERE_AFTER = 3


def live_network_cut(stall: Stall, tablet: Tablet) -> None:
    """Take payments while the network is away, then send them: one purse was emptied meanwhile, six are paid."""
    stall.note("Le réseau tombe", "la caisse continue, sans code secret, 20,00 € au plus")
    waiting = []
    for number, (minutes, who, amount_cents) in enumerate(TAKEN):
        stall.wait(minutes)
        key = f"market-offline-{number}"
        taken = tablet.take(card_code=stall.card_code(who), amount_cents=amount_cents, key=key, at=stall.now)
        waiting.append(taken)
        stall.note("Carte, hors connexion", f"{format_euros(amount_cents)}, signés n° {taken.sequence} et gardés")
        if number == ELSEWHERE_AFTER:
            _spend_elsewhere(stall)
    stall.wait(13)
    answers = [_send(stall, signed) for signed in waiting]
    _check_answers(stall, answers)
    again = _send(stall, waiting[SENT_TWICE])
    stall.check(seen=_entry(again), planned=_entry(answers[SENT_TWICE]))
    stall.counters.tally.retries += 1
    stall.note("Le même, envoyé deux fois", "compté une seule fois")
    _read_the_refusal(stall, waiting[SHORT])


def _spend_elsewhere(stall: Stall) -> None:
    """Let the third household spend most of it in the shop next door, which has a network."""
    who = TAKEN[SHORT][1]
    before_cents = sum(cents for _, household, cents in TAKEN[:GUARANTEED] if household == who)
    amount_cents = stall.left_cents[who] - before_cents - KEPT_CENTS
    stall.wait(1)
    receipt = stall.answered(
        lambda: charge(
            engine=stall.rt.engine,
            keyring=stall.rt.keyring,
            writer=stall.rt.writer,
            territory_id=stall.rt.territory_id,
            host=HOST,
            till=stall.counters.tills[stall.day.neighbour],
            card_code=stall.card_code(who),
            amount_cents=amount_cents,
            idempotency_key="market-elsewhere",
            now=stall.now,
            pin=stall.pin(who),
        )
    )
    stall.check(seen=receipt.amount_cents, planned=amount_cents)
    stall.left_cents[who] -= amount_cents
    stall.count(receipt)
    stall.note("Pendant ce temps, chez le voisin", f"payé {format_euros(amount_cents)} avec la même carte")


def _send(stall: Stall, signed: SignedCharge) -> OfflineAnswer:
    return stall.answered(
        lambda: take_offline(
            engine=stall.rt.engine,
            keyring=stall.rt.keyring,
            writer=stall.rt.writer,
            territory_id=stall.rt.territory_id,
            host=HOST,
            till=stall.till,
            signed=signed,
            now=stall.now,
        )
    )


def _check_answers(stall: Stall, answers: list[OfflineAnswer]) -> None:
    """All are paid but the last one, one of them with the guarantee; the receipts are those of late charges."""
    paid_cents = 0
    for number, ((_, who, amount_cents), answer) in enumerate(zip(TAKEN, answers, strict=True)):
        if number == SHORT:
            stall.check(seen=(answer.receipt, answer.refusal_code), planned=(None, "offline_guarantee_short"))
            stall.counters.tally.refused["offline_guarantee_short"] += 1
            continue
        from_card_cents = min(amount_cents, stall.left_cents[who])
        stall.left_cents[who] -= from_card_cents
        receipt = answer.receipt
        seen = receipt and (receipt.amount_cents, receipt.guaranteed_cents, receipt.is_late)
        stall.check(seen=seen, planned=(amount_cents, amount_cents - from_card_cents, True))
        if receipt is not None:
            stall.count(receipt)
            paid_cents += receipt.amount_cents
    stall.note("Le réseau revient", f"{len(TAKEN) - 1} payés ({format_euros(paid_cents)}), 1 non payé")
    _, _, amount_cents = TAKEN[GUARANTEED]
    part = format_euros(amount_cents - KEPT_CENTS)
    stall.note("Carte vidée chez le voisin", f"{format_euros(amount_cents)} payés, dont {part} par la garantie")


def _read_the_refusal(stall: Stall, signed: SignedCharge) -> None:
    """Let the shop read what nobody has paid; it stays in its list."""
    rt = stall.rt
    transact(
        rt.engine,
        acknowledge,
        territory_id=rt.territory_id,
        till=stall.till,
        idempotency_key=signed.idempotency_key,
        now=stall.now,
    )
    with reading(rt.engine) as db:
        listed = refused_offline(db, territory_id=rt.territory_id, merchant_id=stall.till.merchant_id)
    read = [(each.amount_cents, each.acknowledged_at_ms is not None) for each in listed]
    stall.check(seen=read, planned=[(signed.amount_cents, True)])
    stall.note("Liste « non payés »", f"{format_euros(signed.amount_cents)} : {listed[0].sentence}")


def _entry(answer: OfflineAnswer) -> int | None:
    return None if answer.receipt is None else answer.receipt.entry_id
