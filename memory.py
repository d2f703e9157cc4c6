"""Memory: what a run takes at its peak, what is free, and the tiles that make the one fit into the other.

The model's factors were measured by `tools/measure_memory.py`, which holds it against the peak of real runs.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

import tiles
from layers import is_wide, stride, up_to_last

PROCESS = 720e6  # bytes: the program with TensorFlow and its graph, without the network
EVALUATION = 1.6  # of the bytes of all layers that the gradient needs: so much there is at once at the peak
TILE_SIZES = (2048, 1536, 1024, 768, 512, 384, 256, 128)
SHARE = 0.85  # of what is free may be planned for
PIXEL = 12  # bytes: three of float32
_GROUP = "/sys/fs/cgroup"
CGROUPS = (
    (f"{_GROUP}/memory.max", f"{_GROUP}/memory.current", f"{_GROUP}/memory.stat"),
    (
        f"{_GROUP}/memory/memory.limit_in_bytes",
        f"{_GROUP}/memory/memory.usage_in_bytes",
        f"{_GROUP}/memory/memory.stat",
    ),
)


class DoesNotFit(Exception):
    """A run would take more memory than there is; the sentence names a setting with which it would not."""


def available():
    """Bytes that this process may take in all: what it has, and what the machine or its container has left."""
    free = psutil.virtual_memory().available
    for group in CGROUPS:
        try:
            limit, usage, statistics = (Path(file).read_text(encoding="ascii") for file in group)
            cache = int(re.search(r"inactive_file (\d+)", statistics)[1])  # given back when asked for
            free = min(free, int(limit) - int(usage) + cache)
        except (OSError, ValueError, TypeError):  # no such group, or its limit is "max"
            pass
    return free + psutil.Process().memory_info().rss


def tile_size_for(network, settings, precision, size, style_sizes, regions=0):
    """The tile size of the settings, px or None for all in one piece; for "auto" the largest that fits.

    Raises DoesNotFit. The other arguments are those of `estimate`.
    """
    limit = SHARE * available()

    def needed(tile_size, settings=settings, share=1.0):
        sizes = [[max(1, round(side * share)) for side in each] for each in (size, *style_sizes)]
        return estimate(network, settings, precision, sizes[0], sizes[1:], tile_size, regions)

    asked = {"auto": (None, *TILE_SIZES), "none": (None,)}.get(settings.tile_size, (settings.tile_size,))
    for tile_size in asked:
        if needed(tile_size) <= limit:
            return tile_size
    sentence = f"the run takes {needed(asked[-1]) / 1e9:.1f} GB of memory and {limit / 1e9:.1f} GB are free"
    for tile_size in TILE_SIZES:
        if needed(tile_size) <= limit:
            raise DoesNotFit(f"{sentence}; --tile-size {tile_size} would fit")
    if settings.optimizer == "lbfgs" and needed(TILE_SIZES[-1], replace(settings, lbfgs_memory=3)) <= limit:
        raise DoesNotFit(f"{sentence}; --lbfgs-memory 3 would fit")
    share = next((share for share in np.arange(0.95, 0, -0.05) if needed(TILE_SIZES[-1], share=share) <= limit), None)
    if share:
        raise DoesNotFit(f"{sentence}; --width {int(share * size[1])} --tile-size auto would fit")
    raise DoesNotFit(f"{sentence}; not even a small picture would fit")


def estimate(network, settings, precision, size, style_sizes, tile_size, regions=0):
    """Bytes of the process at its peak, for a picture of `size` (height, width) and styles of `style_sizes`.

    tile_size: px, or None for all in one piece. precision: "float32" or "bfloat16". regions: how many style masks.
    """
    layers = {*settings.content_terms, *settings.style_terms}
    pixels = size[0] * size[1]
    number = 2 if precision == "bfloat16" else 4  # bytes
    weights = sum(kernel.nbytes for kernel, _ in network.convolutions.values()) + _in_graph(network, layers, number)
    images = {"adam": 9, "lbfgs": 8 + 2 * settings.lbfgs_memory}[settings.optimizer]
    images += regions  # a mask, and over the layers as much again and a little more
    pictures = PIXEL * (images * pixels + sum(height * width for height, width in style_sizes))
    targets = number * sum(_numbers(network, layer) for layer in settings.content_terms) * pixels
    piece = pixels
    if tile_size is not None:
        side = tile_size + 2 * tiles.margin(layers)
        piece = min(size[0], side) * min(size[1], side)
    weighted = regions * sum(_numbers(network, layer) for layer in settings.style_terms)
    evaluation = number * (EVALUATION * _stored(network, layers) + weighted) * piece
    return PROCESS + weights + pictures + targets + evaluation


def _in_graph(network, layers, number):
    """Bytes of the kernels in the graph: of those transformed for `winograd`, 6x6 numbers for 3x3."""
    kernels = [network.convolutions[name][0] for name in up_to_last(layers) if name.startswith("conv")]
    return sum(kernel.size * number * (4 if number == 4 and is_wide(kernel) else 1) for kernel in kernels)


def _stored(network, layers):
    """Numbers a pixel that are kept from the way up for the way down: what every ReLU and pooling gives."""
    return sum(_numbers(network, layer) for layer in up_to_last(layers) if not layer.startswith("conv"))


def _numbers(network, layer):
    """Numbers a pixel of a layer."""
    if layer.startswith("pool"):
        block = int(layer[4])
        return network.convolutions[f"conv{block}_1"][0].shape[-1] / 4**block
    return network.convolutions[layer.replace("relu", "conv")][0].shape[-1] / stride(layer) ** 2
