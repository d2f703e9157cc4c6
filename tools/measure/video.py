"""Measures films: flicker, distance from the style, brightness and variation, on scenes whose motion is known exactly.

    python -m tools.measure.video --network FILE --content PICTURE --style PICTURE [--frames N] [--width PX] [FLAGS ...]

The content is seen by a camera that pans, that turns and zooms, and with a butterfly before it; and a still scene has
noise. Each film is painted as pictures of their own, and with several temporal weights. Flicker is the mean squared
difference of a frame from the one before, moved exactly, where both show the same. The distance from the style is that
of tools/measure/distance.py. Prints Markdown tables.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import neural_style
import vgg
from brushwork.pictures import read, sizes
from brushwork.settings import STYLE_LAYERS
from brushwork.video.flow import places, warp
from tests.reference.distances import style_distance
from tools import make_clip
from tools.measure.distance import features
from tools.measure.machine import add_inputs, table

WEIGHTS = "0", "1e-3", "1e-2"
EDGE = 8  # px at the border and around the butterfly that are left out
NOISE = 3.0  # levels


def pan(number, size):
    """The map from a frame to the photograph: a camera that moves by (3, 1) px a frame."""
    scale = 300 / size[1]
    return np.array([[scale, 0, 8 + 3 * scale * number], [0, scale, 8 + scale * number]])


def turn(number, size):
    """A camera that turns by a degree and zooms by 1 % a frame, around the middle."""
    angle, scale = np.deg2rad(number), 300 / size[1] * 1.01**-number
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([225.0, 150.0]) - linear @ np.array([size[1] / 2, size[0] / 2])
    return np.column_stack([linear, middle])


def frames_of(scene, photograph, count, size):
    """(frames, uint8 [H, W, 3]; map of each to the photograph; masks of the butterfly [H, W], or None)."""
    random = np.random.default_rng(1)
    if scene == "still with noise":
        matrices = [pan(0, size)] * count
        plain = make_clip.seen(photograph, matrices[0], size)
        return [_levels(plain + random.normal(0, NOISE, plain.shape)) for _ in range(count)], matrices, None
    if scene == "object":
        shares = [number / max(1, count - 1) for number in range(count)]
        matrices = [make_clip.matrix_of(make_clip.camera(share), size) for share in shares]
        masks = [_near(make_clip.flight(share, size), size) for share in shares]
        return make_clip.scene(photograph, count, size), matrices, masks
    matrices = [{"pan": pan, "turn and zoom": turn}[scene](number, size) for number in range(count)]
    return [_levels(make_clip.seen(photograph, matrix, size)) for matrix in matrices], matrices, None


def _levels(image):
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _near(place, size):
    """Where the butterfly may be: bool [H, W]."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    reach = 0.2 * size[0] + EDGE
    return (np.abs(columns - place[0]) < reach) & (np.abs(rows - place[1]) < reach)


def exact_flow(matrix, before, size):
    """The flow from a frame to the one before it, float32 [H, W, 2], by their maps to the photograph."""
    whole = [np.vstack([each, [0, 0, 1]]) for each in (before, matrix)]
    where = places(np.zeros((*size, 2), np.float32))
    return cv2.transform(where, (np.linalg.inv(whole[0]) @ whole[1])[:2]).astype(np.float32) - where


def flicker(pictures, matrices, masks):
    """The mean squared difference of each frame from the one before, moved exactly."""
    found, size = [], pictures[0].shape[:2]
    for number in range(1, len(pictures)):
        flow = exact_flow(matrices[number], matrices[number - 1], size)
        where = places(flow)
        inside = ((where >= EDGE) & (where < np.array(size[::-1]) - EDGE)).all(axis=2)
        for mask in masks[number - 1 : number + 1] if masks else ():
            inside &= ~mask
        difference = pictures[number] - warp(pictures[number - 1], flow)
        found.append(np.square(difference)[inside].mean())
    return float(np.mean(found))


def paint(frames, directory, flags, *, independent):
    """(painted frames, float32 [H, W, 3]; seconds of a frame) of the command."""
    directory = Path(directory)
    for name in ("in", "out"):
        (directory / name).mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(directory / "in" / f"f{number}.png")
    output = "out/{content}.png" if independent else "out/f%d.png"
    began = time.perf_counter()
    status = neural_style.main(
        ["--content", str(directory / "in"), "--output", str(directory / output), "--quiet", "--deterministic", *flags]
    )
    if status:
        sys.exit(status)
    seconds = (time.perf_counter() - began) / len(frames)
    return [read.image(directory / "out" / f"f{number + 1}.png") for number in range(len(frames))], seconds


def variation(image):
    """The mean absolute difference of horizontal neighbours."""
    return float(np.abs(np.diff(image, axis=1)).mean())


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure films.")
    add_inputs(parser)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--scenes", nargs="+", default=["pan", "turn and zoom", "object", "still with noise"])
    parser.add_argument("--weights", nargs="*", default=WEIGHTS, help="of the temporal loss")
    parser.add_argument("--no-independent", action="store_true", help="leave out pictures of their own")
    options, flags = parser.parse_known_args(arguments)
    flags = ["--network", options.network, "--styles", options.style, *(flags or ["--preset", "painterly"])]
    network, photograph, size = (
        vgg.load(options.network),
        read.image(options.content),
        (options.width * 9 // 16, options.width),
    )
    of_style = features(network, sizes.resize_to_width(read.image(options.style), options.width))
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for index, scene in enumerate(options.scenes):
            frames, matrices, masks = frames_of(scene, photograph, options.frames, size)
            for weight in (*([] if options.no_independent else ["independent"]), *options.weights):
                independent = weight == "independent"
                more = [] if independent else ["--temporal-weight", weight]
                place = Path(directory, f"{index}-{weight}")
                pictures, seconds = paint(frames, place, [*flags, *more], independent=independent)
                first, last = pictures[0], pictures[-1]
                found = features(network, last)
                distance = np.mean([style_distance(found[layer], of_style[layer]) for layer in STYLE_LAYERS])
                changes = [last.mean() / first.mean(), variation(last) / variation(first)]
                numbers = [flicker(pictures, matrices, masks), distance, *changes, seconds]
                rows.append([scene, weight, *(f"{number:.4g}" for number in numbers)])
                print(*rows[-1], file=sys.stderr, flush=True)
    titles = ["scene", "weight", "flicker", "style distance", "brightness", "variation", "s a frame"]
    print(table(titles, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
