"""Uncovered places: what a frame begins with where nothing came before, in the colours of the painting around them.

An optimisation of few steps that is held to the frame before elsewhere leaves much of what it starts from: of the
photograph, its colours. So these places get the colours that the painting has for such colours nearby.
"""

import cv2
import numpy as np

REACH = 0.06  # of the longer side: the spread of what counts as nearby
EVERYWHERE = 1e-4  # weight of all the picture beside what is nearby
NOISE = 100.0  # variance of colours, on 0..255, that no map of colours is made from


def painted_alike(content: np.ndarray, painted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`painted`, float32 [H, W, 3], with what is not known made from the content, [H, W, 3], RGB, 0..255.

    known: [H, W], 0..1. By the affine map from the content's colours to the painted ones that fits best around each
    place (as a guided filter does: He, Sun and Tang 2013), with known pixels only.
    """
    unknown = known < 1
    if not unknown.any() or not known.any():
        return painted
    guide, wanted = content.astype(np.float32) - 128, painted.astype(np.float32) - 128
    products = (guide[:, :, :, np.newaxis] * guide[:, :, np.newaxis]).reshape(*known.shape, 9)
    crossed = (guide[:, :, :, np.newaxis] * wanted[:, :, np.newaxis]).reshape(*known.shape, 9)
    moments = np.concatenate([np.ones((*known.shape, 1), np.float32), guide, wanted, products, crossed], axis=2)
    moments *= known[:, :, np.newaxis]
    nearby = cv2.GaussianBlur(moments, (0, 0), REACH * max(known.shape), borderType=cv2.BORDER_REFLECT)
    sums = (nearby + EVERYWHERE * moments.mean(axis=(0, 1)))[unknown].astype(np.float64)  # [n, 25]
    sums = sums[:, 1:] / sums[:, :1]
    mean, mean_wanted = sums[:, :3], sums[:, 3:6]
    covariance = sums[:, 6:15].reshape(-1, 3, 3) - mean[:, :, np.newaxis] * mean[:, np.newaxis] + NOISE * np.eye(3)
    cross = sums[:, 15:].reshape(-1, 3, 3) - mean[:, :, np.newaxis] * mean_wanted[:, np.newaxis]
    linear = np.linalg.solve(covariance, cross)  # [n, 3, 3]
    found = np.einsum("ni,nij->nj", guide[unknown] - mean, linear) + mean_wanted + 128
    share, result = known[unknown][:, np.newaxis], painted.astype(np.float32).copy()
    result[unknown] = share * result[unknown] + (1 - share) * np.clip(found, 0, 255)
    return result
