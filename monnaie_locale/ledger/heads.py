"""What a signature covers: a head of the log, an export, a backup, as text in the manner of a signed note."""

import hashlib


def head_text(
    *, territory_id: int, size: int, root: bytes, accounts_size: int, accounts_root: bytes, sealed_at_ms: int
) -> bytes:
    """Return the bytes that the signature of a head covers, one field a line.

    Args:
        territory_id: whose log.
        size: how many entries it covers.
        root: the Merkle root of their leaves.
        accounts_size: how many openings of accounts it covers.
        accounts_root: the Merkle root of theirs.
        sealed_at_ms: when it was signed, milliseconds UTC.

    """
    lines = (
        "monnaie-locale log", territory_id, size, root.hex(), accounts_size, accounts_root.hex(), sealed_at_ms,
    )  # fmt: skip
    return _note(*lines)


def export_text(*, territory_id: int, sha256: bytes) -> bytes:
    """Return the bytes that the signature of an export covers: whose books, and the digest of every line before it."""
    return _note("monnaie-locale audit export", territory_id, sha256.hex())


def backup_text(*, territory_id: int, content: str) -> bytes:
    """Return the bytes that the signature of a backup covers: whose books, and the digest of what its manifest says."""
    return _note("monnaie-locale backup", territory_id, hashlib.sha256(content.encode("ascii")).hexdigest())


def _note(*lines: object) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("ascii")
