"""Functions to minimise: evaluate(image) -> (losses, gradient)."""

import numpy as np


def quadratic(image):
    """Half the squared distance from 100, weighted by curvatures from 1 to 3. Its minimum is 0."""
    curvature = np.linspace(1, 3, image.size, dtype=image.dtype).reshape(image.shape)
    difference = image - 100
    return {"total": float((curvature * difference**2).sum() / 2)}, curvature * difference


def rosenbrock(image):
    """The extended Rosenbrock function of pairs of values, in units of 100 pixels: a curved valley."""
    x, y = image.ravel()[::2] / 100, image.ravel()[1::2] / 100
    gradient = np.empty(image.size, image.dtype)
    gradient[::2] = (-400 * x * (y - x**2) - 2 * (1 - x)) / 100
    gradient[1::2] = 200 * (y - x**2) / 100
    total = float((100 * (y - x**2) ** 2 + (1 - x) ** 2).sum())
    return {"total": total}, gradient.reshape(image.shape)


def recorded(evaluate, images):
    """`evaluate`, which appends each image to `images`."""

    def recording(image):
        images.append(image)
        return evaluate(image)

    return recording
