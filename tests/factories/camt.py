"""A camt.053 writer for tests, as little as the schema asks, in any version; and the reader as the import uses it."""

from monnaie_locale.reconciliation.acceptance import proved
from monnaie_locale.reconciliation.formats.reading import read_bank_file


def entry_xml(cents, *, inside="", status="<Sts><Cd>BOOK</Cd></Sts>", extra="", currency="EUR", after=""):
    """Return one Ntry of `cents` (signed)."""
    direction = "CRDT" if cents >= 0 else "DBIT"
    whole, rest = divmod(abs(cents), 100)
    return (
        f'<Ntry><Amt Ccy="{currency}">{whole}.{rest:02d}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{extra}{status}'
        f"<BookgDt><Dt>2026-11-24</Dt></BookgDt><ValDt><Dt>2026-11-25</Dt></ValDt>{after}"
        f"<NtryDtls>{inside}</NtryDtls></Ntry>"
    )


def balance_xml(code, cents, *, on="2026-11-24", currency="EUR"):
    """Return one Bal of `cents` (signed)."""
    direction = "CRDT" if cents >= 0 else "DBIT"
    whole, rest = divmod(abs(cents), 100)
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{whole}.{rest:02d}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>'
    )


def message_xml(body, *, version="08", iban="FR7630006000011234567890189", head="", identifier="REL-1"):
    """Return a whole message of one statement around its balances and entries."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-24T20:00:00+00:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{identifier}</Id><CreDtTm>2026-11-24T20:00:00+00:00</CreDtTm>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>{body}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def read_statements(*, content, iban, currency="EUR"):
    """Return the proved statements of an account (all when None) in a file, as its import takes them."""
    return tuple(proved(report, currency=currency) for report in read_bank_file(content=content, account=iban).reports)
