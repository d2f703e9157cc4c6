"""The commands that README and docs/ print, and the files that they name."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.command import ROOT
from tests.video import files as clips

README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
EXAMPLES = "chelsea", "astronaut", "brush-strokes", "woodcut", "stained-glass"
PICTURES = (
    *("photo.jpg", "painting.jpg", "one.jpg", "other.jpg", "photos/a.jpg", "photos/b.jpg", "paintings/c.jpg"),
    *(f"examples/{name}.jpg" for name in EXAMPLES),
)
MASKS = "sky.png", "houses.png", "face.png"


def commands(*texts):
    """The commands in the indented blocks of texts, one line each, without the program's name."""
    return re.findall(r"^    (?:\S*/)?neural-style (.*)$", "\n".join(texts).replace("\\\n", " "), re.M)


def make_pictures(height, width):
    """Write the files that the commands name into the current directory."""
    random = np.random.default_rng(2)
    Path("out").mkdir()
    Path("frames").mkdir()
    for name in PICTURES:
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (height, width, 3)).astype(np.uint8)).save(name)
    for number in (1, 2, 10):
        Image.open("photo.jpg").save(f"frames/f{number}.png")
    clips.write(Path("clip.mp4"), clips.frames(3), sound="aac")
    for name in MASKS:
        Image.linear_gradient("L").resize((width, height)).save(name)
