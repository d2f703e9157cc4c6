"""The contact sheet: the inputs of a run, a few pictures from its course and the result, in rows with captions."""

from contextlib import closing

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from brushwork.pictures import sizes, write

HEIGHT, GAP, CAPTION = 240, 12, 22  # px: of a picture, between pictures, of a caption
ACROSS = 4  # pictures in a row
SHOTS = 4  # pictures from the course of the run


def collected(steps, last, shots):
    """Passes the steps on and appends (caption, thumbnail) to `shots` at SHOTS evenly spaced iterations."""
    due = {round(last * number / (SHOTS + 1)) for number in range(1, SHOTS + 1)} - {0, last}
    with closing(steps):
        for step in steps:
            if step.iteration in due:
                shots.append((f"iteration {step.iteration}", _thumbnail(step.picture())))
            yield step


def sheet(pictures, shots, result):
    """The contact sheet of pairs (caption, image): float32 [H, W, 3], RGB, 0..255. shots: those of `collected`."""
    cells = [*((caption, _thumbnail(image)) for caption, image in pictures), *shots, ("result", _thumbnail(result))]
    rows = [cells[start : start + ACROSS] for start in range(0, len(cells), ACROSS)]
    width = max(sum(picture.shape[1] + GAP for _, picture in row) for row in rows) + GAP
    canvas = Image.new("RGB", (width, len(rows) * (HEIGHT + CAPTION + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for index, row in enumerate(rows):
        left, top = GAP, GAP + index * (HEIGHT + CAPTION + GAP)
        for caption, picture in row:
            canvas.paste(Image.fromarray(write.quantize(picture)), (left, top))
            draw.text((left, top + HEIGHT + 4), _fitted(caption, picture.shape[1], font), "black", font)
            left += picture.shape[1] + GAP
    return np.asarray(canvas).astype(np.float32)


def _thumbnail(image):
    """`image` at the sheet's height: float32 [HEIGHT, W, 3], 0..255."""
    height, width = image.shape[:2]
    return sizes.resize(np.clip(image, 0, 255), HEIGHT, sizes.pixels(width, HEIGHT / height))


def _fitted(caption, width, font):
    """The caption, shortened to a width in px. A character that the font may not have becomes a question mark."""
    caption = caption.encode("latin-1", "replace").decode("latin-1")
    shorter = (caption[:end] + "..." for end in range(len(caption), -1, -1))
    return next((text for text in [caption, *shorter] if font.getlength(text) <= width), "...")
