"""Optical flow: where each pixel of a frame was in the frame before, and pictures warped by it. OpenCV does both.

A flow is float32 [H, W, 2], px: the pixel at (x, y) of one frame is at (x, y) + flow of the other.
"""

import cv2
import numpy as np

from brushwork.pictures.colors import LUMA

LEAST_SIDE = 32  # px; OpenCV needs 16
SMOOTHNESS = 40  # weight of the flow's slopes in the refinement; 20 in the preset, which leaves more noise

# One thread: with several, the sums of the refinement might be rounded differently in each run.
cv2.setNumThreads(1)


def grey_of(frame: np.ndarray) -> np.ndarray:
    """A frame [H, W, 3], RGB, 0..255, as flow_between takes it: uint8 [H, W]."""
    return np.rint(np.clip(frame @ LUMA, 0, 255)).astype(np.uint8)


def flow_between(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The flow from a frame to another, uint8 [H, W] each: DIS (Kroeger et al. 2016), refined at every pixel.

    The presets of OpenCV end at half the size or less, with errors of the flow three times as large.
    """
    height, width = frame.shape
    more = ((0, max(0, LEAST_SIDE - height)), (0, max(0, LEAST_SIDE - width)))
    first, second = (np.ascontiguousarray(np.pad(each, more, mode="edge")) for each in (frame, other))
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    dis.setVariationalRefinementAlpha(SMOOTHNESS)
    return dis.calc(first, second, None)[:height, :width]


def places(flow: np.ndarray) -> np.ndarray:
    """Where the pixels are in the other frame: float32 [H, W, 2], x and y."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return flow + np.dstack([columns, rows])


def warp(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A picture of the other frame, [H, W, 3] or [H, W, 2], moved to where its pixels are in this one.

    By Lanczos windows of 8 pixels: bilinear ones keep a third of the variation over 8 frames, these 96 %. Beyond the
    border, the picture is mirrored.
    """
    where = places(flow)
    return cv2.remap(picture, where, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
