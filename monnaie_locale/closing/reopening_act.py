"""The act of a reopening: which close was undone, why, by whom, and where the log stood. Pure.

The file is as a certificate's: two members, `act` and `signature` (Ed25519, hexadecimal) over the canonical bytes of
`act`. It names the certificate by its SHA-256 and carries the signed head of the log at that instant; the next close's
certificate names both, so that none of the three can be replaced alone.
"""

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monnaie_locale.closing.certificate import UNREADABLE, canonical_bytes, head_members, read_head
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.keyring import signature_is_valid
from monnaie_locale.ledger.periods import Month

FORMAT = "monnaie-locale reopening act"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopeningFacts:
    """What an act says. `prepared_by` and `approved_by` are callers ("staff:3"), never names."""

    territory_id: int
    territory_code: str
    month: Month
    certificate: str
    reason: str
    prepared_by: str
    approved_by: str
    reopened_at: datetime.datetime
    head: LogHead
    public_key_pem: str


def act_of(facts: ReopeningFacts, *, sign: Callable[[bytes], bytes]) -> str:
    """Return the signed act, as the text of its file."""
    body = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "territory": {"id": facts.territory_id, "code": facts.territory_code},
        "month": str(facts.month),
        "certificate_sha256": sha256_of(facts.certificate),
        "reason": facts.reason,
        "prepared_by": facts.prepared_by,
        "approved_by": facts.approved_by,
        "reopened_at": facts.reopened_at.isoformat(timespec="seconds"),
        "log_head": head_members(facts.head),
        "public_key": facts.public_key_pem,
    }
    signed = {"act": body, "signature": sign(canonical_bytes(body)).hex()}
    return json.dumps(signed, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def read_act(text: str) -> tuple[Mapping[str, Any], bytes]:
    """Return the body and the signature of an act's file; refuses certificate_malformed."""
    try:
        signed = json.loads(text)
        body, signature = signed["act"], bytes.fromhex(signed["signature"])
        known = body["format"] == FORMAT and body["format_version"] == FORMAT_VERSION
    except UNREADABLE as error:
        raise CertificateMalformed from error
    if not known:
        raise CertificateMalformed
    return body, signature


def verify_act(*, act: str, certificate: str, public_key_pem: str) -> tuple[str, ...]:
    """Return what is wrong with an act, as stable codes; empty when it stands.

    Codes: act_signature_wrong, act_head_signature_wrong, act_of_another_certificate.

    Args:
        act: the text of the file.
        certificate: the text of the certificate that it undoes.
        public_key_pem: the installation's public key, from elsewhere than the file.

    Refuses certificate_malformed.

    """
    body, signature = read_act(act)
    try:
        signed = canonical_bytes(body)
        head = read_head(body["territory"]["id"], body["log_head"])
    except UNREADABLE as error:
        raise CertificateMalformed from error
    faults = []
    if not signature_is_valid(public_key_pem=public_key_pem, signature=signature, text=signed):
        faults.append("act_signature_wrong")
    if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
        faults.append("act_head_signature_wrong")
    if body.get("certificate_sha256") != sha256_of(certificate):
        faults.append("act_of_another_certificate")
    return tuple(faults)


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a file's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
