"""Hold the closes, as they are stored, against their certificates and the months that the journal locked."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from monnaie_locale.closing.certificate import certified_head, read_certificate, verify_certificate
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.queries import closes_of
from monnaie_locale.journal.periods import closed_days
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import Finding

TORN = "Le certificat de l’arrêté {month} ne tient plus."
FAULTS = {
    "close_differs": "L’arrêté {month} ne dit plus ce que dit son certificat : mois, personnes ou motif.",
}


def check_closes(db: Connection, *, territory_id: int, public_key_pem: str) -> Iterator[Finding]:
    """Each close is what its certificate says, the certificate is ours, and the months locked are the months closed."""
    closes = [close for close in closes_of(db, territory_id=territory_id) if close.is_closed]
    yield from _check_locks(db, territory_id, closes)
    newest = latest_head(db, territory_id=territory_id)
    for close in closes:
        try:
            faults = verify_certificate(certificate=close.certificate, public_key_pem=public_key_pem)
            size = certified_head(close.certificate).size
            if not _is_certified(close, territory_id):
                faults = (*faults, "close_differs")
        except CertificateMalformed:
            faults, size = ("certificate_malformed",), 0
        if newest is None or newest.size < size:
            faults = (*faults, "certificate_beyond_log")
        for fault in faults:
            yield Finding(fault, f"close {close.month}", FAULTS.get(fault, TORN).format(month=close.month.genitive_fr))


def _is_certified(close: Close, territory_id: int) -> bool:
    """Return whether a close says what its certificate says; refuses certificate_malformed."""
    body, _ = read_certificate(close.certificate)
    territory = body.get("territory")
    said = (body.get("month"), body.get("prepared_by"), body.get("approved_by"), body.get("carried_reason"))
    stored = (str(close.month), close.prepared_by, close.approved_by, close.carried_reason)
    return said == stored and isinstance(territory, dict) and territory.get("id") == territory_id


def _check_locks(db: Connection, territory_id: int, closes: Sequence[Close]) -> Iterator[Finding]:
    """Each closed month is locked, and no month is locked that nobody closed."""
    closed = {close.month.last_day for close in closes}
    locked = set(closed_days(db, territory_id=territory_id))
    for day in sorted(closed - locked):
        yield Finding(
            "close_not_locked",
            f"close {day:%Y-%m}",
            f"Le mois qui finit le {day:%d/%m/%Y} est arrêté sans être verrouillé.",
        )
    for day in sorted(locked - closed):
        yield Finding(
            "lock_without_close", f"period {day}", f"Les écritures sont verrouillées au {day:%d/%m/%Y} sans arrêté."
        )
