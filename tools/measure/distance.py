"""Measures how far results are from a painting's style and from a photograph's content, whatever made them.

    python -m tools.measure.distance --network FILE --content PICTURE --style PICTURE RESULT ...

The style distance is that of Olkin and Pukelsheim (1982) between the features of the result and of the painting, taken
as normally distributed: |m - m_t|^2 + tr(V + V_t - 2 (V_t^1/2 V V_t^1/2)^1/2), divided by the trace of the painting's
second moment, mean of relu1_1 ... relu5_1. The painting is as wide as the result. The content error is
mean((F - P)^2) / mean(P^2) at relu4_2. Moments and roots are NumPy's, in float64. Prints a Markdown table.
"""

import argparse
import sys

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import numpy as np
import tensorflow.compat.v1 as tf

import vgg
from brushwork.pictures import read, sizes
from brushwork.settings import STYLE_LAYERS
from tests.reference.distances import style_distance
from tools.measure.machine import add_inputs, table


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure the distance to a style and to a content.")
    add_inputs(parser)
    parser.add_argument("results", nargs="+", metavar="RESULT")
    options = parser.parse_args(arguments)
    network = vgg.load(options.network)
    content, style = read.image(options.content), read.image(options.style)
    rows = []
    for path in options.results:
        result = read.image(path)
        height, width = result.shape[:2]
        of_content = features(network, sizes.resize(content, height, width))
        of_style = features(network, sizes.resize_to_width(style, width))
        found = features(network, result)
        distance = np.mean([style_distance(found[layer], of_style[layer]) for layer in STYLE_LAYERS])
        error = np.mean((found["relu4_2"] - of_content["relu4_2"]) ** 2) / np.mean(of_content["relu4_2"] ** 2)
        rows.append((path, f"{distance:.4f}", f"{error:.3f}"))
    print(table(("picture", "style distance", "content error"), rows))
    return 0


def features(network, picture):
    """Layer -> features [positions, C] in float64; picture: float32 [H, W, 3], 0..255."""
    layers = [*STYLE_LAYERS, "relu4_2"]
    with tf.Graph().as_default(), tf.Session() as session:
        image = tf.constant(picture[np.newaxis] - network.mean_pixel)
        net = vgg.build(image, network.convolutions, layers=layers)
        found = session.run({layer: net[layer] for layer in layers})
    return {layer: values.reshape(-1, values.shape[-1]).astype(np.float64) for layer, values in found.items()}


if __name__ == "__main__":
    sys.exit(main())
