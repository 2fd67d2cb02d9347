"""Set a document with typst: a template of ours and values, to an accessible PDF with reproducible bytes."""

import datetime
import functools
import importlib.resources
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import typst

logger = logging.getLogger(__name__)


def typeset(template: str, data: Mapping[str, object], *, created_at: datetime.datetime) -> bytes:
    """Return the tagged PDF (PDF/UA-1, in French) of the template named `template` filled with `data`.

    `data` is JSON-like; the template reads it as values, never as markup, so that a name like "#panic()" prints as
    it is. `created_at` (aware) is the only date in the file: the same arguments give the same bytes.
    """
    folder = _templates_folder()
    compiled, warnings = typst.compile_with_warnings(
        folder / f"{template}.typ",
        root=folder,
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=["ua-1"],
        timestamp=created_at.astimezone(datetime.UTC).replace(microsecond=0),
    )
    for warning in warnings:
        logger.warning("typst, template %s: %s", template, warning.message)
    return compiled


def _templates_folder() -> Path:
    """Return the folder of the templates, which are package data beside this module."""
    return Path(str(importlib.resources.files(__package__) / "templates"))


@functools.cache
def _fonts() -> typst.Fonts:
    """Return the fonts of our packages only: what a machine has installed must not change a document."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,
        font_paths=[Path(str(importlib.resources.files("fontpkg_lato") / "files"))],
    )
