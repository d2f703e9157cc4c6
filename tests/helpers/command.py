"""What tests of the command share."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FAST = "--content-layers relu2_1 --style-layers relu1_1 relu2_1"  # for processes that build a graph of their own
LOSS = re.compile(r"Iteration +(\d+)/(\d+)  content loss: (\S+) +style loss: (\S+) +tv loss: (\S+) +total loss: (\S+)")


def words(text):
    return text.split()


def pixels(path):
    """The pixels of a picture file: int16 [H, W, 3]."""
    return np.asarray(Image.open(path).convert("RGB"), np.int16)
