"""What the till's pages and endpoints ask of the running service."""

import datetime
from collections.abc import Collection
from typing import TypedDict

from flask import Flask, current_app
from sqlalchemy import Connection, Engine

from merchants.charging import receipt_code
from merchants.holders import day_word
from merchants.model import Till
from merchants.queries import find_till, tills_with_shops
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.documents import qr
from monnaie_locale.identity import access
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring

HOST = "merchants.host"


class ChargingParts(TypedDict):
    """The parts of the runtime that a payment needs, as the operations take them."""

    engine: Engine
    keyring: Keyring
    writer: Writer
    territory_id: int
    host: str


def init_app(app: Flask) -> None:
    """Look up the public name of the service once; the codes on cards and tills carry it."""
    rt: runtime.Runtime = app.extensions[runtime.EXTENSION]
    with reading(rt.engine) as db:
        app.extensions[HOST] = territory_of(db, territory_id=rt.territory_id).host


def host() -> str:
    """Return the public name of the service, as it stands in our codes."""
    found: str = current_app.extensions[HOST]
    return found


def charging() -> ChargingParts:
    """Return the parts that a payment needs."""
    rt = runtime.current()
    return {
        "engine": rt.engine,
        "keyring": rt.keyring,
        "writer": rt.writer,
        "territory_id": rt.territory_id,
        "host": host(),
    }


def word_of(merchant_id: int, *, day: datetime.date) -> str:
    """Return the word that a shop and those who pay there see on a day."""
    rt = runtime.current()
    secret = rt.keyring.derive(day_word.PURPOSE)
    return day_word.day_word(secret=secret, territory_id=rt.territory_id, merchant_id=merchant_id, day=day)


def receipt_path(entry_id: int) -> str:
    """Return the address of a charge's receipt, for whoever holds it."""
    rt = runtime.current()
    secret = rt.keyring.derive(receipt_code.PURPOSE)
    code = receipt_code.receipt_code(secret=secret, territory_id=rt.territory_id, entry_id=entry_id)
    return f"{receipt_code.RECEIPT_PATH}{code}"


def receipt_url(entry_id: int) -> str:
    """Return the link of a charge's receipt, which its QR says too."""
    return receipt_code.receipt_url(receipt_path(entry_id).removeprefix(receipt_code.RECEIPT_PATH), host=host())


def receipt_drawing(entry_id: int) -> str:
    """Return the QR of a charge's receipt, as a drawing."""
    return qr.svg(receipt_url(entry_id), label="Code du reçu, à scanner par le porteur")


def own_till() -> Till:
    """Return the till behind this request, as the guard has just read it."""
    read = access.subject().entity
    if isinstance(read, Till):
        return read
    rt = runtime.current()
    with reading(rt.engine) as db:
        return find_till(db, territory_id=rt.territory_id, till_id=access.subject().id)


def resolve_tills(db: Connection, *, territory_id: int, subject_ids: Collection[int]) -> dict[int, access.Resolved]:
    """Tell which tills may still come in, and under which name; a suspended shop may still look and refund."""
    found = tills_with_shops(db, territory_id=territory_id, till_ids=subject_ids)
    return {
        till.id: access.Resolved(label=f"{merchant.name}, {till.label}", merchant_id=merchant.id, entity=till)
        for till, merchant in found.values()
        if till.is_paired
    }
