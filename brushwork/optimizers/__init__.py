"""Optimisers: iterators over (image, losses) that minimise a function evaluate(image) -> (losses, gradient).

They do not depend on the network.
"""

from collections.abc import Callable

import numpy as np

BOX = 0.0, 255.0  # the least and the greatest value of a pixel in a picture file
# image, float32 [H, W, 3], RGB, 0..255 -> (losses by name, with their "total"; the gradient of the total, [H, W, 3])
Evaluate = Callable[[np.ndarray], tuple[dict[str, float], np.ndarray]]
