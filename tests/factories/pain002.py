"""A pain.002 writer for tests: as little as the schema asks, in any version."""


def _status(tag, code, reason):
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    return f"<{tag}>{code}</{tag}>{why}"


def status_report(*, group="", reason="", payments=(), version="12", order="LOT-1"):
    """Return an answer to an order: the status of all of it, and of payments (identifier, status, reason)."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{identifier}</OrgnlEndToEndId>{_status('TxSts', code, why)}</TxInfAndSts>"
        for identifier, code, why in payments
    )
    batch = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{order}</OrgnlPmtInfId>{told}</OrgnlPmtInfAndSts>" if told else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>R1</MsgId><CreDtTm>2026-10-26T10:00:00Z</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{order}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"{_status('GrpSts', group, reason) if group else ''}</OrgnlGrpInfAndSts>{batch}"
        "</CstmrPmtStsRpt></Document>"
    ).encode()
