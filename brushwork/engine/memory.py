"""Memory: what a run takes at its peak, what is free, and the tiles with which the run fits.

The factors of the model were fitted with `tools/measure/memory.py`, which compares it with the peak of real runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

import vgg
from brushwork.engine import limits
from brushwork.engine.limits import PROCESS, available
from brushwork.errors import DoesNotFit
from brushwork.network.layers import is_wide, stride, up_to_last
from brushwork.pictures import sizes
from brushwork.schedule import make_schedule, margin
from brushwork.settings import Settings, nearest_step

NEAREST = 2  # arrays as large as the compared features, as measured at 1024x768
EVALUATION = 1.75  # peak memory of an evaluation / bytes of the layers that its gradient needs
TILE_SIZES = (2048, 1536, 1024, 768, 512, 384, 256, 128)  # px
SHARE = 0.85  # of the free memory that a run may plan to use
PIXEL = 12  # bytes: three float32
SMALL_HISTORY = 3  # pairs of L-BFGS, suggested where ten do not fit
MATRICES = 10  # of C x C float32 numbers, at the peak, for each style layer of C channels and each style mask


@dataclass(frozen=True)
class Workload:
    """What the memory of a run depends on, besides its tiles. Sizes are (height, width), px."""

    network: vgg.Network
    settings: Settings
    precision: str  # "float32" or "bfloat16"
    size: tuple[int, int]  # of the picture
    style_sizes: Sequence[tuple[int, int]]
    mask_count: int = 0  # of style masks

    def scaled(self, share: float) -> "Workload":
        """The workload of pictures whose sides are a share of these."""
        size, *styles = (sizes.scale_size(each, share) for each in (self.size, *self.style_sizes))
        return replace(self, size=size, style_sizes=styles)


def tile_size_for(workload: Workload) -> int | None:
    """The tile size that the settings ask for: px, or None for untiled. "auto" is the largest that fits.

    Raises DoesNotFit, with a setting that would fit.
    """
    limit, wanted = SHARE * available(), workload.settings.tile_size
    allowed = {"auto": (None, *TILE_SIZES), "none": (None,)}.get(wanted, (wanted,))
    for tile_size in allowed:
        if estimate(workload, tile_size) <= limit:
            return tile_size
    needed = estimate(workload, allowed[-1])
    remedy = next(_remedies(workload, limit), "not even a small picture")
    sentence = f"the run takes {needed / 1e9:.1f} GB of memory and {limit / 1e9:.1f} GB {limits.reason()}"
    raise DoesNotFit(f"{sentence}; {remedy} would fit")


def _remedies(workload: Workload, limit: float) -> Iterator[str]:
    """Yields flags with which a workload fits into `limit` bytes, those that change least first."""
    smallest, frugal = TILE_SIZES[-1], replace(workload.settings, lbfgs_memory=SMALL_HISTORY)
    yield from (f"--tile-size {each}" for each in TILE_SIZES if estimate(workload, each) <= limit)
    if estimate(replace(workload, settings=frugal), smallest) <= limit:
        yield f"--lbfgs-memory {SMALL_HISTORY}"
    for share in np.arange(0.95, 0, -0.05):
        if estimate(workload.scaled(share), smallest) <= limit:
            yield f"--width {int(share * workload.size[1])} --tile-size auto"


def tile_sizes(workload: Workload) -> list[int | None]:
    """`tile_size_for` each scale of a run, the coarsest first."""
    width = workload.size[1]
    scales = make_schedule(workload.settings, *workload.size).sizes
    return [tile_size_for(workload.scaled(each / width)) for _, each in scales]


def estimate(workload: Workload, tile_size: int | None) -> float:
    """Bytes of the process at its peak, in tiles of tile_size px; None: untiled."""
    network, settings = workload.network, workload.settings
    pixels = workload.size[0] * workload.size[1]
    number = 2 if workload.precision == "bfloat16" else 4  # bytes
    images = {"adam": 11, "lbfgs": 8 + 2 * settings.lbfgs_memory}[settings.optimizer]
    images += workload.mask_count  # a mask, and its cells in all layers
    pictures = PIXEL * (images * pixels + sum(height * width for height, width in workload.style_sizes))
    targets = number * sum(_numbers(network, layer) for layer in settings.content_layer_weights) * pixels
    return pictures + targets + of_tile(workload, tile_size)


def of_tile(workload: Workload, tile_size: int | None) -> float:
    """Bytes of a process at its peak that evaluates tiles of tile_size px, without pictures and targets."""
    network, settings, size = workload.network, workload.settings, workload.size
    layers, number = settings.layers, 2 if workload.precision == "bfloat16" else 4  # bytes
    weights = sum(kernel.nbytes for kernel, _ in network.convolutions.values()) + _in_graph(network, layers, number)
    piece = size[0] * size[1]
    if tile_size is not None:
        side = tile_size + 2 * margin(layers)
        piece = min(size[0], side) * min(size[1], side)
    weighted = workload.mask_count * sum(_numbers(network, layer) for layer in settings.style_layer_weights)
    evaluation = number * (EVALUATION * _stored(network, layers) + weighted) * piece
    # The compared positions of the nearest-feature loss, in float32.
    nearest = settings.nearest_layer_weights
    evaluation += 4 * NEAREST * sum(_numbers(network, layer) / nearest_step(layer) ** 2 for layer in nearest) * piece
    squares = sum(_channels(network, layer) ** 2 for layer in settings.style_layer_weights)
    matrices = 4 * MATRICES * max(1, workload.mask_count) * squares
    return PROCESS + weights + evaluation + matrices


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
        return _channels(network, layer) / 4 ** int(layer[4])
    return _channels(network, layer) / stride(layer) ** 2


def _channels(network, layer):
    convolution = f"conv{layer[4]}_1" if layer.startswith("pool") else layer.replace("relu", "conv")
    return network.convolutions[convolution][0].shape[-1]
