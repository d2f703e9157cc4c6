"""Sizes: resize and crop pictures; the one place that turns a share of a side into pixels."""

import numpy as np
from PIL import Image

from brushwork.settings import Settings

LANCZOS = Image.Resampling.LANCZOS  # keeps the most texture of Pillow's filters, and texture is what a style is


def pixels(length: int, share: float = 1.0) -> int:
    """Return a share of a side of `length` px, rounded to whole pixels, at least 1."""
    return max(1, round(length * share))


def scale_size(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Multiply a size, (height, width) in px, by `share`; each side is at least 1."""
    height, width = size
    return pixels(height, share), pixels(width, share)


def crop_margin(image: np.ndarray, share: float) -> np.ndarray:
    """Crop `share` of the height from the top and the bottom, and `share` of the width from the left and the right.

    image: [H, W, ...]. share: below 0.5. Returns a view.
    """
    height, width = image.shape[:2]
    top, left = int(height * share), int(width * share)
    return image[top : height - top, left : width - left]


def resample(image: np.ndarray, height: int, width: int, window: Image.Resampling = LANCZOS) -> np.ndarray:
    """Resize an array, antialiased, without clipping: values may overshoot. Always returns a copy.

    image: [H, W, C], of any range. window: the filter. Returns float32 [height, width, C].
    """
    image = np.asarray(image, np.float32)
    if image.shape[:2] == (height, width):
        return image.copy()
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0))  # mode F
    return np.dstack([plane.resize((width, height), window) for plane in planes])


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image, antialiased. Always returns a copy.

    image: [H, W, 3], 0..255. Returns float32 [height, width, 3], clipped to 0..255, but an image that has this size
    already is not clipped.
    """
    result = resample(image, height, width)
    return result if image.shape[:2] == (height, width) else result.clip(0, 255, out=result)  # Lanczos overshoots


def resize_to_width(image: np.ndarray, width: int) -> np.ndarray:
    """Resize an image [H, W, 3], 0..255, to `width` px, in its aspect ratio: float32 [h, width, 3]. See `resize`."""
    return resize(image, pixels(image.shape[0], width / image.shape[1]), width)


def cover(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image so that it just covers a size, with its aspect ratio, and crop it to that size at its centre.

    image: [H, W, 3], 0..255. Returns float32 [height, width, 3], a copy.
    """
    image = resize(image, *scale_size(image.shape[:2], max(height / image.shape[0], width / image.shape[1])))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width].copy()


def output_size(settings: Settings, height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) of the output in px, in the aspect ratio of the content.

    settings: `height`, `width` and `long_side` choose the size. height, width: of the content, px.
    """
    if settings.height is not None:
        return settings.height, pixels(width, settings.height / height)
    if settings.width is not None:
        return pixels(height, settings.width / width), settings.width
    if settings.long_side is None:
        return height, width
    new = pixels(width, min(1, settings.long_side / max(height, width)))
    return pixels(height, new / width), new
