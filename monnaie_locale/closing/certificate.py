"""The certificate of a close: what the books held, the signed head of their log, one signature over it all. Pure.

The file is a JSON object of two members, `certificate` and `signature` (Ed25519, hexadecimal). The signature covers the
canonical bytes of `certificate`: JSON with sorted keys, no spaces, ASCII only (RFC 8259), so that another program
can check it with any JSON and Ed25519 library.
"""

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.journal.periods import Span
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.keyring import signature_is_valid
from monnaie_locale.ledger.accounts import ACCOUNT_MAP, OWED_KINDS, AccountKind, Balance
from monnaie_locale.ledger.periods import Month

FORMAT = "monnaie-locale close certificate"
FORMAT_VERSION = 1
JsonObject = dict[str, Any]
# What a file that is no certificate makes: no JSON, no such member, no such type, JSON nested without end.
UNREADABLE = (ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFacts:
    """What a certificate says of a month. `prepared_by` and `approved_by` are callers ("staff:3"), never names."""

    territory_id: int
    territory_code: str
    issuer_siren: str
    month: Month
    span: Span
    balances: Mapping[AccountKind, Balance]
    head: LogHead
    public_key_pem: str
    prepared_by: str
    approved_by: str
    closed_at: datetime.datetime
    carried_reason: str = ""
    # When the month had been closed before: the SHA-256 of that certificate and of the act that reopened it.
    supersedes: tuple[str, str] | None = None
    # The SHA-256 of what the close kept: the registers its documents read, the balances and flows by account.
    facts_sha256: str = ""
    kept_sha256: str = ""


def certificate_of(facts: CloseFacts, *, sign: Callable[[bytes], bytes]) -> str:
    """Return the signed certificate of a month, as the text of its file."""
    body = _body(facts)
    signed = {"certificate": body, "signature": sign(canonical_bytes(body)).hex()}
    return json.dumps(signed, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def canonical_bytes(body: Mapping[str, object]) -> bytes:
    """Return the one byte string that the signature covers."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def read_certificate(text: str) -> tuple[JsonObject, bytes]:
    """Return the body and the signature of a certificate's file; refuses certificate_malformed."""
    try:
        signed = json.loads(text)
        body, signature = signed["certificate"], bytes.fromhex(signed["signature"])
        known = body["format"] == FORMAT and body["format_version"] == FORMAT_VERSION
    except UNREADABLE as error:
        raise CertificateMalformed from error
    if not known:
        raise CertificateMalformed
    return body, signature


def certified_head(certificate: str) -> LogHead:
    """Return the head of the log that a certificate carries; refuses certificate_malformed."""
    body, _ = read_certificate(certificate)
    try:
        return read_head(body["territory"]["id"], body["log_head"])
    except UNREADABLE as error:
        raise CertificateMalformed from error


def read_head(territory_id: object, head: Mapping[str, Any]) -> LogHead:
    """Return the head of the log that a file carries; raises one of `UNREADABLE`."""
    return LogHead(
        territory_id=_whole(territory_id),
        size=_whole(head["size"]),
        root=bytes.fromhex(head["root"]),
        accounts_size=_whole(head["accounts_size"]),
        accounts_root=bytes.fromhex(head["accounts_root"]),
        sealed_at_ms=_whole(head["sealed_at_ms"]),
        signature=bytes.fromhex(head["signature"]),
    )


def head_members(head: LogHead) -> JsonObject:
    """Return the head of the log as a file carries it."""
    return {
        "size": head.size,
        "root": head.root.hex(),
        "accounts_size": head.accounts_size,
        "accounts_root": head.accounts_root.hex(),
        "sealed_at_ms": head.sealed_at_ms,
        "signature": head.signature.hex(),
    }


def verify_certificate(*, certificate: str, public_key_pem: str) -> tuple[str, ...]:
    """Return what is wrong with a certificate, as stable codes; empty when it stands.

    Codes: certificate_signature_wrong, certificate_key_differs, certificate_head_signature_wrong,
    certificate_does_not_balance.

    Args:
        certificate: the text of the file.
        public_key_pem: the installation's public key, from elsewhere than the file.

    Refuses certificate_malformed.

    """
    body, signature = read_certificate(certificate)
    try:
        signed = canonical_bytes(body)
    except UNREADABLE as error:
        raise CertificateMalformed from error
    faults = []
    if not signature_is_valid(public_key_pem=public_key_pem, signature=signature, text=signed):
        faults.append("certificate_signature_wrong")
    head = certified_head(certificate)
    if body.get("public_key") != public_key_pem:
        faults.append("certificate_key_differs")
    if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
        faults.append("certificate_head_signature_wrong")
    try:
        total_cents = sum(_whole(account["balance_cents"]) for account in body["accounts"])
    except UNREADABLE as error:
        raise CertificateMalformed from error
    if total_cents != 0:
        faults.append("certificate_does_not_balance")
    return tuple(faults)


def _whole(value: object) -> int:
    """Return an integer of the file; TypeError for anything else that JSON can write there."""
    if type(value) is not int:
        message = f"{type(value).__name__} is not an integer"
        raise TypeError(message)
    return value


def _body(facts: CloseFacts) -> JsonObject:
    net = {kind: balance.net_credit_cents for kind, balance in facts.balances.items()}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "territory": {"id": facts.territory_id, "code": facts.territory_code, "issuer_siren": facts.issuer_siren},
        "month": str(facts.month),
        "period": {"starts_on": facts.month.first_day.isoformat(), "ends_on": facts.month.last_day.isoformat()},
        "entries": {
            "first": facts.span.first_entry_id,
            "last": facts.span.last_entry_id,
            "count": facts.span.entry_count,
        },
        # Debits less credits, as an accountant reads them: the sum of all accounts is zero.
        "accounts": [
            {
                "code": ACCOUNT_MAP[kind].code,
                "debit_cents": balance.debits_cents,
                "credit_cents": balance.credits_cents,
                "balance_cents": -balance.net_credit_cents,
            }
            for kind, balance in sorted(facts.balances.items(), key=lambda item: ACCOUNT_MAP[item[0]].code)
        ],
        "reserve_cents": -net[AccountKind.RESERVE],
        "owed_cents": sum(net[kind] for kind in OWED_KINDS),
        "carried_reason": facts.carried_reason,
        "log_head": head_members(facts.head),
        "public_key": facts.public_key_pem,
        "prepared_by": facts.prepared_by,
        "approved_by": facts.approved_by,
        "closed_at": facts.closed_at.isoformat(timespec="seconds"),
        "facts_sha256": facts.facts_sha256,
        "kept_sha256": facts.kept_sha256,
        **_superseded(facts),
    }


def _superseded(facts: CloseFacts) -> JsonObject:
    if facts.supersedes is None:
        return {}
    certificate_sha256, act_sha256 = facts.supersedes
    return {"supersedes": {"certificate_sha256": certificate_sha256, "act_sha256": act_sha256}}
