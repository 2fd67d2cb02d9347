"""Before the month: two programmes are opened, shops admitted and their tills paired, households given cards."""

from merchants.model import Address, Till
from merchants.shops.admission import check_admission
from merchants.shops.operations import admit_merchant, open_till, pair_till
from monnaie_locale.database.transaction import transact
from monnaie_locale.demo.appointments import GRACE_DAYS
from monnaie_locale.demo.plan import AID_CATEGORIES, PIN_ABOVE_CENTS, Aid
from monnaie_locale.demo.progress import Advance
from monnaie_locale.demo.stage import MINUTE, Stage
from monnaie_locale.demo.town import Household, Shop, households_csv
from monnaie_locale.identity.roles import Role
from monnaie_locale.programmes.model import ExpiredGoesTo, LegalBasis, PinRule, Programme, ProgrammeTerms
from monnaie_locale.programmes.operations.opening import open_programme
from wallets.model import IssuedCard
from wallets.operations.cards import draw_secrets, issue_cards
from wallets.operations.enrolling import enrol_from_csv

TILL_LABEL = "Caisse 1"
# Name, legal basis, number of the decision in its year, budget of the year in cents.
PROGRAMMES = {
    Aid.FOOD: ("Aide alimentaire", LegalBasis.CAP, 14, 12_000_000),
    Aid.MOBILITY: ("Mobilité", LegalBasis.CONVENTION, 15, 3_000_000),
}


def open_programmes(stage: Stage) -> dict[Aid, Programme]:
    """Open the two programmes; the budget grows with the plan when many households were asked for."""
    stage.clock.now = stage.plan.days.installed_at
    decided_on = stage.plan.days.decided_on
    return {
        aid: transact(
            stage.rt.engine,
            open_programme,
            territory_id=stage.rt.territory_id,
            terms=ProgrammeTerms(
                name=name,
                legal_basis=basis,
                decision_reference=f"Délibération CA-{decided_on.year}-{number}",
                decided_on=decided_on,
                budget_cents=max(budget_cents, 2 * stage.plan.granted_cents(aid)) * stage.plan.months,
                categories=AID_CATEGORIES[aid],
                pin_rule=PinRule.ABOVE,
                pin_above_cents=PIN_ABOVE_CENTS,
                grace_days=GRACE_DAYS,
                expired_goes_to=ExpiredGoesTo.CCAS,
            ),
            actor=stage.by(Role.PROGRAMME_MANAGER),
            now=stage.now,
        )
        for aid, (name, basis, number, budget_cents) in PROGRAMMES.items()
    }


def admit_shops(stage: Stage, shops: tuple[Shop, ...], advance: Advance) -> list[Till]:
    """Admit every shop and pair one till in each."""
    tills = []
    for shop in shops:
        stage.clock.now += MINUTE
        admission = check_admission(
            name=shop.name,
            siret=shop.siret,
            category=shop.category.value,
            iban=shop.iban,
            address=Address(street=shop.street, building=shop.building, postcode=shop.postcode, town=shop.town),
        )
        merchant = transact(
            stage.rt.engine,
            admit_merchant,
            territory_id=stage.rt.territory_id,
            admission=admission,
            actor=stage.by(Role.PROGRAMME_MANAGER),
            now=stage.now,
        )
        tills.append(_pair(stage, merchant.id))
        advance(1)
    return tills


def _pair(stage: Stage, merchant_id: int) -> Till:
    _, code = transact(
        stage.rt.engine,
        open_till,
        territory_id=stage.rt.territory_id,
        merchant_id=merchant_id,
        label=TILL_LABEL,
        actor=stage.by(Role.AGENT),
        now=stage.now,
        random_bytes=stage.rt.random_bytes,
    )
    till, _ = transact(
        stage.rt.engine,
        pair_till,
        territory_id=stage.rt.territory_id,
        code=code,
        now=stage.now,
        random_bytes=stage.rt.random_bytes,
    )
    return till


def enrol(stage: Stage, households: tuple[Household, ...], advance: Advance) -> list[IssuedCard]:
    """Import the households' file and issue a card to each; the cards come in the order of the file."""
    stage.clock.now = stage.plan.days.enrolled_at
    opened = transact(
        stage.rt.engine,
        enrol_from_csv,
        territory_id=stage.rt.territory_id,
        content=households_csv(households),
        keyring=stage.rt.keyring,
        actor=stage.by(Role.AGENT),
        now=stage.now,
    )
    secrets = draw_secrets(
        count=len(opened),
        keyring=stage.rt.keyring,
        random_bytes=stage.rt.random_bytes,
        progress=lambda _done, _total: advance(1),
    )
    return transact(
        stage.rt.engine,
        issue_cards,
        territory_id=stage.rt.territory_id,
        wallet_ids=[wallet_id for _, wallet_id in opened],
        secrets=secrets,
        random_bytes=stage.rt.random_bytes,
        actor=stage.by(Role.AGENT),
        now=stage.now,
    )
