"""The contact sheet: the inputs of a run, a few pictures from its course and the result, in rows with captions."""

from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from brushwork.pictures import sizes, write
from brushwork.watch import Steps

HEIGHT, GAP, CAPTION = 240, 12, 22  # px: of a picture, between pictures, of a caption
ACROSS = 4  # pictures in a row
SHOTS = 4  # pictures from the course of the run


class Shot(NamedTuple):
    """A picture of the sheet."""

    caption: str
    thumbnail: np.ndarray  # float32 [HEIGHT, W, 3], 0..255


def collect_shots(steps: Steps, last: int, shots: list[Shot]) -> Steps:
    """Passes the steps on and appends to `shots` at SHOTS evenly spaced iterations."""
    due = {round(last * number / (SHOTS + 1)) for number in range(1, SHOTS + 1)} - {0, last}
    with closing(steps):
        for step in steps:
            if step.iteration in due:
                shots.append(Shot(f"iteration {step.iteration}", _thumbnail(step.picture())))
            yield step


def sheet(inputs: Iterable[tuple[str, np.ndarray]], shots: Iterable[Shot], result: np.ndarray) -> np.ndarray:
    """The contact sheet: float32 [H, W, 3], RGB, 0..255, as all pictures.

    inputs: pairs (caption, picture). shots: what `collect_shots` collected.
    """
    cells = [*(Shot(caption, _thumbnail(image)) for caption, image in inputs), *shots]
    cells.append(Shot("result", _thumbnail(result)))
    rows = [cells[start : start + ACROSS] for start in range(0, len(cells), ACROSS)]
    width = max(sum(shot.thumbnail.shape[1] + GAP for shot in row) for row in rows) + GAP
    canvas = Image.new("RGB", (width, len(rows) * (HEIGHT + CAPTION + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for index, row in enumerate(rows):
        left, top = GAP, GAP + index * (HEIGHT + CAPTION + GAP)
        for caption, thumbnail in row:
            canvas.paste(Image.fromarray(write.quantize(thumbnail)), (left, top))
            draw.text((left, top + HEIGHT + 4), _shortened(caption, thumbnail.shape[1], font), "black", font)
            left += thumbnail.shape[1] + GAP
    return np.asarray(canvas).astype(np.float32)


def _thumbnail(image):
    """`image` at the sheet's height: float32 [HEIGHT, W, 3], 0..255."""
    height, width = image.shape[:2]
    return sizes.resize(np.clip(image, 0, 255), HEIGHT, sizes.pixels(width, HEIGHT / height))


def _shortened(caption, width, font):
    """The caption, shortened to a width in px. A character that the font may not have becomes a question mark."""
    caption = caption.encode("latin-1", "replace").decode("latin-1")
    shorter = (caption[:end] + "..." for end in range(len(caption), -1, -1))
    return next((text for text in [caption, *shorter] if font.getlength(text) <= width), "...")
