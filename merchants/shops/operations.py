"""Admitting shops and pairing their tills. Each change leaves a line in the audit trail."""

import datetime
import hashlib
from collections.abc import Callable

from sqlalchemy import Connection, Update, delete, insert, select, update

from merchants.errors import MerchantSuspended, PairingCodeSpent, SiretAlreadyAdmitted, TillLabelInvalid, TillUnknown
from merchants.model import Admission, Merchant, Till
from merchants.queries import find_merchant, find_till, merchant_by_siret, till_by_pairing, tills_of
from merchants.register_digests import shop_digests
from merchants.shops.admission import check_iban
from merchants.tables import counter_cards, merchants, till_keys, till_shifts, tills
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.identity.api_keys import revoke_api_keys_of
from monnaie_locale.identity.operations import close_sessions_of, open_session
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.journal.directory import Owner, open_accounts
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import instant_ms
from wallets.codes.card_token import ALPHABET

PAIRING_LIFE = datetime.timedelta(minutes=15)
LABEL_LENGTH_MAX = 40
# 20 characters of five bits: as hard to guess as a card, and as small a QR.
CODE_BYTES = 20
PAIRING_PATH = "/CAISSE/APPAIRER/"
RandomBytes = Callable[[int], bytes]


def admit_merchant(
    db: Connection, *, territory_id: int, admission: Admission, actor: str, now: datetime.datetime
) -> Merchant:
    """Admit a shop and open its accounts.

    Args:
        db: the transaction.
        territory_id: whose books.
        admission: of `admission.check_admission`.
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses: siret_already_admitted.

    """
    if merchant_by_siret(db, territory_id=territory_id, siret=admission.siret) is not None:
        raise SiretAlreadyAdmitted
    merchant_id = next_id(db, merchants, territory_id=territory_id)
    db.execute(
        insert(merchants),
        {
            "territory_id": territory_id,
            "id": merchant_id,
            "code": f"C{merchant_id:04d}",
            "name": admission.name,
            "siret": admission.siret,
            "category": admission.category,
            "iban": admission.iban,
            "bic": admission.bic,
            "street": admission.address.street,
            "building": admission.address.building,
            "postcode": admission.address.postcode,
            "town": admission.address.town,
            "debt_limit_cents": admission.debt_limit_cents,
            "is_active": True,
            "admitted_by": actor,
            "admitted_at_ms": instant_ms(now),
        },
    )
    owners = [Owner(kind, merchant_id=merchant_id) for kind in (AccountKind.MERCHANT, AccountKind.MERCHANT_DEBT)]
    open_accounts(db, territory_id=territory_id, owners=owners, now_ms=instant_ms(now))
    _record(
        db, (territory_id, now), actor, "merchant.admit", merchant_id, sha256=_digest(db, territory_id, merchant_id)
    )
    return find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)


def change_iban(
    db: Connection, *, territory_id: int, merchant_id: int, iban: str, actor: str, now: datetime.datetime
) -> Merchant:
    """Change where a shop is paid; a payout already prepared keeps the account it copied.

    Refuses: merchant_unknown, iban_invalid.
    """
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    clean, bic = check_iban(iban)
    db.execute(_of(territory_id, merchant_id).values(iban=clean, bic=bic))
    # The trail says between which accounts, by their last characters only.
    said = {"before": merchant.iban[-4:], "after": clean[-4:], "sha256": _digest(db, territory_id, merchant_id)}
    _record(db, (territory_id, now), actor, "merchant.change_iban", merchant_id, **said)
    return find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)


def suspend_merchant(
    db: Connection, *, territory_id: int, merchant_id: int, reason: str, actor: str, now: datetime.datetime
) -> Merchant:
    """Let a shop take no more payments; it is still paid what it is owed. Refuses: merchant_unknown."""
    return _set_active(db, territory_id, merchant_id, now, actor, active=False, detail={"reason": reason[:80]})


def resume_merchant(
    db: Connection, *, territory_id: int, merchant_id: int, actor: str, now: datetime.datetime
) -> Merchant:
    """Let a suspended shop take payments again. Refuses: merchant_unknown."""
    return _set_active(db, territory_id, merchant_id, now, actor, active=True, detail={})


def open_till(
    db: Connection,
    *,
    territory_id: int,
    merchant_id: int,
    label: str,
    actor: str,
    now: datetime.datetime,
    random_bytes: RandomBytes,
) -> tuple[Till, str]:
    """Open a till and return it with its pairing code, shown once and good for 15 minutes.

    Refuses: merchant_unknown, merchant_suspended, till_label_invalid.
    """
    if not find_merchant(db, territory_id=territory_id, merchant_id=merchant_id).is_active:
        raise MerchantSuspended
    clean = " ".join(label.split())
    if not 1 <= len(clean) <= LABEL_LENGTH_MAX or not clean.isprintable():
        raise TillLabelInvalid
    till_id = next_id(db, tills, territory_id=territory_id)
    db.execute(insert(tills), {"territory_id": territory_id, "id": till_id, "merchant_id": merchant_id, "label": clean})
    _record(db, (territory_id, now), actor, "till.open", merchant_id, till=till_id)
    code = renew_pairing(
        db, territory_id=territory_id, till_id=till_id, actor=actor, now=now, random_bytes=random_bytes
    )
    return find_till(db, territory_id=territory_id, till_id=till_id), code


def renew_pairing(
    db: Connection, *, territory_id: int, till_id: int, actor: str, now: datetime.datetime, random_bytes: RandomBytes
) -> str:
    """Return a new pairing code of a till, for another device; the one before is void.

    Refuses: till_unknown, also of a counter card: a device paired in its place would revive one that was taken away.
    """
    find_till(db, territory_id=territory_id, till_id=till_id)
    card = (counter_cards.c.territory_id == territory_id, counter_cards.c.till_id == till_id)
    if db.scalar(select(counter_cards.c.till_id).where(*card)) is not None:
        raise TillUnknown(till_id=till_id)
    code = draw_code(random_bytes)
    db.execute(
        _till(territory_id, till_id).values(
            pairing_digest=code_digest(code), pairing_expires_at_ms=instant_ms(now + PAIRING_LIFE)
        )
    )
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="till.pairing_code", target=f"till:{till_id}"
    )
    return code


def pair_till(
    db: Connection, *, territory_id: int, code: str, now: datetime.datetime, random_bytes: RandomBytes
) -> tuple[Till, str]:
    """Pair the device that shows this code and return the till with the token of its session.

    The device paired before is signed out and its keys end: a till is one device. Refuses: pairing_code_spent,
    merchant_suspended.
    """
    till = till_by_pairing(db, territory_id=territory_id, pairing_digest=code_digest(code))
    if till is None or till.pairing_expires_at_ms is None or till.pairing_expires_at_ms <= instant_ms(now):
        raise PairingCodeSpent
    if not find_merchant(db, territory_id=territory_id, merchant_id=till.merchant_id).is_active:
        raise MerchantSuspended
    _sign_out(db, territory_id=territory_id, till_id=till.id, actor=till.caller, now=now)
    db.execute(
        _till(territory_id, till.id).values(
            pairing_digest=None, pairing_expires_at_ms=None, paired_at_ms=instant_ms(now), unpaired_at_ms=None
        )
    )
    token = open_session(
        db,
        territory_id=territory_id,
        kind=SubjectKind.TILL,
        subject_id=till.id,
        now=now,
        random_bytes=random_bytes,
    )
    audit.record(db, territory_id=territory_id, at=now, actor=till.caller, action="till.pair", target=f"till:{till.id}")
    return find_till(db, territory_id=territory_id, till_id=till.id), token


def unpair_till(db: Connection, *, territory_id: int, till_id: int, actor: str, now: datetime.datetime) -> Till:
    """Take a till's device away: its sessions and keys end, its code is void. Refuses: till_unknown."""
    find_till(db, territory_id=territory_id, till_id=till_id)
    db.execute(
        _till(territory_id, till_id).values(
            pairing_digest=None, pairing_expires_at_ms=None, unpaired_at_ms=instant_ms(now)
        )
    )
    _sign_out(db, territory_id=territory_id, till_id=till_id, actor=actor, now=now)
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action="till.unpair", target=f"till:{till_id}")
    return find_till(db, territory_id=territory_id, till_id=till_id)


def draw_code(random_bytes: RandomBytes) -> str:
    """Return a code to be scanned once: 100 random bits, upper case so that its QR stays small."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in random_bytes(CODE_BYTES))


def code_digest(code: str) -> bytes:
    """Return what is stored of a code: SHA-256, enough for 100 random bits."""
    return hashlib.sha256(code.strip().upper().encode()).digest()


def pairing_url(*, host: str, code: str) -> str:
    """Return the text of a till's pairing QR."""
    return f"HTTPS://{host.upper()}{PAIRING_PATH}{code}"


def _sign_out(db: Connection, *, territory_id: int, till_id: int, actor: str, now: datetime.datetime) -> None:
    close_sessions_of(db, territory_id=territory_id, kind=SubjectKind.TILL, subject_id=till_id)
    for table in (till_keys, till_shifts):
        db.execute(delete(table).where(table.c.territory_id == territory_id, table.c.till_id == till_id))
    revoke_api_keys_of(db, territory_id=territory_id, kind=SubjectKind.TILL, subject_id=till_id, actor=actor, now=now)


def _set_active(
    db: Connection,
    territory_id: int,
    merchant_id: int,
    now: datetime.datetime,
    actor: str,
    *,
    active: bool,
    detail: dict[str, str | int | bool],
) -> Merchant:
    find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    db.execute(_of(territory_id, merchant_id).values(is_active=active))
    if not active:
        for till in tills_of(db, territory_id=territory_id, merchant_id=merchant_id):
            db.execute(_till(territory_id, till.id).values(pairing_digest=None, pairing_expires_at_ms=None))
    action = "merchant.resume" if active else "merchant.suspend"
    _record(db, (territory_id, now), actor, action, merchant_id, **detail)
    return find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)


def _record(
    db: Connection,
    at: tuple[int, datetime.datetime],
    actor: str,
    action: str,
    merchant_id: int,
    **detail: str | int | bool,
) -> None:
    territory_id, now = at
    target = f"merchant:{merchant_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target, detail=detail)


def _digest(db: Connection, territory_id: int, merchant_id: int) -> str:
    return shop_digests(db, territory_id=territory_id, merchant_id=merchant_id)[merchant_id]


def _of(territory_id: int, merchant_id: int) -> Update:
    return update(merchants).where(merchants.c.territory_id == territory_id, merchants.c.id == merchant_id)


def _till(territory_id: int, till_id: int) -> Update:
    return update(tills).where(tills.c.territory_id == territory_id, tills.c.id == till_id)
