"""What `prove` prints: French for people, JSON for programs, enough in both to check it without us."""

import json

from monnaie_locale.commands.proving import ConsistencyProof, InclusionProof
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.ledger.periods import PARIS, moment_of

BROKEN = (
    "Cette preuve ne tient pas : ce qui est enregistré n’est plus ce qui a été signé. Lancez « monnaie-locale verify »."
)
HOW_INCLUSION = (
    "Pour vérifier (RFC 9162 § 2.1.3.2) : SHA-256 d’un octet nul suivi des octets de l’écriture donne la feuille ; la"
    " feuille et le chemin donnent la racine ; la signature Ed25519 est celle du texte signé par la clé publique."
)
HOW_CONSISTENCY = (
    "Pour vérifier (RFC 9162 § 2.1.4.2) : le chemin donne les deux racines ; chaque signature Ed25519 est celle de son"
    " texte par la clé publique."
)


def inclusion_json(proof: InclusionProof, *, public_key_pem: str) -> str:
    """Return an inclusion proof as JSON; hashes and signatures in hexadecimal."""
    return _json(
        {
            "ok": proof.holds,
            "proof": "inclusion",
            "entry": proof.entry_id,
            "canonical": proof.canonical.decode("ascii"),
            "leaf_hash": proof.leaf_hash.hex(),
            "index": proof.index,
            "tree_size": proof.head.size,
            "path": [step.hex() for step in proof.path],
            "head": _head(proof.head),
            "public_key": public_key_pem,
        }
    )


def consistency_json(proof: ConsistencyProof, *, public_key_pem: str) -> str:
    """Return a consistency proof as JSON; hashes and signatures in hexadecimal."""
    return _json(
        {
            "ok": proof.holds,
            "proof": "consistency",
            "from": _head(proof.old),
            "to": _head(proof.new),
            "path": [step.hex() for step in proof.path],
            "public_key": public_key_pem,
        }
    )


def inclusion_text(proof: InclusionProof, *, public_key_pem: str) -> str:
    """Return an inclusion proof as a person reads it, nothing left out."""
    if not proof.holds:
        return BROKEN
    return "\n".join(
        [
            f"L’écriture n° {proof.entry_id} est dans le journal scellé de {proof.head.size} écritures.",
            f"Octets : {proof.canonical.decode('ascii')}",
            f"Empreinte (feuille {proof.index} sur {proof.head.size}) : {proof.leaf_hash.hex()}",
            *_path(proof.path),
            *_said(proof.head),
            f"Clé publique :\n{public_key_pem.rstrip()}",
            HOW_INCLUSION,
        ]
    )


def consistency_text(proof: ConsistencyProof, *, public_key_pem: str) -> str:
    """Return a consistency proof as a person reads it, nothing left out."""
    if not proof.holds:
        return BROKEN
    return "\n".join(
        [
            f"Le journal de {proof.new.size} écritures commence par celui de {proof.old.size} : rien n’y est réécrit.",
            *_path(proof.path),
            *_said(proof.old),
            *_said(proof.new),
            f"Clé publique :\n{public_key_pem.rstrip()}",
            HOW_CONSISTENCY,
        ]
    )


def _path(path: tuple[bytes, ...]) -> list[str]:
    return [f"Chemin ({len(path)} empreintes) :", *(f"  {step.hex()}" for step in path)]


def _said(head: LogHead) -> list[str]:
    sealed_at = moment_of(head.sealed_at_ms).astimezone(PARIS)
    return [
        f"Racine à {head.size} écritures, signée le {sealed_at:%d/%m/%Y à %H:%M:%S} : {head.root.hex()}",
        "Texte signé :",
        *(f"  {line}" for line in head.signed_text().decode("ascii").splitlines()),
        f"Signature : {head.signature.hex()}",
    ]


def _head(head: LogHead) -> dict[str, object]:
    return {
        "size": head.size,
        "root": head.root.hex(),
        "accounts_size": head.accounts_size,
        "accounts_root": head.accounts_root.hex(),
        "sealed_at_ms": head.sealed_at_ms,
        "signed_text": head.signed_text().decode("ascii"),
        "signature": head.signature.hex(),
    }


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
