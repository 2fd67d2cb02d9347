"""Cards and PIN slips as PDFs, made from secrets that exist only during the request."""

from collections.abc import Sequence

from flask import Response, make_response

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.web import pages
from wallets.card_sheet import PinSlip, PrintedCard, render_cards, render_pin_slips
from wallets.card_token import card_url
from wallets.model import IssuedCard, NewPin
from wallets.operations import cards


def issue(wallet_ids: Sequence[int]) -> list[IssuedCard]:
    """Issue a card to each wallet, or to none when one of them is refused."""
    rt = runtime.current()
    secrets = cards.draw_secrets(count=len(wallet_ids), keyring=rt.keyring, random_bytes=rt.random_bytes)
    return transact(
        rt.engine,
        cards.issue_cards,
        territory_id=rt.territory_id,
        wallet_ids=wallet_ids,
        secrets=secrets,
        random_bytes=rt.random_bytes,
        actor=access.subject().caller,
        now=pages.now(),
    )


def sheet(issued: Sequence[IssuedCard]) -> Response:
    """Return the cards and their PIN slips."""
    town = _territory()
    content = render_cards(
        [as_printed(card, territory=town) for card in issued],
        town_name=town.name,
        ccas_phone=town.ccas_phone,
        created_at=pages.now(),
        demo=town.is_demo,
    )
    return _pdf(content, name="cartes.pdf")


def slip(new: NewPin) -> Response:
    """Return the slip of a new PIN."""
    town = _territory()
    printed = PinSlip(number=new.number, pin=new.pin, batch_mark=str(new.card_id), currency_name=town.currency_name)
    content = render_pin_slips(
        [printed], town_name=town.name, ccas_phone=town.ccas_phone, created_at=pages.now(), demo=town.is_demo
    )
    return _pdf(content, name=f"code-carte-{new.card_id}.pdf")


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


def _territory() -> Territory:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return territory_of(db, territory_id=rt.territory_id)


def _pdf(content: bytes, *, name: str) -> Response:
    response = make_response(content)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
