"""Hold the closes, as they are stored, against their certificates, the months locked, and what they kept."""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from monnaie_locale.closing.certificate import certified_head, read_certificate, verify_certificate
from monnaie_locale.closing.documents import kept_digests, list_digest
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.closing.frozen import frozen_digest
from monnaie_locale.closing.kept import balances_differ
from monnaie_locale.closing.model import Close, Reopening
from monnaie_locale.closing.queries import closes_of, reopenings_of
from monnaie_locale.closing.reopening_act import read_act, sha256_of, verify_act
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.periods import closed_days, reopened_instants
from monnaie_locale.journal.sealer import latest_head
from monnaie_locale.journal.verify import Finding

TORN = "Le certificat de l’arrêté {month} ne tient plus."
FAULTS = {
    "close_differs": "L’arrêté {month} ne dit plus ce que dit son certificat : mois, personnes ou motif.",
    "close_balances_differ": "Les soldes ou les flux gardés à l’arrêté {month} ne sont plus ceux de son certificat.",
    "close_facts_differ": "Ce que l’arrêté {month} a gardé des registres n’est plus ce que son certificat scelle.",
    "close_document_altered": "Un document de l’arrêté {month} n’est plus celui qui a été rendu.",
    "close_supersedes_another": "L’arrêté {month} ne nomme pas le certificat et l’acte qui le précèdent.",
    "reopening_missing": "L’arrêté {month} est noté rouvert, et sa réouverture a disparu.",
    "reopening_differs": "La réouverture de l’arrêté {month} ne dit plus ce que dit son acte.",
    "reopened_lock_missing": "L’arrêté {month} est noté rouvert, et le verrou levé a disparu.",
}


def check_closes(db: Connection, *, territory_id: int, public_key_pem: str) -> Iterator[Finding]:
    """Each close is what its certificate says, the certificate is ours, and the months locked are the months closed."""
    closes = [close for close in closes_of(db, territory_id=territory_id) if close.was_closed]
    reopenings = reopenings_of(db, territory_id=territory_id)
    yield from _check_locks(db, territory_id, [close for close in closes if close.is_closed])
    newest = latest_head(db, territory_id=territory_id)
    noted = _documents_noted(db, territory_id)
    let_go = reopened_instants(db, territory_id=territory_id)
    for close in closes:
        try:
            faults = verify_certificate(certificate=close.certificate, public_key_pem=public_key_pem)
            size = certified_head(close.certificate).size
            if not _is_certified(close, territory_id):
                faults = (*faults, "close_differs")
            faults = (*faults, *_kept_faults(db, territory_id, close, noted))
            faults = (*faults, *_superseding_faults(close, closes, reopenings))
            faults = (*faults, *_reopening_faults(close, reopenings.get(close.close_id), let_go, public_key_pem))
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


def _kept_faults(db: Connection, territory_id: int, close: Close, noted: dict[str, str]) -> Iterator[str]:
    """What a close kept is what was signed: the balances by their certificate, the documents by the audit trail."""
    if balances_differ(db, territory_id=territory_id, close=close):
        yield "close_balances_differ"
    facts_sha256 = read_certificate(close.certificate)[0].get("facts_sha256")
    if frozen_digest(db, territory_id=territory_id, close_id=close.close_id) != facts_sha256:
        yield "close_facts_differ"
    documents = kept_digests(db, territory_id=territory_id, close_id=close.close_id)
    wanted = noted.get(f"close:{close.close_id}")
    is_whole = (
        wanted is None if not documents else wanted == list_digest([(name, stored) for name, _, stored in documents])
    )
    if not is_whole or any(written != stored for _, written, stored in documents):
        yield "close_document_altered"


def _documents_noted(db: Connection, territory_id: int) -> dict[str, str]:
    """Return the digest of the documents of each close, as the audit trail noted it when they were kept."""
    events = events_of_actions(db, territory_id=territory_id, actions=("close.documents",))
    return {event.target: str(json.loads(event.detail).get("sha256", "")) for event in events}


def _superseding_faults(close: Close, closes: Sequence[Close], reopenings: Mapping[int, Reopening]) -> Iterator[str]:
    """A month closed again names the certificate before it and the act that undid it; a first close names none."""
    earlier = [each for each in closes if each.month == close.month and each.close_id < close.close_id]
    supersedes = None
    if earlier:
        before = max(earlier, key=lambda each: each.close_id)
        reopening = reopenings.get(before.close_id)
        supersedes = {
            "certificate_sha256": sha256_of(before.certificate),
            "act_sha256": sha256_of("" if reopening is None else reopening.act),
        }
    body, _ = read_certificate(close.certificate)
    if body.get("supersedes") != supersedes:
        yield "close_supersedes_another"


def _reopening_faults(
    close: Close, reopening: Reopening | None, let_go: Mapping[tuple[datetime.date, int], int], public_key_pem: str
) -> Iterator[str]:
    """A close that was undone has its act, and the lock let go; one that stands has none."""
    is_undone = reopening is not None and reopening.is_approved
    if close.is_closed and not is_undone:
        return
    if reopening is None or not is_undone or close.is_closed:
        yield "reopening_missing"
        return
    yield from verify_act(act=reopening.act, certificate=close.certificate, public_key_pem=public_key_pem)
    act, _ = read_act(reopening.act)
    said = (act.get("month"), act.get("reason"), act.get("prepared_by"), act.get("approved_by"))
    if said != (str(close.month), reopening.reason, reopening.prepared_by, reopening.approved_by):
        yield "reopening_differs"
    if let_go.get((close.month.last_day, close.closed_at_ms or 0)) != reopening.approved_at_ms:
        yield "reopened_lock_missing"


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
