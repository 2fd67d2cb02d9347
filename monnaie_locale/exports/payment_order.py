"""The bank's file of an approved payout: our payout and our territory, in the words of pain.001."""

from merchants.model import Address, PayoutFile
from monnaie_locale.exports.sepa import CreditTransfer, Debtor, PaymentFile, PostalAddress, write_payment_file
from monnaie_locale.journal.directory import Territory
from monnaie_locale.ledger.periods import moment_of


def payment_order(*, territory: Territory, payout: PayoutFile) -> bytes:
    """Return the pain.001 of an approved payout; the same payout always gives the same bytes.

    Args:
        territory: who pays, from its reserve account.
        payout: of `merchants.payouts.operations.payment_file`.

    Refuses as `sepa.write_payment_file`.

    """
    return write_payment_file(
        payment=PaymentFile(
            message_id=payout.message_id,
            created_at=moment_of(payout.approved_at_ms),
            execution_on=payout.execution_on,
            version=payout.pain_version,
            debtor=Debtor(
                name=territory.issuer_name,
                siret=territory.issuer_siret,
                iban=territory.reserve_iban,
                bic=territory.reserve_bic or None,
                address=PostalAddress(
                    town=territory.issuer_town,
                    street=territory.issuer_street,
                    building=territory.issuer_building,
                    postcode=territory.issuer_postcode,
                ),
            ),
            transfers=tuple(
                CreditTransfer(
                    end_to_end_id=line.end_to_end_id,
                    amount_cents=line.amount_cents,
                    creditor_name=line.name,
                    creditor_iban=line.iban,
                    creditor_bic=line.bic or None,
                    address=_postal(line.address),
                    rf_reference=line.rf_reference,
                )
                for line in payout.lines
            ),
        )
    )


def _postal(address: Address) -> PostalAddress:
    return PostalAddress(town=address.town, street=address.street, building=address.building, postcode=address.postcode)
