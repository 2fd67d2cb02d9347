"""A fake camera for Chromium: a film in which a picture is held before the lens."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1280, 720
HELD_FOR_FRAMES = 30
TABLE_GREY = (120, 112, 100)


def flags(film: Path) -> tuple[str, ...]:
    """Return the flags by which Chromium takes `film` for its camera and asks nobody."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def make_film(path: Path, pictures: Sequence[Image.Image]) -> Path:
    """Write a film (.mjpeg) that shows each picture for a while on a grey table, slightly tilted; return its path."""
    frames = []
    for picture, angle in zip(pictures, itertools.cycle((4, -7, 10)), strict=False):
        frame = Image.new("RGB", (WIDTH, HEIGHT), TABLE_GREY)
        card = picture.convert("RGB").rotate(
            angle, expand=True, fillcolor=TABLE_GREY, resample=Image.Resampling.BICUBIC
        )
        frame.paste(card, ((WIDTH - card.width) // 2, (HEIGHT - card.height) // 2))
        frames += [frame] * HELD_FOR_FRAMES
    with path.open("wb") as film:
        for frame in frames:
            frame.save(film, "JPEG", quality=85)
    return path
