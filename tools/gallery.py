"""Renders the pictures of README into examples/gallery.

    python -m tools.gallery [--network FILE] [--pictures DIRECTORY] [--output DIRECTORY] [NAME ...]

Without names, those that are missing. They are painted from the pictures in a directory, by default ../shared/pictures;
those that are missing there are replaced by pictures in examples/. Each takes half a minute on two cores with AMX.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAST = "--preset fast --width 400 --precision bfloat16"
ADAM = "--width 400 --precision bfloat16 --iterations 200"
SKY = "--style-masks examples/gallery/sky.png examples/gallery/houses.png"
PAINTERLY = "--preset painterly --width 400"
# name -> (styles, flags)
PICTURES = {
    "starry-night": ("starry-night", FAST),
    "the-scream": ("the-scream", FAST),
    "shipwreck": ("shipwreck", FAST),
    "great-wave": ("great-wave", FAST),
    "style-weight-100": ("starry-night", f"{FAST} --style-weight 100"),
    "style-weight-2500": ("starry-night", f"{FAST} --style-weight 2500"),
    "exponent-0.5": ("starry-night", f"{FAST} --style-layer-weight-exp 0.5"),
    "exponent-2": ("starry-night", f"{FAST} --style-layer-weight-exp 2"),
    "two-styles": ("starry-night great-wave", f"{FAST} --style-blend-weights 0.5 0.5"),
    "pooling-avg": ("starry-night", f"{FAST} --pooling avg"),
    "luma": ("the-scream", f"{FAST} --colors luma"),
    "match": ("the-scream", f"{FAST} --colors match"),
    "histogram": ("the-scream", f"{FAST} --colors histogram"),
    "masks": ("starry-night the-scream", f"{FAST} {SKY}"),
    "scales-3": ("starry-night", f"{FAST} --scales 3"),
    "style-scales-0.5": ("starry-night", f"{FAST} --style-scales 0.5"),
    "instant": ("starry-night", "--instant --width 400"),
    "classic": ("starry-night", f"--preset classic {ADAM}"),
    "keras": ("starry-night", f"--preset keras {ADAM}"),
    "tensorflow": ("starry-night", f"--preset tensorflow {ADAM}"),
    "gatys": ("starry-night", "--preset gatys --initial content --width 400 --precision bfloat16 --iterations 80"),
    "painterly": ("starry-night", PAINTERLY),
    "weaker": ("starry-night", f"{PAINTERLY} --strength 0.25"),
    "face": ("starry-night", PAINTERLY),
    "face-content-weight": ("starry-night", f"{PAINTERLY} --content-weight 0.6"),
}
PORTRAITS = "face", "face-content-weight"  # of examples/astronaut.jpg, the others of Tübingen
STAND_INS = {"tubingen": "chelsea", "starry-night": "brush-strokes", "the-scream": "stained-glass"}
STAND_INS |= {"shipwreck": "woodcut", "great-wave": "woodcut"}


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Render the pictures of README.")
    parser.add_argument("--network", help="the full VGG-19, as for the program")
    parser.add_argument("--pictures", default=str(ROOT.parent / "shared" / "pictures"))
    parser.add_argument("--output", default=str(ROOT / "examples" / "gallery"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(PICTURES)
    if unknown:
        parser.error(f"there is no picture {min(unknown)}")
    os.makedirs(options.output, exist_ok=True)
    for name in options.names or PICTURES:
        target = os.path.join(options.output, f"{name}.jpg")
        if options.names or not os.path.exists(target):
            subprocess.run(command(name, target, options), check=True, cwd=ROOT)
    return 0


def command(name, target, options):
    """The command line of a picture."""
    styles, flags = PICTURES[name]
    content = path("astronaut" if name in PORTRAITS else "tubingen", options)
    inputs = ["--content", content, "--styles", *(path(style, options) for style in styles.split())]
    network = ["--network", options.network] if options.network else []
    program = [sys.executable, str(ROOT / "neural_style.py")]
    return [*program, *inputs, *flags.split(), *network, "--output", target, "--overwrite"]


def path(name, options):
    own = os.path.join(options.pictures, f"{name}.jpg")
    return own if os.path.exists(own) else str(ROOT / "examples" / f"{STAND_INS.get(name, name)}.jpg")


if __name__ == "__main__":
    sys.exit(main())
