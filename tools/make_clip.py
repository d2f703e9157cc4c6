"""Makes examples/chelsea.mp4: a camera moves and zooms over the photograph of a cat, and a butterfly flies before it.

    python -m tools.make_clip [--output FILE]

What moves is known exactly, so `scene` is used to measure films, too (tools/measure/video.py).
"""

import argparse
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from brushwork.pictures import read
from brushwork.video.clip import Timing
from brushwork.video.encode import Recipe, write_film

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, WIDTH, FRAMES, RATE = 144, 256, 48, 24
FROM, TO = (4, 20, 400), (60, 48, 320)  # left, top and width of what the camera sees, px of the photograph
SAMPLES = 4  # px of the drawing for a px of the butterfly


def camera(share: float, start: tuple[float, ...] = FROM, end: tuple[float, ...] = TO) -> tuple[float, ...]:
    """(left, top, width) of what is seen, px of the photograph. share: of the clip's length, 0..1."""
    eased = share * share * (3 - 2 * share)
    return tuple(first + eased * (last - first) for first, last in zip(start, end, strict=True))


def matrix_of(view: tuple[float, ...], size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """The map [2, 3] from a pixel (x, y, 1) of a frame of a size (height, width) to its place in the photograph."""
    left, top, width = view
    scale = width / size[1]
    shift = (scale - 1) / 2  # from corners to the centres of pixels
    return np.array([[scale, 0, left + shift], [0, scale, top + shift]])


def seen(photograph: np.ndarray, matrix: np.ndarray, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """What the camera sees of a photograph [H, W, 3], by `matrix_of`: float32 of a size (height, width), 0..255."""
    flags, scale = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP, np.sqrt(np.linalg.det(matrix[:, :2]))
    smooth = cv2.GaussianBlur(photograph, (0, 0), max(0.3, 0.4 * scale))
    return np.clip(cv2.warpAffine(smooth, matrix, size[::-1], None, flags, cv2.BORDER_REFLECT), 0, 255)


def butterfly(side: int, spread: float) -> np.ndarray:
    """A butterfly, float32 [side, side, 4], RGB and opacity, 0..255. spread: of its wings, 0..1."""
    large = side * SAMPLES
    picture = Image.new("RGBA", (large, large), (235, 120, 30, 0))
    draw, middle, reach = ImageDraw.Draw(picture), large / 2, reach_of(spread) * large
    for sign in (-1, 1):
        for (near, far), (top, bottom), colour in (
            ((0.02, 1.0), (0.08, 0.58), "#e8742a"),
            ((0.25, 0.85), (0.16, 0.44), "#f7c948"),
            ((0.02, 0.75), (0.5, 0.92), "#d9512c"),
            ((0.2, 0.6), (0.6, 0.82), "#402218"),
        ):
            sides = sorted((middle + sign * near * reach, middle + sign * far * reach))
            draw.ellipse([sides[0], top * large, sides[1], bottom * large], fill=colour)
    draw.ellipse([middle - 0.035 * large, 0.12 * large, middle + 0.035 * large, 0.9 * large], fill="#241812")
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX), np.float32)


def reach_of(spread: float) -> float:
    """How far a wing reaches from the middle, as a share of the butterfly's side."""
    return 0.46 * (0.35 + 0.65 * spread)


def spread_of(number: int) -> float:
    """How far the wings are spread in a frame, 0..1."""
    return 0.5 + 0.5 * np.cos(number * 1.3)


def scene(photograph: np.ndarray, count: int = FRAMES, size: tuple[int, int] = (HEIGHT, WIDTH)) -> list[np.ndarray]:
    """The frames of the clip, uint8 [H, W, 3] of a size (height, width)."""
    frames, side = [], round(0.3 * size[0])
    for number in range(count):
        share = number / max(1, count - 1)
        frame = seen(photograph, matrix_of(camera(share), size), size)
        layer = layer_of(butterfly(side, spread_of(number)), flight(share, size), size)
        frames.append(np.rint(laid(layer, frame)).astype(np.uint8))
    return frames


def flight(share: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> tuple[float, float]:
    """(x, y) of the middle of the butterfly, px."""
    return (1.02 - 0.95 * share) * size[1], (0.3 + 0.16 * np.sin(7 * share)) * size[0]


def layer_of(picture: np.ndarray, place: tuple[float, float], size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A picture [side, side, 4] in a frame of a size, with its middle at (x, y), px, not only at whole ones."""
    half = picture.shape[0] / 2
    matrix = np.float32([[1, 0, place[0] - half], [0, 1, place[1] - half]])
    return cv2.warpAffine(picture, matrix, size[::-1], None, cv2.INTER_LINEAR)


def laid(layer: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """A frame [H, W, 3] behind a layer [H, W, 4]."""
    return frame + layer[:, :, 3:] / 255 * (layer[:, :, :3] - frame)


def main() -> None:
    """Write the clip."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", default=str(ROOT / "examples" / "chelsea.mp4"))
    options = parser.parse_args()
    frames = scene(read.image(ROOT / "examples" / "chelsea.jpg"))
    timing = Timing(range(FRAMES), 1, Fraction(1, RATE), Fraction(RATE))
    write_film(options.output, frames, Recipe(timing, quality=20))


if __name__ == "__main__":
    main()
