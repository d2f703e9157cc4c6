"""Memory: what a run takes at its peak, what is free, and the tiles with which the run fits.

The factors of the model were fitted with `tools/measure/memory.py`, which compares it with the peak of real runs.
"""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from brushwork.errors import DoesNotFit
from brushwork.network.layers import is_wide, stride, up_to_last
from brushwork.pictures import sizes
from brushwork.schedule import make_schedule, margin

PROCESS = 720e6  # bytes of the program with TensorFlow and its graph, without the network
EVALUATION = 1.75  # peak of an evaluation, divided by the bytes of all layers that its gradient needs
TILE_SIZES = (2048, 1536, 1024, 768, 512, 384, 256, 128)  # px
SHARE = 0.85  # of the free memory that a run may plan to use
PIXEL = 12  # bytes: three float32
SMALL_HISTORY = 3  # pairs of L-BFGS, suggested where ten do not fit
CGROUP = Path("/sys/fs/cgroup")  # of Linux containers


def available():
    """Bytes that this process may use in all: those it has, and those that the machine or its container has left."""
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError, TypeError):  # there is no such group, or its limit is "max"
        limit, usage, statistics = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        cache = int(re.search(r"inactive_file (\d+)", statistics)[1])  # the kernel gives it back on demand
        free = min(free, int(limit) - int(usage) + cache)
    return free + psutil.Process().memory_info().rss


def tile_size_for(network, settings, precision, size, style_sizes, regions=0):
    """The tile size that the settings ask for: px, or None for untiled. "auto" is the largest that fits.

    The arguments are those of `estimate`. Raises DoesNotFit, with a setting that would fit.
    """
    limit = SHARE * available()

    def needed(tile_size, settings=settings, share=1.0):
        small = [sizes.scale_size(each, share) for each in (size, *style_sizes)]
        return estimate(network, settings, precision, small[0], small[1:], tile_size, regions)

    allowed = {"auto": (None, *TILE_SIZES), "none": (None,)}.get(settings.tile_size, (settings.tile_size,))
    for tile_size in allowed:
        if needed(tile_size) <= limit:
            return tile_size
    smallest, frugal = TILE_SIZES[-1], replace(settings, lbfgs_memory=SMALL_HISTORY)
    remedies = [f"--tile-size {each}" for each in TILE_SIZES if needed(each) <= limit]
    if needed(smallest, frugal) <= limit:
        remedies.append(f"--lbfgs-memory {SMALL_HISTORY}")
    shares = (share for share in np.arange(0.95, 0, -0.05) if needed(smallest, share=share) <= limit)
    remedies += [f"--width {int(share * size[1])} --tile-size auto" for share in shares]
    sentence = f"the run takes {needed(allowed[-1]) / 1e9:.1f} GB of memory and {limit / 1e9:.1f} GB are free"
    raise DoesNotFit(f"{sentence}; {remedies[0] if remedies else 'not even a small picture'} would fit")


def tile_sizes(network, settings, precision, size, style_sizes, regions=0):
    """`tile_size_for` each scale of a run, the coarsest first."""
    shares = [width / size[1] for _, width in make_schedule(settings, *size).sizes]
    smaller = [[sizes.scale_size(each, share) for each in (size, *style_sizes)] for share in shares]
    return [tile_size_for(network, settings, precision, each[0], each[1:], regions) for each in smaller]


def estimate(network, settings, precision, size, style_sizes, tile_size, regions=0):
    """Bytes of the process at its peak, for a picture of `size` (height, width) and styles of `style_sizes`.

    tile_size: px, or None for untiled. precision: "float32" or "bfloat16". regions: the number of style masks.
    """
    layers = {*settings.content_layer_weights, *settings.style_layer_weights}
    pixels = size[0] * size[1]
    number = 2 if precision == "bfloat16" else 4  # bytes
    weights = sum(kernel.nbytes for kernel, _ in network.convolutions.values()) + _in_graph(network, layers, number)
    images = {"adam": 11, "lbfgs": 8 + 2 * settings.lbfgs_memory}[settings.optimizer]
    images += regions  # a mask, and its cells in all layers
    pictures = PIXEL * (images * pixels + sum(height * width for height, width in style_sizes))
    targets = number * sum(_numbers(network, layer) for layer in settings.content_layer_weights) * pixels
    piece = pixels
    if tile_size is not None:
        side = tile_size + 2 * margin(layers)
        piece = min(size[0], side) * min(size[1], side)
    weighted = regions * sum(_numbers(network, layer) for layer in settings.style_layer_weights)
    evaluation = number * (EVALUATION * _stored(network, layers) + weighted) * piece
    return PROCESS + weights + pictures + targets + evaluation


def _in_graph(network, layers, number):
    """Bytes of the kernels in the graph. Those transformed for `winograd` have 6x6 numbers instead of 3x3."""
    kernels = [network.convolutions[name][0] for name in up_to_last(layers) if name.startswith("conv")]
    return sum(kernel.size * number * (4 if number == 4 and is_wide(kernel) else 1) for kernel in kernels)


def _stored(network, layers):
    """Numbers per pixel of the picture that the gradient needs: the outputs of all ReLU and pooling layers."""
    return sum(_numbers(network, layer) for layer in up_to_last(layers) if not layer.startswith("conv"))


def _numbers(network, layer):
    """Numbers of a layer per pixel of the picture."""
    if layer.startswith("pool"):
        block = int(layer[4])
        return network.convolutions[f"conv{block}_1"][0].shape[-1] / 4**block
    return network.convolutions[layer.replace("relu", "conv")][0].shape[-1] / stride(layer) ** 2
