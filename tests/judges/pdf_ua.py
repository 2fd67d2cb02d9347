"""Judge a PDF by what PDF/UA-1 (ISO 14289-1) asks of its structure, with pikepdf, and by the foreign checker pdfua."""

import io
import itertools

import pdfua
import pikepdf

# What a document of ours is made of; an artifact such as the page's footer is outside the structure.
HEADINGS = ("/H1", "/H2", "/H3")


def check_pdf_ua(content):
    """Return what is wrong, as a sorted list of rule names; empty when nothing is."""
    found = set()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        root = pdf.Root
        if str(root.get("/Lang", "")) != "fr-FR":
            found.add("language")
        if "/MarkInfo" not in root or not root.MarkInfo.get("/Marked"):
            found.add("marked")
        if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle"):
            found.add("title shown")
        with pdf.open_metadata() as metadata:
            if not metadata.get("dc:title") or metadata.get("pdfuaid:part") != "1":
                found.add("metadata")
        if "/StructTreeRoot" not in root:
            return sorted(found | {"structure"})
        elements = list(_walk(root.StructTreeRoot.K))
        found |= set(_structure(elements))
    return sorted(found)


def foreign_findings(content, path):
    """Return what the checker pdfua finds in a file, and how many of its rules it could apply."""
    path.write_bytes(content)
    report = pdfua.validate(str(path))
    return [finding.rule_id for finding in report.findings], sum(not outcome.skipped for outcome in report.outcomes)


def tags(content):
    """Return the names of the elements of the structure, in reading order."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return [str(element.S) for element in _walk(pdf.Root.StructTreeRoot.K)]


def _structure(elements):
    names = [str(element.S) for element in elements]
    headings = [HEADINGS.index(name) + 1 for name in names if name in HEADINGS]
    if headings[:1] != [1] or any(after - before > 1 for before, after in itertools.pairwise(headings)):
        yield "headings"
    for element in elements:
        if str(element.S) == "/Table":
            rows = [row for row in _walk(element.K) if str(row.S) == "/TR"]
            widths = {
                sum(int(_attribute(cell, "/ColSpan") or 1) for cell in _children(row) if str(cell.S) in {"/TH", "/TD"})
                for row in rows
            }
            if len(widths) != 1:
                yield "rows of one width"
            heads = [cell for cell in _walk(element.K) if str(cell.S) == "/TH"]
            if not heads or any(str(_attribute(cell, "/Scope")) != "/Column" for cell in heads):
                yield "headed columns"


def _attribute(cell, name):
    attributes = cell.get("/A")
    listed = attributes if isinstance(attributes, pikepdf.Array) else [attributes]
    return next((each[name] for each in listed if each is not None and name in each), None)


def _children(element):
    kids = element.get("/K", [])
    listed = kids if isinstance(kids, pikepdf.Array) else [kids]
    return [kid for kid in listed if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]


def _walk(kids):
    listed = kids if isinstance(kids, pikepdf.Array) else [kids]
    for kid in listed:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield kid
            yield from _walk(kid.get("/K", []))
