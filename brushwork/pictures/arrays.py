"""Checks that arrays are pictures and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from brushwork.pictures.masks import Masks

ROUNDING = 1e-3  # by which a mask may exceed 0..1


def check_pictures(content: np.ndarray, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError unless these are pictures, float [H, W, 3], and there is at least one style."""
    if not isinstance(styles, (Sequence, np.ndarray)) or isinstance(styles, str):
        raise ValueError(f"styles are a list of pictures, not {type(styles).__name__}")
    if not len(styles):
        raise ValueError("there is no style picture; give at least one")
    check_picture("content", content)
    for style in styles:
        check_picture("style", style)


def check_picture(name: str, picture: Any) -> None:
    """Raise ValueError unless this is a picture, float [H, W, 3], whose values are finite."""
    is_array = isinstance(picture, np.ndarray)
    if not is_array or not _is_picture(picture):
        kind = f"{picture.dtype} {list(picture.shape)}" if is_array else f"of type {type(picture).__name__}"
        raise ValueError(f"the {name} is {kind}; pictures are float32 [H, W, 3], RGB, 0..255")
    if not np.isfinite(picture).all():
        raise ValueError(f"the {name} has values that are not finite")


def _is_picture(array):
    return array.ndim == 3 and array.shape[2] == 3 and array.size > 0 and np.issubdtype(array.dtype, np.floating)


def check_masks(masks: Masks, content: np.ndarray, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError unless masks are float [H, W], 0..1, of the sizes of their pictures."""
    pairs = [("styles", mask, content) for mask in masks.styles]
    pairs += [("content", masks.content, content)] if masks.content is not None else []
    pairs += [("sources", mask, style) for mask, style in zip(masks.sources, styles, strict=False)]
    for name, mask, picture in pairs:
        if not isinstance(mask, np.ndarray) or mask.dtype.kind != "f" or mask.shape != picture.shape[:2]:
            kind = f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask).__name__
            size = list(picture.shape[:2])
            raise ValueError(f"a mask of masks.{name} is {kind}; it must be float32 {size}, as its picture")
        if not (mask.min() >= -ROUNDING and mask.max() <= 1 + ROUNDING):  # NaN is neither
            raise ValueError(f"a mask of masks.{name} has values that are not between 0 and 1")
