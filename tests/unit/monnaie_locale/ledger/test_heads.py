"""What a signature covers never changes: every head ever signed was signed over these bytes."""

from monnaie_locale.ledger.heads import export_text, head_text


def test_a_head_is_signed_as_it_always_was() -> None:
    text = head_text(
        territory_id=1,
        size=5,
        root=bytes(range(32)),
        accounts_size=2,
        accounts_root=bytes(range(32, 64)),
        sealed_at_ms=1_791_187_200_000,
    )

    roots = (bytes(range(32)).hex(), bytes(range(32, 64)).hex())
    assert text.decode() == f"monnaie-locale log\n1\n5\n{roots[0]}\n2\n{roots[1]}\n1791187200000\n"


def test_an_export_is_signed_over_its_territory_and_its_digest() -> None:
    assert export_text(territory_id=3, sha256=b"\xab" * 32).decode() == (
        f"monnaie-locale audit export\n3\n{'ab' * 32}\n"
    )
