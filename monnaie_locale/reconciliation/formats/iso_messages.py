"""Open an ISO 20022 file safely and find the messages in it, an envelope around them or not."""

import re
from dataclasses import dataclass

from lxml import etree

from monnaie_locale.reconciliation.errors import StatementNotCamt053, StatementNotXml
from monnaie_locale.reconciliation.formats import iso_fields as fields

# Every one of these spells "<!DOCTYPE" with the same bytes, so that the search below cannot be evaded.
ENCODINGS_READ = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ISO_MESSAGE = re.compile(r"^urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.\d{3}\.\d{3}\.\d{2})$")
KIND_LENGTH = len("camt.053")
# The element that holds each message inside its Document. The versions .01 are older than what banks still write.
BODIES = {
    "camt.052": "BkToCstmrAcctRpt",
    "camt.053": "BkToCstmrStmt",
    "camt.054": "BkToCstmrDbtCdtNtfctn",
    "pain.002": "CstmrPmtStsRpt",
    "pacs.004": "PmtRtr",
}


@dataclass(frozen=True, slots=True)
class IsoMessages:
    """The messages of one file, all of one kind: "camt.053", and the name of the first, "camt.053.001.08"."""

    kind: str
    name: str
    bodies: tuple[etree._Element, ...]

    @property
    def message_id(self) -> str:
        """Return the bank's identifier of the first message, or an empty string."""
        return fields.text_of(self.bodies[0], "{*}GrpHdr/{*}MsgId")


def open_messages(content: bytes) -> IsoMessages:
    """Return the messages of a file; refuses, in this order: statement_not_xml, statement_not_camt053."""
    root = _parse(content)
    documents = [root, *root.iterdescendants("{*}Document")]
    found = [
        (name, body)
        for document in documents
        for body in document.iterchildren("{*}*")
        if (name := _message_of(body)) is not None
    ]
    kinds = {name[:KIND_LENGTH] for name, _ in found}
    if len(kinds) != 1:
        raise StatementNotCamt053(found=" + ".join(sorted(kinds)) or _name_of(documents[-1]))
    return IsoMessages(kind=kinds.pop(), name=found[0][0], bodies=tuple(body for _, body in found))


def _parse(content: bytes) -> etree._Element:
    """Return the root of a document that may hold no DTD, so no entity, external file or expansion."""
    declared = DECLARATION.match(content.removeprefix(BYTE_ORDER_MARK))
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    if encoding not in ENCODINGS_READ or b"\x00" in content or b"<!DOCTYPE" in content:
        raise StatementNotXml
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StatementNotXml from error


def _message_of(body: etree._Element) -> str | None:
    """Return the name of the message that an element is the body of, None when it is not one that is read."""
    tag = etree.QName(body)
    message = ISO_MESSAGE.match(tag.namespace or "")
    if message is None or message.group(1).endswith(".01"):
        return None
    return message.group(1) if BODIES.get(message.group(1)[:KIND_LENGTH]) == tag.localname else None


def _name_of(document: etree._Element) -> str:
    """Return what a document is, in a word: its ISO message name, else its outermost tag."""
    name = etree.QName(document)
    message = ISO_MESSAGE.match(name.namespace or "")
    return message.group(1) if message else fields.clip(name.localname, fields.REFERENCE_LENGTH_MAX)
