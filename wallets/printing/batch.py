"""A batch of cards, from the wallets to the paper: secrets drawn, cards issued, one document made, nothing kept.

The document exists in memory until it is sent or written where the person asked; the database has digests only.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.directory import Territory
from monnaie_locale.keyring import Keyring
from wallets.codes.card_token import RandomBytes, card_url
from wallets.model import Household, IssuedCard
from wallets.operations.cards import draw_secrets, issue_cards, replace_cards
from wallets.printing.export import plastic_package
from wallets.printing.letter import Letter, PinPlace, render_letters
from wallets.printing.sheet import PrintedCard, Progress, no_progress, render_cards


class Support(StrEnum):
    """What the cards are made on."""

    SHEETS = "sheets"
    LETTERS = "letters"
    LETTERS_PIN_APART = "letters-pin-apart"
    PLASTIC = "plastic"

    @property
    def label_fr(self) -> str:
        """Return what the desk reads."""
        return SUPPORT_LABELS[self]

    @property
    def is_letters(self) -> bool:
        """Return whether names and addresses are printed."""
        return self in {Support.LETTERS, Support.LETTERS_PIN_APART}


SUPPORT_LABELS = {
    Support.SHEETS: "Planches A4 à découper, codes secrets à part",
    Support.LETTERS: "Lettres : carte et code secret sous un volet",
    Support.LETTERS_PIN_APART: "Lettres : la carte, puis le code secret dans une autre lettre",
    Support.PLASTIC: "Imprimeur de cartes plastiques (fichier ZIP)",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A file to send: its bytes hold the secrets of the cards, nobody else has them."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def issue_batch(
    engine: Engine,
    *,
    territory_id: int,
    wallet_ids: Sequence[int],
    keyring: Keyring,
    random_bytes: RandomBytes,
    actor: str,
    now: datetime.datetime,
    replaces: bool = False,
    progress: Progress = no_progress,
    threads: int = 1,
) -> list[IssuedCard]:
    """Issue a card to each wallet, or to none when one of them is refused; return them with their secrets.

    Args:
        engine: of the books.
        territory_id: whose cards.
        wallet_ids: each once, in the order of the document.
        keyring: hashes the PINs.
        random_bytes: draws the secrets.
        actor: the caller, "staff:3".
        now: aware UTC.
        replaces: whether a wallet's active card is ended first; without it such a wallet is refused.
        progress: is told (done, total) for each PIN hashed.
        threads: how many PINs are hashed at once.

    Refuses: wallet_unknown, wallet_closed, wallet_has_card.

    """
    secrets = draw_secrets(
        count=len(wallet_ids), keyring=keyring, random_bytes=random_bytes, progress=progress, threads=threads
    )
    return transact(
        engine,
        replace_cards if replaces else issue_cards,
        territory_id=territory_id,
        wallet_ids=wallet_ids,
        secrets=secrets,
        random_bytes=random_bytes,
        actor=actor,
        now=now,
    )


def document_of(
    issued: Sequence[IssuedCard],
    *,
    support: Support,
    territory: Territory,
    households: Mapping[int, Household],
    created_at: datetime.datetime,
    progress: Progress = no_progress,
) -> Document:
    """Return the one document of cards just issued.

    `households` gives each wallet's household, whose name and address are printed on letters and nowhere else.
    """
    printed = [as_printed(card, territory=territory) for card in issued]
    stamp = f"{created_at:%Y-%m-%d}"
    if support is Support.PLASTIC:
        content = plastic_package(
            printed,
            town_name=territory.name,
            ccas_phone=territory.ccas_phone,
            created_at=created_at,
            demo=territory.is_demo,
            progress=progress,
        )
        return Document(f"cartes-{stamp}.zip", "application/zip", content)
    if support is Support.SHEETS:
        content = render_cards(
            printed,
            town_name=territory.name,
            ccas_phone=territory.ccas_phone,
            created_at=created_at,
            demo=territory.is_demo,
            progress=progress,
        )
        return Document(f"cartes-{stamp}.pdf", "application/pdf", content)
    content = render_letters(
        [Letter(card, households[one.wallet_id].addressee) for card, one in zip(printed, issued, strict=True)],
        town_name=territory.name,
        ccas_name=territory.ccas_name,
        ccas_phone=territory.ccas_phone,
        created_at=created_at,
        pins=PinPlace.APART if support is Support.LETTERS_PIN_APART else PinPlace.INSIDE,
        demo=territory.is_demo,
        progress=progress,
    )
    return Document(f"lettres-{stamp}.pdf", "application/pdf", content)


def as_printed(card: IssuedCard, *, territory: Territory) -> PrintedCard:
    """Return what is printed of a card just issued; its number in our list tells the cards of a home apart."""
    return PrintedCard(
        token_url=card_url(host=territory.host, token=card.token),
        number=card.number,
        pin=card.pin,
        batch_mark=str(card.card_id),
        currency_name=territory.currency_name,
        host=territory.host,
    )
