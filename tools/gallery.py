"""Renders the pictures of README into examples/gallery.

    python -m tools.gallery [--network FILE] [--pictures DIRECTORY] [--output DIRECTORY] [NAME ...]

Without names, those that are missing. They are painted from the pictures in a directory, by default ../shared/pictures;
those that are missing there are replaced by pictures in examples/. Each takes about a minute on two cores.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAINTERLY = "--preset painterly --long-side 400"
FAST = "--preset fast --width 400"
ADAM = "--width 400 --iterations 200"
SKY = "--style-masks examples/gallery/sky.png examples/gallery/houses.png"
# name -> (content, styles, flags)
PICTURES = {
    "starry-night": ("tubingen", "starry-night", PAINTERLY),
    "the-scream": ("tubingen", "the-scream", PAINTERLY),
    "great-wave": ("tubingen", "great-wave", PAINTERLY),
    "hopper": ("hopper", "cafe-terrace", PAINTERLY),
    "astronaut": ("astronaut", "wheat-field", PAINTERLY),
    "obama": ("obama", "starry-night", PAINTERLY),
    "strength-0.3": ("tubingen", "starry-night", f"{PAINTERLY} --strength 0.3"),
    "strength-3": ("tubingen", "starry-night", f"{PAINTERLY} --strength 3"),
    "style-scales-0.5": ("tubingen", "starry-night", f"{PAINTERLY} --style-scales 0.5"),
    "style-scales-2": ("tubingen", "starry-night", f"{PAINTERLY} --style-scales 2"),
    "two-styles": ("tubingen", "starry-night great-wave", f"{PAINTERLY} --style-blend-weights 0.5 0.5"),
    "masks": ("tubingen", "starry-night the-scream", f"{PAINTERLY} {SKY}"),
    "luma": ("tubingen", "the-scream", f"{PAINTERLY} --colors luma"),
    "match": ("tubingen", "the-scream", f"{PAINTERLY} --colors match"),
    "histogram": ("tubingen", "the-scream", f"{PAINTERLY} --colors histogram"),
    "content-detail-0": ("tubingen", "starry-night", f"{PAINTERLY} --content-detail 0"),
    "content-detail-1": ("tubingen", "starry-night", f"{PAINTERLY} --content-detail 1"),
    "less-grain": ("tubingen", "starry-night", f"{PAINTERLY} --tv-weight 0.0002"),
    "face": ("astronaut", "starry-night", PAINTERLY),
    "face-content-weight": ("astronaut", "starry-night", f"{PAINTERLY} --content-weight 1.2"),
    "instant": ("tubingen", "starry-night", "--instant --width 400"),
    "fast": ("tubingen", "starry-night", FAST),
    "classic": ("tubingen", "starry-night", f"--preset classic {ADAM}"),
    "keras": ("tubingen", "starry-night", f"--preset keras {ADAM}"),
    "tensorflow": ("tubingen", "starry-night", f"--preset tensorflow {ADAM}"),
    "gatys": ("tubingen", "starry-night", "--preset gatys --initial content --width 400 --iterations 80"),
}
STAND_INS = {"tubingen": "chelsea", "starry-night": "brush-strokes", "the-scream": "stained-glass"}
STAND_INS |= {"cafe-terrace": "stained-glass", "wheat-field": "brush-strokes", "great-wave": "woodcut"}


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
    content, styles, flags = PICTURES[name]
    inputs = ["--content", path(content, options), "--styles", *(path(style, options) for style in styles.split())]
    network = ["--network", options.network] if options.network else []
    program = [sys.executable, str(ROOT / "neural_style.py")]
    return [*program, *inputs, *flags.split(), *network, "--output", target, "--overwrite"]


def path(name, options):
    own = os.path.join(options.pictures, f"{name}.jpg")
    return own if os.path.exists(own) else str(ROOT / "examples" / f"{STAND_INS.get(name, name)}.jpg")


if __name__ == "__main__":
    sys.exit(main())
