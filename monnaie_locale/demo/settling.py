"""The shops are paid, the bank answers, the month is closed."""

import datetime
from dataclasses import dataclass, field

from merchants.model import Payout
from merchants.payouts.cap_claims import record_certification
from merchants.payouts.operations import approve_payout, mark_sent, payment_file, prepare_payout
from merchants.queries import list_merchants
from monnaie_locale.closing import desk
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.wording import told_fr
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.demo.appointments import DAY, day_of
from monnaie_locale.demo.bank import Account, BankCode, Booking, Period, debits_of, returned, write_statement
from monnaie_locale.demo.counter import Surprise
from monnaie_locale.demo.stage import MINUTE, Stage
from monnaie_locale.exports.payment_order import payment_order
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.differences.model import DifferenceKind
from monnaie_locale.reconciliation.differences.operations import carry
from monnaie_locale.reconciliation.expectations import TOP_UP_REFERENCE
from monnaie_locale.reconciliation.operations import import_statement

BANK_FEE_CENTS = 1_250
RETURN_REASON = "AC04"
CERTIFICATE = "Attestation signée avec la convention"
TOP_UP_TEXT = f"ASSOCIATION MONNAIE DE VILLE-EXEMPLE {TOP_UP_REFERENCE}"
CARRIED_REASONS = {
    DifferenceKind.PAYOUT_RETURNED: "Le commerce donne un autre IBAN ; il sera payé au prochain ordre.",
    DifferenceKind.CREDIT_UNKNOWN: "La banque recherche qui a envoyé ce virement.",
    DifferenceKind.DOUBLE_SCAN: "Le commerce confirme deux achats, et non une erreur.",
}
# A bank writes its statement some hours before it is imported.
WRITTEN_BEFORE = 90 * MINUTE


@dataclass(slots=True, kw_only=True)
class Bank:
    """The bank's account: its balance, the statements written so far, as files."""

    stage: Stage
    balance_cents: int = 0
    through_on: datetime.date | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    def import_through(
        self, bookings: list[Booking], *, to_on: datetime.date, at: datetime.datetime, suspense: bool = False
    ) -> None:
        """Write the statement that follows the last one; as `import_day`."""
        from_on = to_on if self.through_on is None else self.through_on + datetime.timedelta(days=1)
        self.import_day(bookings, from_on=from_on, to_on=to_on, at=at, suspense=suspense)

    def import_day(
        self,
        bookings: list[Booking],
        *,
        from_on: datetime.date,
        to_on: datetime.date,
        at: datetime.datetime,
        suspense: bool = False,
    ) -> None:
        """Write the statement of a period and let the accountant import it; every line must be recognised.

        `suspense` says that a line may be left for her to explain.
        """
        self.through_on = to_on
        stage = self.stage
        stage.clock.now = at
        territory = territory_in(stage)
        content, self.balance_cents = write_statement(
            account=Account(iban=territory.reserve_iban, bic=territory.reserve_bic, owner=territory.issuer_name),
            period=Period(number=len(self.files) + 1, from_on=from_on, to_on=to_on, written_at=at - WRITTEN_BEFORE),
            opening_cents=self.balance_cents,
            bookings=bookings,
        )
        self.files[f"statement-{to_on}.xml"] = content
        report = transact(
            stage.rt.engine,
            import_statement,
            territory_id=stage.rt.territory_id,
            content=content,
            actor=stage.by(Role.ACCOUNTANT),
            now=stage.now,
        )
        if (report.in_suspense and not suspense) or report.warnings:
            raise Surprise(f"{to_on}: {report.in_suspense} {report.warnings}")


def prepare(stage: Stage) -> Payout:
    """Prepare what the shops are paid for the month so far; each has certified its use of the year's chèques."""
    days = stage.plan.days
    certify(stage, year=days.payout_on.year)
    return prepare_for(stage, label=days.month.label_fr.capitalize(), execution_on=days.payout_on)


def certify(stage: Stage, *, year: int) -> None:
    """Record that each shop certified its use of a year's chèques."""
    with reading(stage.rt.engine) as db:
        shops = list_merchants(db, territory_id=stage.rt.territory_id)
    for shop in shops:
        transact(
            stage.rt.engine,
            record_certification,
            territory_id=stage.rt.territory_id,
            merchant_id=shop.id,
            year=year,
            document=CERTIFICATE,
            actor=stage.by(Role.PROGRAMME_MANAGER),
            now=stage.now,
        )


def prepare_for(stage: Stage, *, label: str, execution_on: datetime.date) -> Payout:
    """Prepare what the shops are paid for what they took until today."""
    return transact(
        stage.rt.engine,
        prepare_payout,
        territory_id=stage.rt.territory_id,
        label=label,
        cutoff_on=day_of(stage.now),
        execution_on=execution_on,
        actor=stage.by(Role.ACCOUNTANT),
        now=stage.now,
    )


def approve(stage: Stage, payout: Payout) -> tuple[Payout, bytes]:
    """Approve the payout by another person and return it with the bank's file."""
    approved = transact(
        stage.rt.engine,
        approve_payout,
        territory_id=stage.rt.territory_id,
        payout_id=payout.id,
        actor=stage.by(Role.APPROVER),
        now=stage.now,
    )
    with reading(stage.rt.engine) as db:
        ordered = payment_file(db, territory_id=stage.rt.territory_id, payout_id=payout.id)
    order = payment_order(territory=territory_in(stage), payout=ordered)
    transact(
        stage.rt.engine,
        mark_sent,
        territory_id=stage.rt.territory_id,
        payout_id=payout.id,
        actor=stage.by(Role.ACCOUNTANT),
        now=stage.now,
    )
    return approved, order


def hear_from_the_bank(bank: Bank, order: bytes) -> None:
    """Import what the bank did: the transfers and its fee, then one transfer returned and the issuer's top-up."""
    days = bank.stage.plan.days
    debits = debits_of(order, booked_on=days.payout_on)
    fee = Booking(
        booked_on=days.payout_on,
        amount_cents=-BANK_FEE_CENTS,
        code=BankCode.FEE,
        text=f"FRAIS DE VIREMENTS {format_decimal(BANK_FEE_CENTS, point=',')}",
    )
    bank.import_day([*debits, fee], from_on=days.funded_on + DAY, to_on=days.payout_on, at=days.second_statement_at)
    came_back = returned(debits[-1], booked_on=days.returned_on, reason=RETURN_REASON)
    top_up = Booking(
        booked_on=days.returned_on,
        amount_cents=BANK_FEE_CENTS,
        code=BankCode.RECEIVED,
        text=TOP_UP_TEXT,
        end_to_end_id=f"COMPLEMENT-{days.month}",
    )
    bank.import_day([came_back, top_up], from_on=days.returned_on, to_on=days.last_bank_day, at=days.third_statement_at)


def close(stage: Stage) -> Close:
    """Close the first month by two people."""
    days = stage.plan.days
    return close_month(stage, days.month, prepared_at=days.close_prepared_at, approved_at=days.close_approved_at)


def close_month(
    stage: Stage,
    closing: Month,
    *,
    prepared_at: datetime.datetime,
    approved_at: datetime.datetime,
) -> Close:
    """Close a month by two people, as the back office does: differences carried, verified, sealed, documents kept."""
    stage.clock.now = prepared_at
    _carry(stage, closing)
    prepared = desk.prepare(stage.rt, month=closing, actor=stage.by(Role.ACCOUNTANT), now=stage.now)
    stage.clock.now = approved_at
    return desk.approve(stage.rt, close_id=prepared.close_id, actor=stage.by(Role.APPROVER), now=stage.now)


def _carry(stage: Stage, closing: Month) -> None:
    """Let the accountant say of each difference still open why it may wait; one that the plan does not know stops."""
    with reading(stage.rt.engine) as db:
        found = open_differences(db, territory_id=stage.rt.territory_id, month=closing)
    for each in found:
        if not each.needs_a_person:
            continue
        if each.kind not in CARRIED_REASONS:
            raise Surprise(f"{closing}: {told_fr(each)}")
        by = By(
            territory_id=stage.rt.territory_id,
            actor=stage.by(Role.ACCOUNTANT),
            note=CARRIED_REASONS[each.kind],
            now=stage.now,
        )
        transact(stage.rt.engine, carry, by=by, month=closing, key=each.key)


def verified(stage: Stage) -> Verdict:
    """Recompute the books from the rows, and hold every other table against them."""
    with reading(stage.rt.engine) as db:
        return verify_installation(
            db, territory_id=stage.rt.territory_id, public_key_pem=stage.rt.keyring.public_key_pem
        )


def territory_in(stage: Stage) -> Territory:
    """Return the territory as it is stored."""
    with reading(stage.rt.engine) as db:
        return territory_of(db, territory_id=stage.rt.territory_id)
