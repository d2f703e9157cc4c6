"""Checks that arrays are pictures."""

from collections.abc import Sequence

import numpy as np


def check_pictures(content: np.ndarray, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError unless these are pictures, float [H, W, 3], and there is at least one style."""
    if not len(styles):
        raise ValueError("there is no style picture; give at least one")
    for name, picture in (("content", content), *(("style", style) for style in styles)):
        if np.ndim(picture) != 3 or np.shape(picture)[2] != 3 or not np.issubdtype(picture.dtype, np.floating):
            is_array = f"{getattr(picture, 'dtype', type(picture).__name__)} {list(np.shape(picture))}"
            raise ValueError(f"the {name} is {is_array}; pictures are float32 [H, W, 3], RGB, 0..255")
