"""Linear optimal transport: moves points, such as colours or features, so that they have the statistics of others."""

from typing import NamedTuple

import numpy as np


class Normal(NamedTuple):
    """A normal distribution of points with C coordinates."""

    mean: np.ndarray  # [C]
    covariance: np.ndarray  # [C, C]


def normal(mean: np.ndarray, second: np.ndarray) -> Normal:
    """The Normal of points x [C] whose mean and mean of x x' are known."""
    return Normal(mean, second - np.outer(mean, mean))


def transport_map(own: Normal, wanted: Normal, floor: float, wanted_floor: float) -> np.ndarray:
    """The matrix T, [C, C], with which (x - own.mean) T + wanted.mean has a wanted distribution, for points x [n, C].

    T = A^(-1/2) (A^(1/2) B A^(1/2))^(1/2) A^(-1/2) of the covariances A and B is symmetric and positive: of all maps
    with this result the one that moves points least (Pitié and Kokaram 2007, The linear Monge-Kantorovitch linear
    colour mapping for example-based colour transfer). The floors are added to the variances: points of which all lie
    in a plane have a singular covariance. floor: above 0, of A; wanted_floor: of B.
    """
    identity = np.eye(len(own.mean))
    root = _power(own.covariance + floor * identity, 0.5)
    inverse = np.linalg.inv(root)
    return inverse @ _power(root @ (wanted.covariance + wanted_floor * identity) @ root, 0.5) @ inverse


def _power(matrix, exponent):
    """A power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.maximum(values, 0) ** exponent @ vectors.T
