"""Consistency: where a frame follows from the one before, by the flows between them; and cuts, where none does.

Ruder, Dosovitskiy and Brox 2016, section 3.3, after Sundaram, Brox and Keutzer 2010.
"""

import cv2
import numpy as np

from brushwork.video.flow import places

SIGMA = 0.8  # px, of the blur of masks
UNLIKE, WIDE_SIGMA = 20, 2.0  # levels of a difference, averaged over so many px, that no error of the flow makes
STILL = 0.5  # px
LEAST_SHARE = 0.4  # of a frame that follows from the one before; with less, there is a cut between them
DOUBTFUL_SHARE, CHANGE = 0.75, 0.35  # or with less than this share, if the histograms differ by so much
BINS = 32


def consistency(backward: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """How far each pixel of a frame can be followed back to the one before: float32 [H, W], 0..1.

    backward: the flow from this frame to the one before; forward: the other way. It is 0 where a pixel comes from
    outside, where the two flows do not lead back to it (equation 5: it was hidden), and at edges of the motion
    (equation 6); blurred a little.
    """
    height, width = backward.shape[:2]
    where = places(backward)
    back = cv2.remap(forward, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    hidden = _squares(backward + back) > 0.01 * (_squares(backward) + _squares(back)) + 0.5
    slopes = sum(_squares(_slope(backward, axis)) for axis in (0, 1))
    edges = slopes > 0.01 * _squares(backward) + 0.002
    outside = (where < -0.5).any(axis=2) | (where > (width - 0.5, height - 0.5)).any(axis=2)
    visible = (~(hidden | edges | outside)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(visible, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE), 0, 1)


def alike(frame: np.ndarray, before: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Where a frame looks like the one before it, moved along the flow: bool [H, W]. Frames: uint8 [H, W].

    Flows may lead from one thing to another and back, where one is in the place of the other.
    """
    moved = cv2.remap(before, places(backward), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = frame.astype(np.float32) - moved
    blurred = cv2.GaussianBlur(difference, (0, 0), WIDE_SIGMA, borderType=cv2.BORDER_REPLICATE)
    return np.abs(blurred) < UNLIKE


def still(flow: np.ndarray) -> np.ndarray:
    """Where a flow is smaller than STILL, with soft edges: float32 [H, W], 0..1."""
    small = (_squares(flow) < STILL**2).astype(np.float32)
    return np.clip(cv2.GaussianBlur(small, (0, 0), WIDE_SIGMA, borderType=cv2.BORDER_REPLICATE), 0, 1)


def _squares(vectors):
    return np.square(vectors).sum(axis=2)


def _slope(flow, axis):
    """The central differences of a flow along an axis, [H, W, 2]; 0 for a side of one pixel."""
    return np.gradient(flow, axis=axis) if flow.shape[axis] > 1 else np.zeros_like(flow)


def is_cut(frame: np.ndarray, before: np.ndarray, consistent: np.ndarray) -> bool:
    """Whether there is a cut between two frames, uint8 [H, W]. consistent: [H, W], from `consistency`."""
    share = consistent.mean()
    return bool(share < LEAST_SHARE or (share < DOUBTFUL_SHARE and _change(frame, before) > CHANGE))


def _change(frame, before):
    """How much the histograms of two frames differ: the share of the pixels that would have to change, 0..1."""
    counts = [np.histogram(each, BINS, (0, 256))[0] / each.size for each in (frame, before)]
    return np.abs(counts[0] - counts[1]).sum() / 2
