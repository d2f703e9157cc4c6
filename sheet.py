"""The contact sheet: content, styles, the picture on its way and the result, side by side with captions."""

import os
from contextlib import closing

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import images

HEIGHT, GAP, CAPTION, ACROSS = 240, 12, 22, 4  # px: of a picture, between them, of the text; pictures in a row
ON_THE_WAY = 4


def collected(steps, plan, shots):
    """Passes the steps on and appends (caption, thumbnail) to `shots` at a few of them, evenly spread."""
    last = plan.settings.total_iterations
    due = {round(last * number / (ON_THE_WAY + 1)) for number in range(1, ON_THE_WAY + 1)} - {0, last}
    with closing(steps):
        for step in steps:
            if step.iteration in due:
                shots.append((f"iteration {step.iteration}", thumbnail(plan.finished(step.kept))))
            yield step


def thumbnail(image):
    """`image` at the sheet's height."""
    height, width = image.shape[:2]
    return images.resample(np.clip(image, 0, 255), HEIGHT, max(1, round(width * HEIGHT / height)))


def sheet(plan, shots, result):
    """The sheet as an image [H, W, 3]; shots and result as `collected` has them."""
    names = [(f"content: {_name(plan.content_name)}", thumbnail(plan.content))]
    names += [
        (f"style: {_name(name)}", thumbnail(style)) for name, style in zip(plan.style_names, plan.styles, strict=True)
    ]
    cells = [*names, *shots, ("result", thumbnail(result))]
    rows = [cells[start : start + ACROSS] for start in range(0, len(cells), ACROSS)]
    width = max(sum(picture.shape[1] + GAP for _, picture in row) for row in rows) + GAP
    canvas = Image.new("RGB", (width, len(rows) * (HEIGHT + CAPTION + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), _font()
    for index, row in enumerate(rows):
        left, top = GAP, GAP + index * (HEIGHT + CAPTION + GAP)
        for caption, picture in row:
            canvas.paste(Image.fromarray(np.rint(np.clip(picture, 0, 255)).astype(np.uint8)), (left, top))
            draw.text((left, top + HEIGHT + 4), _fitted(caption, picture.shape[1], font), "black", font)
            left += picture.shape[1] + GAP
    return np.asarray(canvas).astype(np.float32)


def _font():
    try:
        return ImageFont.load_default(14)
    except (OSError, TypeError):  # a Pillow without FreeType has one size only
        return ImageFont.load_default()


def _name(path):
    """A file's name; what the font may not have is a question mark."""
    return os.path.basename(path).encode("latin-1", "replace").decode("latin-1")


def _fitted(text, width, font):
    """The text, cut to a width in px."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
