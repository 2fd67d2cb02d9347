"""QR codes as vectors: black on white with their quiet zone, whatever the theme around them."""

import struct
import zlib
from html import escape

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
    """Return the borders of the dark areas as one SVG path.

    Areas are outlined, not paved with squares: a printer or a viewer would leave hairlines between squares.
    """
    ends = _border_edges(modules)
    path: list[str] = []
    while ends:
        start = point = next(iter(ends))
        corners = [start]
        while True:
            after = ends[point].pop()
            if not ends[point]:
                del ends[point]
            if after == start:
                break
            corners.append(after)
            point = after
        path.append(_closed_line(corners, offset=offset))
    return "".join(path)


def _border_edges(modules: Matrix) -> dict[Point, list[Point]]:
    """Return the unit edges between dark and light, each with the dark side on its right: start -> ends."""
    size = len(modules)

    def dark(column: int, row: int) -> bool:
        return 0 <= column < size and 0 <= row < size and modules[row][column]

    ends: dict[Point, list[Point]] = {}
    for row in range(size):
        for column in range(size):
            if not modules[row][column]:
                continue
            left, top, right, bottom = column, row, column + 1, row + 1
            for neighbour_dark, start, end in (
                (dark(column, row - 1), (left, top), (right, top)),
                (dark(column + 1, row), (right, top), (right, bottom)),
                (dark(column, row + 1), (right, bottom), (left, bottom)),
                (dark(column - 1, row), (left, bottom), (left, top)),
            ):
                if not neighbour_dark:
                    ends.setdefault(start, []).append(end)
    return ends


def _closed_line(points: list[Point], *, offset: int) -> str:
    """Return one closed line, with a corner only where the direction changes."""
    count = len(points)
    corners = [
        points[place]
        for place in range(count)
        if not points[place - 1][0] == points[place][0] == points[(place + 1) % count][0]
        and not points[place - 1][1] == points[place][1] == points[(place + 1) % count][1]
    ]
    (first_x, first_y), *others = corners
    x, y = first_x, first_y
    path = [f"M{first_x + offset} {first_y + offset}"]
    for next_x, next_y in others:
        path.append(f"h{next_x - x}" if next_y == y else f"v{next_y - y}")
        x, y = next_x, next_y
    return "".join([*path, "z"])
