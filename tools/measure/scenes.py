"""Scenes whose motion is known exactly: the photograph of tools/make_clip.py, and its butterfly, seen by a camera."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from brushwork.video.flow import grey_of, places
from tools import make_clip

BORDER = 8  # px at the border of frames that are left out
NEAR = 2  # px around the butterfly that are left out
NOISE = 3.0  # levels
BEGIN = 16  # the frame of examples/chelsea.mp4 with which the scene with an object begins


@dataclass(frozen=True)
class Thing:
    """The butterfly in a frame."""

    opacity: np.ndarray  # [H, W], 0..255
    place: tuple[float, float]  # (x, y) of its middle, px
    reach: float  # of a wing, px


@dataclass(frozen=True)
class Scene:
    """Frames and how they move."""

    frames: list[np.ndarray]  # uint8 [H, W, 3]
    matrices: list[np.ndarray]  # of each frame, to the photograph: [2, 3]
    things: list[Thing] | None = None

    def flow(self, number: int, other: int) -> np.ndarray:
        """The exact flow from a frame to another, float32 [H, W, 2], px."""
        where = places(np.zeros((*self.frames[0].shape[:2], 2), np.float32))
        whole = [np.vstack([self.matrices[each], [0, 0, 1]]) for each in (other, number)]
        flow = cv2.transform(where, (np.linalg.inv(whole[0]) @ whole[1])[:2]).astype(np.float32) - where
        if self.things:
            here, there = self.things[number], self.things[other]
            moved = (where - here.place) * (there.reach / here.reach, 1) + there.place - where
            flow[here.opacity > 127] = moved[here.opacity > 127]
        return flow

    def followed(self, number: int, other: int) -> np.ndarray:
        """Where a frame and another show the same part of the photograph: bool [H, W]."""
        where = places(self.flow(number, other))
        size = np.array(self.frames[0].shape[1::-1])
        inside = ((where >= BORDER) & (where < size - BORDER)).all(axis=2)
        if self.things:
            near = [cv2.dilate(self.things[each].opacity, np.ones((2 * NEAR + 1,) * 2)) for each in (number, other)]
            inside &= (near[0] == 0) & (cv2.remap(near[1], where, None, cv2.INTER_NEAREST) == 0)
        return inside

    def oracle(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """A function in place of brushwork.video.flow.flow_between, which recognises the frames."""
        index = {grey_of(frame.astype(np.float32)).tobytes(): number for number, frame in enumerate(self.frames)}
        return lambda frame, other: self.flow(index[frame.tobytes()], index[other.tobytes()])


def make_scene(name: str, photograph: np.ndarray, count: int, size: tuple[int, int]) -> Scene:
    """The Scene of a name in SCENES, with so many frames of a size (height, width), px."""
    return SCENES[name](photograph, count, size)


def _pan(photograph, count, size):
    """A camera that moves by (3, 1) px a frame."""
    scale = 300 / size[1]
    matrices = [np.array([[scale, 0, 8 + 3 * scale * each], [0, scale, 8 + scale * each]]) for each in range(count)]
    return _seen(photograph, matrices, size)


def _turn(photograph, count, size):
    """A camera that turns by a degree and zooms by 1 % a frame, around the middle."""

    def matrix(number):
        angle, scale = np.deg2rad(number), 300 / size[1] * 1.01**-number
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.column_stack([linear, np.array([225.0, 150.0]) - linear @ np.array([size[1] / 2, size[0] / 2])])

    return _seen(photograph, [matrix(each) for each in range(count)], size)


def _object(photograph, count, size):
    """The frames of examples/chelsea.mp4 from BEGIN on."""
    numbers = range(BEGIN, BEGIN + count)
    shares = [number / (make_clip.FRAMES - 1) for number in numbers]
    matrices = [make_clip.matrix_of(make_clip.camera(share), size) for share in shares]
    places_of = [make_clip.flight(share, size) for share in shares]
    return _with_things(_seen(photograph, matrices, size), numbers, places_of, size)


def _still_with_object(photograph, count, size):
    """A still camera, and the butterfly flies around in the upper right corner."""
    matrices = [make_clip.matrix_of(make_clip.camera(0.3), size)] * count
    times = np.arange(count) / 12
    places_of = np.column_stack([0.76 + 0.1 * np.sin(times), 0.28 + 0.12 * np.cos(1.7 * times)]) * size[::-1]
    return _with_things(_seen(photograph, matrices, size), range(count), places_of, size)


def _still_with_noise(photograph, count, size):
    """A still camera, and noise that is another one in each frame."""
    matrices, random = [make_clip.matrix_of(make_clip.camera(0.3), size)] * count, np.random.default_rng(1)
    plain = make_clip.seen(photograph, matrices[0], size)
    return Scene([_levels(plain + random.normal(0, NOISE, plain.shape)) for _ in range(count)], matrices)


def _seen(photograph, matrices, size):
    return Scene([_levels(make_clip.seen(photograph, matrix, size)) for matrix in matrices], matrices)


def _with_things(scene, numbers, places_of, size):
    """The scene with the butterfly of each frame in its place."""
    side, frames, things = round(0.3 * size[0]), [], []
    for frame, number, place in zip(scene.frames, numbers, places_of, strict=True):
        spread = make_clip.spread_of(number)
        layer = make_clip.layer_of(make_clip.butterfly(side, spread), tuple(place), size)
        frames.append(_levels(make_clip.laid(layer, frame.astype(np.float32))))
        things.append(Thing(layer[:, :, 3], tuple(place), make_clip.reach_of(spread) * side))
    return Scene(frames, scene.matrices, things)


def _levels(image):
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


SCENES = {
    "pan": _pan,
    "turn and zoom": _turn,
    "object": _object,
    "still with object": _still_with_object,
    "still with noise": _still_with_noise,
}
