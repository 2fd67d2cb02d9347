"""QR codes as vectors: black on white with their quiet zone, whatever the theme around them."""

import operator
import struct
import zlib
from html import escape
from itertools import pairwise

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

# ISO/IEC 18004 asks for four light modules around the code; without them most readers miss it on a dark background.
QUIET_ZONE_MODULES = 4

Matrix = tuple[tuple[bool, ...], ...]
Point = tuple[int, int]


def matrix(text: str, *, mask: int | None = None) -> Matrix:
    """Return the modules of the smallest QR of level M that holds `text`, without quiet zone; True is dark.

    `mask` is one of the eight patterns of ISO/IEC 18004, 7.8; without it all eight are tried and the best one is kept,
    which is five sixths of the work. Of a text drawn at random all are as good: a batch of cards fixes it.

    Level M because at a fixed printed size a small code beats a heavily corrected one (research: QR trials).
    """
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=mask)
    # One segment: splitting a text of fifty characters into modes costs more bits than it saves.
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.modules)


def svg(text: str, *, label: str) -> str:
    """Return the QR as inline SVG for a page, without style attribute or script (strict CSP).

    `label` is what a screen reader says in French; the size is the page's affair (viewBox only).
    """
    return _svg(matrix(text), attributes=f' role="img" aria-label="{escape(label)}"')


def svg_drawing(modules: Matrix) -> str:
    """Return the QR as a bare SVG drawing for typst, which adds the alternative text itself."""
    return _svg(modules, attributes="")


def svg_file(modules: Matrix, *, side_mm: float) -> str:
    """Return the QR as an SVG file of that size, quiet zone included, for a machine that prints it."""
    return _svg(modules, attributes=f' width="{side_mm}mm" height="{side_mm}mm"')


def png_file(modules: Matrix, *, pixels_per_module: int, dots_per_inch: int) -> bytes:
    """Return the QR as a PNG of one bit a pixel, quiet zone included, every module whole pixels (ISO/IEC 15948)."""
    quiet = (False,) * QUIET_ZONE_MODULES
    empty = (False,) * (len(modules) + 2 * QUIET_ZONE_MODULES)
    rows = [empty] * QUIET_ZONE_MODULES + [quiet + row + quiet for row in modules] + [empty] * QUIET_ZONE_MODULES
    side = len(rows) * pixels_per_module
    lines = b"".join((b"\x00" + _scanline(row, pixels_per_module)) * pixels_per_module for row in rows)
    dots_per_metre = round(dots_per_inch / 0.0254)
    # One bit a pixel, greys: 0 is black, 1 is white.
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", header),
            (b"pHYs", struct.pack(">IIB", dots_per_metre, dots_per_metre, 1)),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _scanline(row: tuple[bool, ...], pixels_per_module: int) -> bytes:
    bits = "".join(("0" if dark else "1") * pixels_per_module for dark in row)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _svg(modules: Matrix, *, attributes: str) -> str:
    side = len(modules) + 2 * QUIET_ZONE_MODULES
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"{attributes}>'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path fill="#000" fill-rule="evenodd" d="{_outline(modules, offset=QUIET_ZONE_MODULES)}"/></svg>'
    )


def _outline(modules: Matrix, *, offset: int) -> str:
    """Return the borders of the dark areas as one SVG path, to be filled by the even-odd rule.

    Areas are outlined, not paved with squares: a printer or a viewer would leave hairlines between squares. Each corner
    is the end of one border across and of one down, so following them in turn comes back to where it began.
    """
    across = _borders(modules)
    down = {(x, y): other_y for (y, x), other_y in _borders(tuple(zip(*modules, strict=True))).items()}
    path: list[str] = []
    while across:
        start = x, y = next(iter(across))
        path.append(f"M{x + offset} {y + offset}")
        while True:
            next_x = across.pop((x, y))
            del across[next_x, y]
            path.append(f"h{next_x - x}")
            next_y = down[next_x, y]
            if (next_x, next_y) == start:
                break
            path.append(f"v{next_y - y}")
            x, y = next_x, next_y
        path.append("z")
    return "".join(path)


def _borders(rows: Matrix) -> dict[Point, int]:
    """Return the straight borders between a row and the next: each end (x, y) with the x of the other end."""
    borders: dict[Point, int] = {}
    light = (False,) * len(rows)
    for y, (above, below) in enumerate(pairwise((light, *rows, light))):
        differs = [False, *map(operator.ne, above, below), False]
        ends = [x for x, (before, after) in enumerate(pairwise(differs)) if before != after]
        for left, right in zip(ends[::2], ends[1::2], strict=True):
            borders[left, y], borders[right, y] = right, left
    return borders
