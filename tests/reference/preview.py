"""The instant network in NumPy, float64, written from the papers; and a tiny network."""

import numpy as np

from brushwork.preview.layers import BLOCKS, CONTRACT, EXPAND, RESIDUAL, kernel_shapes
from brushwork.preview.weights import PreviewWeights


def tiny_network(seed=3):
    """A network of random kernels with 1 to 4 channels and style vectors of 5 numbers."""
    random, layers = np.random.default_rng(seed), {}
    for name, (shape, biased) in kernel_shapes().items():
        kernel = list(shape)
        if name.endswith(("_scale", "_shift")):
            kernel[2:] = 5, fewer(shape[3])
        elif name.endswith("_depthwise"):
            kernel[2] = fewer(shape[2])
        else:
            kernel[2:] = fewer(shape[2]), 5 if name == "vector" else fewer(shape[3])
        size = np.sqrt(2 / (kernel[0] * kernel[1] * kernel[2]))
        outputs = kernel[2] if name.endswith("_depthwise") else kernel[3]
        bias = random.normal(0, 0.3, outputs).astype(np.float32) if biased else None
        layers[name] = random.normal(0, size, kernel).astype(np.float32), bias
    return PreviewWeights(layers)


def fewer(channels):
    """Few channels; equal for equal numbers, so that the residual connections stay."""
    return channels if channels <= 3 else 2 + channels % 3


def convolution(net, layer, stride=1):
    """A VALID convolution of [H, W, C]."""
    kernel, bias = (None if each is None else each.astype(np.float64) for each in layer)
    side = kernel.shape[0]
    height, width = ((length - side) // stride + 1 for length in net.shape[:2])
    result = np.zeros((height, width, kernel.shape[3]))
    for row, column in np.ndindex(side, side):
        part = net[row : row + stride * height : stride, column : column + stride * width : stride]
        result += part[:height, :width] @ kernel[row, column]
    return result if bias is None else result + bias


def same(net, side, stride):
    """[H, W, C] padded with zeros as TensorFlow does for SAME."""
    pads = []
    for length in net.shape[:2]:
        total = max((-(-length // stride) - 1) * stride + side - length, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(net, (*pads, (0, 0)))


def depthwise(net, layer, stride):
    kernel, bias = (each.astype(np.float64) for each in layer)
    full = np.zeros((*kernel.shape[:3], kernel.shape[2]))
    full[:, :, np.arange(kernel.shape[2]), np.arange(kernel.shape[2])] = kernel[:, :, :, 0]
    return convolution(same(net, 3, stride), (full, bias), stride)


def vector(picture, layers):
    """The style vector of a picture [H, W, 3], 0..1."""
    net = np.clip(convolution(same(picture, 3, 2), layers["first"], 2), 0, 6)
    for block in BLOCKS:
        inside = net
        if block.expansion > 1:
            inside = np.clip(convolution(inside, layers[f"{block.name}_expand"]), 0, 6)
        inside = np.clip(depthwise(inside, layers[f"{block.name}_depthwise"], block.stride), 0, 6)
        inside = convolution(inside, layers[f"{block.name}_project"])
        net = net + inside if block.stride == 1 and net.shape == inside.shape else inside
    net = np.clip(convolution(net, layers["last"]), 0, 6).mean(axis=(0, 1), keepdims=True)
    return convolution(net, layers["vector"])[0, 0]


def reflect(net, layer, stride=1):
    around = layer[0].shape[0] // 2
    return convolution(np.pad(net, ((around, around), (around, around), (0, 0)), mode="reflect"), layer, stride)


def normalized(net, name, layers, style):
    scale, shift = (convolution(style[None, None], layers[f"{name}_{part}"])[0, 0] for part in ("scale", "shift"))
    mean, variance = net.mean(axis=(0, 1)), net.var(axis=(0, 1))
    return scale * (net - mean) / np.sqrt(variance + 1e-5) + shift


def picture(content, style, layers):
    """The picture, 0..1, of a content [H, W, 3], 0..1, with sides that are multiples of 4."""
    net = content.astype(np.float64)
    for stage in CONTRACT:
        net = np.maximum(reflect(net, layers[stage.name], stage.stride), 0)
    for first, second in RESIDUAL:
        inside = np.maximum(normalized(reflect(net, layers[first.name]), first.name, layers, style), 0)
        net = net + normalized(reflect(inside, layers[second.name]), second.name, layers, style)
    for stage in EXPAND:
        net = net.repeat(stage.growth, axis=0).repeat(stage.growth, axis=1)
        net = normalized(reflect(net, layers[stage.name]), stage.name, layers, style)
        net = 1 / (1 + np.exp(-net)) if stage is EXPAND[-1] else np.maximum(net, 0)
    return net
