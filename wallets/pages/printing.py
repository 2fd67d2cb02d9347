"""Cards and PIN slips as files to download, made from secrets that exist only during the request."""

from collections.abc import Sequence

from flask import Response, make_response

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import access
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets import queries
from wallets.model import IssuedCard, NewPin
from wallets.printing.batch import Document, Support, document_of, issue_batch
from wallets.printing.sheet import PinSlip, render_pin_slips

SUPPORTS = tuple((support.value, support.label_fr) for support in Support)


def asked_support(form: FormReader) -> Support:
    """Return what the desk chose to print on; sheets when it did not say."""
    return Support(form.choice("support", list(Support), required=False) or Support.SHEETS)


def issued_on(support: Support, *, wallet_ids: Sequence[int]) -> Response:
    """Issue a card to each wallet, or to none when one of them is refused, and send them."""
    rt = runtime.current()
    issued = issue_batch(
        rt.engine,
        territory_id=rt.territory_id,
        wallet_ids=wallet_ids,
        keyring=rt.keyring,
        random_bytes=rt.random_bytes,
        actor=access.subject().caller,
        now=pages.now(),
    )
    return sent_on(support, issued=issued)


def sent_on(support: Support, *, issued: Sequence[IssuedCard]) -> Response:
    """Send cards that were just issued: the only time that anybody has their secrets."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        town = territory_of(db, territory_id=rt.territory_id)
        wallet_ids = [card.wallet_id for card in issued] if support.is_letters else []
        households = queries.households_of_wallets(
            db, territory_id=rt.territory_id, wallet_ids=wallet_ids, keyring=rt.keyring
        )
    return _download(
        document_of(issued, support=support, territory=town, households=households, created_at=pages.now())
    )


def slip(new: NewPin) -> Response:
    """Return the slip of a new PIN."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        town = territory_of(db, territory_id=rt.territory_id)
    printed = PinSlip(number=new.number, pin=new.pin, batch_mark=str(new.card_id), currency_name=town.currency_name)
    content = render_pin_slips(
        [printed], town_name=town.name, ccas_phone=town.ccas_phone, created_at=pages.now(), demo=town.is_demo
    )
    return _download(Document(f"code-carte-{new.card_id}.pdf", "application/pdf", content))


def _download(document: Document) -> Response:
    response = make_response(document.content)
    response.headers["Content-Type"] = document.content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{document.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
