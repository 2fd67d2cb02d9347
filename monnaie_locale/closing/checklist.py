"""The points that must hold before a month is closed. Pure: facts in, checks out, in the order a person reads them."""

import datetime

from monnaie_locale.closing.model import Check, Facts
from monnaie_locale.closing.wording import told_fr
from monnaie_locale.ledger.accounts import ACCOUNT_MAP, OWED_KINDS, AccountKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import Month

FRIDAY = 4
DETAILS_MAX = 50


def checklist(facts: Facts) -> tuple[Check, ...]:
    """Return every point of the month's checklist, the good ones too."""
    return (
        _statements(facts),
        _bank(facts),
        _reserve(facts),
        _differences(facts),
        _suspense(facts),
        _transit(facts),
        _balanced(facts),
        _distributions(facts),
        _verified(facts),
    )


def is_clean(checks: tuple[Check, ...]) -> bool:
    """Return whether the month may be closed."""
    return all(check.ok for check in checks)


def last_business_day(month: Month) -> datetime.date:
    """Return the last weekday of the month: a bank writes no statement on a Sunday."""
    day = month.last_day
    while day.weekday() > FRIDAY:
        day -= datetime.timedelta(days=1)
    return day


def _statements(facts: Facts) -> Check:
    needed = last_business_day(facts.month)
    if facts.bank_through is None:
        return Check("statements_imported", ok=False, sentence_fr="Aucun relevé bancaire n’est importé.")
    if facts.bank_through < needed:
        sentence = f"Les relevés s’arrêtent au {_day(facts.bank_through)} : il manque la fin du mois."
        return Check("statements_imported", ok=False, sentence_fr=sentence)
    sentence = f"Les relevés bancaires sont importés jusqu’au {_day(facts.bank_through)}, sans trou."
    return Check("statements_imported", ok=True, sentence_fr=sentence)


def _bank(facts: Facts) -> Check:
    books_cents = -facts.kinds_cents[AccountKind.RESERVE]
    if facts.bank_cents is None:
        return Check("bank_equals_books", ok=False, sentence_fr="Le solde bancaire de fin de mois n’est pas connu.")
    if facts.bank_cents != books_cents:
        sentence = (
            f"La banque dit {format_euros(facts.bank_cents)}, les comptes {format_euros(books_cents)} : "
            f"écart de {format_euros(facts.bank_cents - books_cents)}."
        )
        return Check("bank_equals_books", ok=False, sentence_fr=sentence)
    sentence = f"La banque et le compte {_code(AccountKind.RESERVE)} disent tous deux {format_euros(books_cents)}."
    return Check("bank_equals_books", ok=True, sentence_fr=sentence)


def _reserve(facts: Facts) -> Check:
    reserve_cents, owed_cents = -facts.kinds_cents[AccountKind.RESERVE], owed_of(facts)
    if reserve_cents < owed_cents:
        sentence = f"La réserve ne couvre pas la monnaie émise : il manque {format_euros(owed_cents - reserve_cents)}."
        return Check("reserve_covers_owed", ok=False, sentence_fr=sentence)
    sentence = f"La réserve ({format_euros(reserve_cents)}) couvre la monnaie due ({format_euros(owed_cents)})."
    return Check("reserve_covers_owed", ok=True, sentence_fr=sentence)


def _differences(facts: Facts) -> Check:
    """Each thing that does not agree is explained, or carried with a reason; money on its way carries itself."""
    waiting = [each for each in facts.differences if each.needs_a_person]
    others = [each for each in facts.differences if not each.needs_a_person]
    details = tuple(told_fr(each) for each in [*waiting, *others][:DETAILS_MAX])
    if waiting:
        sentence = f"Écarts à expliquer, ou à reporter avec une raison : {len(waiting)}."
        return Check("differences_settled", ok=False, sentence_fr=sentence, details=details)
    if others:
        sentence = f"Écarts reportés, chacun avec sa raison ou en cours de sa nature : {len(others)}."
        return Check("differences_settled", ok=True, sentence_fr=sentence, details=details)
    return Check("differences_settled", ok=True, sentence_fr="Aucun écart : tout ce qui différait est expliqué.")


def _suspense(facts: Facts) -> Check:
    """What the accounts hold to be explained is there line by line."""
    in_cents = facts.kinds_cents[AccountKind.SUSPENSE_IN]
    out_cents = -facts.kinds_cents[AccountKind.SUSPENSE_OUT]
    listed_cents = sum(each.suspense_cents for each in facts.aged)
    if listed_cents != in_cents - out_cents:
        sentence = (
            f"Mouvements bancaires à classer : les comptes disent {format_euros(in_cents - out_cents)}, "
            f"la liste des mouvements {format_euros(listed_cents)}."
        )
        return Check("suspense_listed", ok=False, sentence_fr=sentence)
    if in_cents == 0 and out_cents == 0:
        return Check("suspense_listed", ok=True, sentence_fr="Aucun mouvement bancaire n’est en attente de classement.")
    sentence = (
        f"Mouvements bancaires à classer : {format_euros(in_cents)} reçus ({_code(AccountKind.SUSPENSE_IN)}), "
        f"{format_euros(out_cents)} sortis ({_code(AccountKind.SUSPENSE_OUT)}), tous connus."
    )
    return Check("suspense_listed", ok=True, sentence_fr=sentence)


def _transit(facts: Facts) -> Check:
    transit_cents = facts.kinds_cents[AccountKind.PAYOUT_TRANSIT]
    listed_cents = sum(each.amount_cents for each in facts.in_transit)
    details = tuple(
        f"{each.end_to_end_id} : {format_euros(each.amount_cents)}, ordonné le {_day(each.ordered_on)} "
        f"({(facts.month.last_day - each.ordered_on).days} jours)"
        for each in facts.in_transit[:DETAILS_MAX]
    )
    if transit_cents != listed_cents:
        sentence = (
            f"Virements en cours : les comptes disent {format_euros(transit_cents)}, "
            f"la liste des virements {format_euros(listed_cents)}."
        )
        return Check("transit_listed", ok=False, sentence_fr=sentence, details=details)
    if transit_cents == 0:
        return Check("transit_listed", ok=True, sentence_fr="Aucun virement n’est en cours à la fin du mois.")
    sentence = f"{format_euros(transit_cents)} de virements en cours, tous connus."
    return Check("transit_listed", ok=True, sentence_fr=sentence, details=details)


def _balanced(facts: Facts) -> Check:
    """The counters of the accounts and the sum of the entries say the same, and all accounts together make zero."""
    differing = tuple(
        f"{_code(kind)} : {format_euros(facts.held_cents[kind])} aux comptes, "
        f"{format_euros(facts.kinds_cents[kind])} selon les écritures"
        for kind in AccountKind
        if facts.held_cents[kind] != facts.kinds_cents[kind]
    )
    total_cents = sum(facts.kinds_cents.values())
    if differing or total_cents:
        return Check(
            "books_balance", ok=False, sentence_fr="Les comptes ne tombent pas juste entre eux.", details=differing
        )
    sentence = (
        f"Porte-monnaie, commerçants, virements, garanties et fonds à distribuer font ensemble "
        f"{format_euros(owed_of(facts) + facts.kinds_cents[AccountKind.PROGRAMME_FUNDS])} : les comptes tombent juste."
    )
    return Check("books_balance", ok=True, sentence_fr=sentence)


def _distributions(facts: Facts) -> Check:
    if facts.half_posted:
        return Check(
            "distributions_whole",
            ok=False,
            sentence_fr="Une distribution approuvée n’est pas entièrement versée.",
            details=facts.half_posted[:DETAILS_MAX],
        )
    return Check("distributions_whole", ok=True, sentence_fr="Aucune distribution n’est restée à moitié versée.")


def _verified(facts: Facts) -> Check:
    if facts.faults:
        return Check(
            "books_verified",
            ok=False,
            sentence_fr="La vérification complète des comptes a trouvé des anomalies.",
            details=facts.faults[:DETAILS_MAX],
        )
    if facts.verified_after:
        sentence = (
            f"Les écritures depuis la n° {facts.verified_after + 1} ont été recalculées une à une : aucune anomalie. "
            "Les précédentes l’ont été à l’arrêté d’avant, que sa signature scelle."
        )
        return Check("books_verified", ok=True, sentence_fr=sentence)
    return Check(
        "books_verified", ok=True, sentence_fr="Toutes les écritures ont été recalculées une à une : aucune anomalie."
    )


def owed_of(facts: Facts) -> int:
    """Return what the reserve must cover, in cents."""
    return sum(facts.kinds_cents[kind] for kind in OWED_KINDS)


def _code(kind: AccountKind) -> str:
    return ACCOUNT_MAP[kind].code


def _day(day: datetime.date) -> str:
    return f"{day:%d/%m/%Y}"
