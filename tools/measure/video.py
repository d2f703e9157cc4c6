"""Measures films: flicker, distance from the style, brightness and variation, on scenes whose motion is known exactly.

    python -m tools.measure.video --network FILE --content PICTURE --style PICTURE [--frames N] [--width PX] [FLAGS ...]

The scenes are those of tools/measure/scenes.py. Each is painted as pictures of their own, and as a film with several
temporal weights. Flicker is the mean squared difference of a frame from the one before, moved exactly, where both show
the same. The distance from the style is that of tools/measure/distance.py, the mean of all frames after the first.
Brightness and variation are those of the last frame, relative to the first. Prints a Markdown table.
"""

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

import neural_style
import vgg
from brushwork.pictures import read, sizes
from brushwork.settings import STYLE_LAYERS
from brushwork.video import following
from brushwork.video.flow import warp
from brushwork.video_settings import VIDEO_SETTINGS
from tests.reference.distances import style_distance
from tools.measure.distance import features
from tools.measure.machine import add_inputs, table
from tools.measure.scenes import SCENES, make_scene

DEFAULT = VIDEO_SETTINGS["temporal_weight"].default
WEIGHTS = "0", f"{DEFAULT:g}", f"{10 * DEFAULT:g}"
INDEPENDENT = "independent"
TITLES = ["scene", "weight", "flicker", "style distance", "brightness", "variation", "s a frame"]


def flicker(pictures, scene):
    """The mean squared difference of each frame from the one before, moved exactly."""
    found = []
    for number in range(1, len(pictures)):
        difference = pictures[number] - warp(pictures[number - 1], scene.flow(number, number - 1))
        found.append(np.square(difference)[scene.followed(number, number - 1)].mean())
    return float(np.mean(found))


def paint(scene, directory, flags, *, independent):
    """(painted frames, float32 [H, W, 3]; seconds of a frame) of the command."""
    for name in ("in", "out"):
        (directory / name).mkdir(parents=True)
    for number, frame in enumerate(scene.frames, start=1):
        Image.fromarray(frame).save(directory / "in" / f"f{number}.png")
    output = "out/{content}.png" if independent else "out/f%d.png"
    began = time.perf_counter()
    status = neural_style.main(
        ["--content", str(directory / "in"), "--output", str(directory / output), "--quiet", "--deterministic", *flags]
    )
    if status:
        sys.exit(f"{directory}: the command ended with status {status}")
    seconds = (time.perf_counter() - began) / len(scene.frames)
    return [read.image(directory / "out" / f"f{number + 1}.png") for number in range(len(scene.frames))], seconds


def variation(image):
    """The mean absolute difference of horizontal neighbours."""
    return float(np.abs(np.diff(image, axis=1)).mean())


def parsed(arguments):
    """(options, flags of the command)"""
    parser = argparse.ArgumentParser(description="Measure films.")
    add_inputs(parser)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--scenes", nargs="+", default=["pan", "turn and zoom", "object"], choices=SCENES)
    parser.add_argument("--weights", nargs="*", default=WEIGHTS, help="of the temporal loss")
    parser.add_argument("--exact-flow", action="store_true", help="that of the scene, instead of the program's")
    parser.add_argument("--no-independent", action="store_true", help="leave out pictures of their own")
    parser.add_argument("--directory", help="where frames are kept")
    options, flags = parser.parse_known_args(arguments)
    return options, ["--network", options.network, "--styles", options.style, *(flags or ["--preset", "painterly"])]


def measure(options, flags, directory):
    """Yield the numbers of each film: scene, weight and five more."""
    network, photograph = vgg.load(options.network), read.image(options.content)
    style = sizes.resize_to_width(read.image(options.style), options.width)
    of_style = features(network, style)

    def distance(picture):
        found = features(network, picture)
        return np.mean([style_distance(found[layer], of_style[layer]) for layer in STYLE_LAYERS])

    for name in options.scenes:
        scene = make_scene(name, photograph, options.frames, (options.width * 9 // 16, options.width))
        for weight in (*([] if options.no_independent else [INDEPENDENT]), *options.weights):
            independent = weight == INDEPENDENT
            more = [] if independent else ["--temporal-weight", weight]
            place = Path(directory, f"{name.replace(' ', '-')}-{weight}")
            is_exact = options.exact_flow and not independent
            patch = mock.patch.object(following, "flow_between", scene.oracle()) if is_exact else nullcontext()
            with patch:
                pictures, seconds = paint(scene, place, [*flags, *more], independent=independent)
            first, last = pictures[0], pictures[-1]
            changes = [last.mean() / first.mean(), variation(last) / variation(first)]
            mean_distance = np.mean([distance(picture) for picture in pictures[1:]])
            yield name, weight, flicker(pictures, scene), mean_distance, *changes, seconds


def main(arguments=None):
    options, flags = parsed(arguments)
    rows = []
    with nullcontext(options.directory) if options.directory else tempfile.TemporaryDirectory() as directory:
        for name, weight, *numbers in measure(options, flags, directory):
            rows.append([name, weight, *(f"{number:.4g}" for number in numbers)])
            print(*rows[-1], file=sys.stderr, flush=True)
    print(table(TITLES, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
