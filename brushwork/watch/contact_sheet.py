"""The contact sheet: the inputs of a run, a few pictures from its course and the result, in rows with captions."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from brushwork.pictures import sizes, write
from brushwork.watch import Steps

HEIGHT, GAP, CAPTION = 240, 12, 22  # px: of a picture, between pictures, of a caption
ACROSS = 4  # pictures in a row
WIDEST = 8  # times as wide as high: a thumbnail
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
                shots.append(Shot(f"iteration {step.iteration}", make_thumbnail(step.picture())))
            yield step


def sheet(inputs: Iterable[tuple[str, np.ndarray]], shots: Iterable[Shot], result: np.ndarray) -> np.ndarray:
    """The contact sheet: float32 [H, W, 3], RGB, 0..255, as all pictures.

    inputs: pairs (caption, picture). shots: what `collect_shots` collected.
    """
    cells = [*(Shot(caption, make_thumbnail(image)) for caption, image in inputs), *shots]
    cells.append(Shot("result", make_thumbnail(result)))
    return draw_rows([cells[start : start + ACROSS] for start in range(0, len(cells), ACROSS)])


def draw_rows(rows: Sequence[Sequence[tuple[str, np.ndarray]]], height: int = HEIGHT) -> np.ndarray:
    """Rows of pairs (caption, thumbnail of this height), each caption below its picture: float32 [H, W, 3], 0..255."""
    width = max(sum(thumbnail.shape[1] + GAP for _, thumbnail in row) for row in rows) + GAP
    canvas = Image.new("RGB", (width, len(rows) * (height + CAPTION + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for index, row in enumerate(rows):
        left, top = GAP, GAP + index * (height + CAPTION + GAP)
        for caption, thumbnail in row:
            canvas.paste(Image.fromarray(write.quantize(thumbnail)), (left, top))
            draw.text((left, top + height + 4), _shortened(caption, thumbnail.shape[1], font), "black", font)
            left += thumbnail.shape[1] + GAP
    return np.asarray(canvas).astype(np.float32)


def make_thumbnail(image: np.ndarray, height: int = HEIGHT) -> np.ndarray:
    """`image` [H, W, 3] at this height: float32 [height, W, 3], 0..255. Of a very wide one, the middle is shown."""
    width, widest = sizes.pixels(image.shape[1], height / image.shape[0]), WIDEST * height
    resize = sizes.resize if width <= widest else sizes.cover
    return resize(np.clip(image, 0, 255), height, min(width, widest))


def _shortened(caption, width, font):
    """The caption, shortened to a width in px. A character that the font may not have becomes a question mark."""
    caption = caption.encode("latin-1", "replace").decode("latin-1")
    shorter = (caption[:end] + "..." for end in range(len(caption), -1, -1))
    return next((text for text in [caption, *shorter] if font.getlength(text) <= width), "...")
