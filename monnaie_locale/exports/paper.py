"""What every printed document of ours shares: who signs it, and the signed head of the ledger's log."""

import hashlib

from monnaie_locale.documents.model import Issuer, LogHead
from monnaie_locale.journal import sealer
from monnaie_locale.journal.directory import Territory
from monnaie_locale.ledger.periods import moment_of

FINGERPRINT_LENGTH = 16


def issuer_of(territory: Territory) -> Issuer:
    """Return the issuer as documents print it: CGCT D1611-20 wants the name of the CCAS beside its own."""
    return Issuer(
        name=territory.issuer_name,
        address_lines=(
            f"{territory.issuer_building} {territory.issuer_street}".strip(),
            f"{territory.issuer_postcode} {territory.issuer_town}".strip(),
        ),
        siret=territory.issuer_siret,
        on_behalf_of=territory.ccas_name,
    )


def printed_head(head: sealer.LogHead | None, *, public_key_pem: str) -> LogHead | None:
    """Return the signed head as documents print it, or None when nothing is sealed yet."""
    if head is None:
        return None
    return LogHead(
        entry_count=head.size,
        root=head.root,
        signed_at=moment_of(head.sealed_at_ms),
        public_key_fingerprint=fingerprint(public_key_pem),
    )


def fingerprint(public_key_pem: str) -> str:
    """Return the first 64 bits of the SHA-256 of a public key's PEM text, by which people compare keys."""
    return hashlib.sha256(public_key_pem.encode()).hexdigest()[:FINGERPRINT_LENGTH]
