"""Sizes: resize and crop pictures; the one place that turns a share of a side into pixels."""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from brushwork.settings import Settings

LANCZOS = Image.Resampling.LANCZOS  # keeps the most texture of Pillow's filters, and texture is what a style is
LOBES = 3  # of LANCZOS on each side
GAP = 8  # pixels that LANCZOS sees of each of a much smaller picture: more change nothing but the time
WHOLE = 32_000_000  # bytes of rows that `resample_strips` keeps rather than reducing them as they come


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
    return _resample_box(image, height, width, window)


def _resample_box(image, height, width, window=LANCZOS, box=None, gap=None):
    """Resize a part of an array: `box` is (left, top, right, bottom), by default all.

    gap: if the size is reduced by twice as much or more, pixels are averaged first, down to so many for each.
    """
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0))  # mode F
    return np.dstack([plane.resize((width, height), window, box, gap) for plane in planes])


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
    """Resize the middle of an image, in its aspect ratio, so that it just covers a size.

    image: [H, W, 3], 0..255. Returns float32 [height, width, 3], a copy, clipped to 0..255 if the image is resized.
    Only the part that is seen is resized: all of a narrow image, enlarged to a width, could fill the memory.
    """
    if image.shape[:2] == (height, width):
        return np.array(image, np.float32)
    whole = scale_size(image.shape[:2], max(height / image.shape[0], width / image.shape[1]))
    top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
    down, across = image.shape[0] / whole[0], image.shape[1] / whole[1]
    box = left * across, top * down, (left + width) * across, (top + height) * down
    result = _resample_box(np.asarray(image, np.float32), height, width, box=box)
    return result if image.shape[:2] == whole else result.clip(0, 255, out=result)


def resample_strips(strips: Iterable[np.ndarray], size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """Resize a picture of which only a strip is in memory at a time; the same as `resample` up to rounding.

    strips: float32 [rows, W, C], from top to bottom. size, new_size: (height, width). Returns float32 [*new_size, C].
    """
    height, width = size
    new_height, new_width = new_size
    first = next(strips := iter(strips))
    channels, strips = first.shape[2], _chained(first, strips)
    narrow = (each if width == new_width else _resample_box(each, len(each), new_width, gap=GAP) for each in strips)
    if height > 2 * new_height and 4 * height * new_width * channels > WHOLE:
        return _reduce_rows(narrow, height, new_height)
    whole, top = np.empty((height, new_width, channels), np.float32), 0
    for rows in narrow:
        whole[top : top + len(rows)] = rows
        top += len(rows)
    return whole if height == new_height else resample(whole, new_height, new_width)


def _chained(first, others):
    yield first
    yield from others


def _reduce_rows(strips, height, new_height, block=64):
    """Reduce the height of strips [rows, W, C] as they come. block: rows of the result that are made together."""
    result, held, top, done = None, None, 0, 0  # `held` are the rows from `top` on
    for strip in strips:
        held = strip if held is None else np.concatenate([held, strip])
        result = np.empty((new_height, *strip.shape[1:]), np.float32) if result is None else result
        bottom = top + len(held)
        while done < new_height:
            end = min(done + block, new_height)
            weights, start = _lanczos_weights(done, end, height, new_height)
            if start + weights.shape[1] > bottom:
                break
            rows = held[start - top : start - top + weights.shape[1]]
            result[done:end] = np.tensordot(weights, rows, 1)
            done = end
        start = _lanczos_weights(done, done + 1, height, new_height)[1] if done < new_height else bottom
        held, top = held[start - top :], start
    return result


def _lanczos_weights(begin, end, height, new_height):
    """(weights [end - begin, n], first row): how rows `begin` to `end` of a reduced picture follow from n rows."""
    scale = height / new_height
    centers = (np.arange(begin, end) + 0.5) * scale
    first = max(0, int(centers[0] - LOBES * scale))
    last = min(height, int(centers[-1] + LOBES * scale) + 1)
    distance = (np.arange(first, last) + 0.5 - centers[:, np.newaxis]) / scale
    weights = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), first


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
