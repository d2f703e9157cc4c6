"""Digests of arrays: short texts that tell networks and pictures apart."""

import hashlib

import numpy as np


def digest_of(*arrays: np.ndarray) -> str:
    """A text that differs for different arrays, in type, shape or values."""
    result = hashlib.blake2b(digest_size=16)
    for array in arrays:
        result.update(f"{array.dtype}{array.shape}".encode())
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()
