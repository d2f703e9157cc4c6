"""Sizes: pictures at other sizes, and the one place that turns a share of a side into pixels."""

import numpy as np
from PIL import Image

LANCZOS = Image.Resampling.LANCZOS  # of Pillow's windows the one that keeps most texture, which is what a style is


def pixels(length, share=1.0):
    """A share of a side of `length` px in whole pixels, at least 1."""
    return max(1, round(length * share))


def scale_size(size, share):
    """(height, width), a share of another (height, width), both in px."""
    height, width = size
    return pixels(height, share), pixels(width, share)


def crop_margin(image, share):
    """`image`, [H, W, ...], without this share, below 0.5, of its width or height at each of its four sides."""
    height, width = image.shape[:2]
    top, left = int(height * share), int(width * share)
    return image[top : height - top, left : width - left]


def resample(image, height, width, window=LANCZOS):
    """`image`, [H, W, C] of any values, at another size: float32 [height, width, C], antialiased. Always a copy."""
    image = np.asarray(image, np.float32)
    if image.shape[:2] == (height, width):
        return image.copy()
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0))  # mode F
    return np.dstack([plane.resize((width, height), window) for plane in planes])


def resize(image, height, width):
    """`image`, [H, W, 3], 0..255, at another size: float32 [height, width, 3], 0..255. At its own size, a copy."""
    result = resample(image, height, width)
    return result if image.shape[:2] == (height, width) else result.clip(0, 255, out=result)  # Lanczos overshoots


def resize_to_width(image, width):
    """`image` at another width, in its own proportions: float32 [pixels(H, width / W), width, 3], 0..255."""
    return resize(image, pixels(image.shape[0], width / image.shape[1]), width)


def cover(image, height, width):
    """The middle [height, width] of `image`, resized in its own proportions to just cover it: [height, width, 3]."""
    image = resize(image, *scale_size(image.shape[:2], max(height / image.shape[0], width / image.shape[1])))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width].copy()


def output_size(settings, height, width):
    """(height, width) of the output for a content of this size: as the settings say, in the content's proportions."""
    if settings.height is not None:
        return settings.height, pixels(width, settings.height / height)
    if settings.width is not None:
        return pixels(height, settings.width / width), settings.width
    if settings.long_side is None:
        return height, width
    new = pixels(width, min(1, settings.long_side / max(height, width)))
    return pixels(height, new / width), new
