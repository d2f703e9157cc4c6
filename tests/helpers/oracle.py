"""Independent computations to compare the program with: the network in NumPy, and two published recipes."""

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from scipy.ndimage import correlate

from brushwork.settings import LOSSES
from tools.measure.classic import STYLE_LAYERS


def numpy_layers(image, network, pooling):
    """Every layer of the network above `image` [H, W, 3], name -> [h, w, C], by SciPy's correlation, in float64."""
    current, net = np.asarray(image, np.float64) - network.mean_pixel, {}
    for name, (kernel, bias) in network.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            current = pooled(current, pooling)
            net[f"pool{int(name[4]) - 1}"] = current
        current = convolved(current, np.asarray(kernel, np.float64)) + bias
        net[name] = current
        current = np.maximum(current, 0)
        net[name.replace("conv", "relu")] = current
    return net


def convolved(image, kernel):
    """Zero-padded correlation of [h, w, in] with [3, 3, in, out]."""
    outputs = [
        sum(correlate(image[:, :, i], kernel[:, :, i, o], mode="constant") for i in range(kernel.shape[2]))
        for o in range(kernel.shape[3])
    ]
    return np.stack(outputs, axis=-1)


def pooled(image, pooling):
    """2x2 pooling, stride 2, of [h, w, C]; at an odd border over what is there."""
    height, width, channels = image.shape
    reduce = {"max": np.max, "avg": np.mean}[pooling]
    result = np.empty(((height + 1) // 2, (width + 1) // 2, channels))
    for y, x in np.ndindex(result.shape[:2]):
        result[y, x] = reduce(image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2], axis=(0, 1))
    return result


def main_losses(losses):
    """The losses of the picture, without those of single layers, which may be small differences of large numbers."""
    return {name: losses[name] for name in LOSSES}


# How much bfloat16 may change a loss of an image that is far from its targets, to first order in the unit roundoff
# 2^-9: three roundings (input, kernel, output) in each of 14 convolutions and in the Gram product, of the image and of
# the target, and a square. Where image and target are alike, their difference is off by more: the tests avoid that.
BFLOAT16_LOSS = 3 * (14 + 1) * 2 * 2 * 2**-9
BFLOAT16_GRADIENT = BFLOAT16_LOSS + 3 * (14 + 1) * 2**-9  # as many roundings on the way back


def notebook(network, content, style, iterations, *, variation=None, content_weight, rate, epsilon):
    """The losses at the start and after each iteration of the Keras notebook of 2018, or of TensorFlow's tutorial.

    In eager mode, as they are: pooling without padding, Gram matrices divided by the number of positions, relu5_2 for
    the content, Adam, and a clip after each step. variation: its weight in the tutorial, whose pixels are 0..1, as are
    then `rate` and `epsilon`; None for the notebook, whose pixels are 0..255.
    """
    unit = 1.0 if variation is None else 255.0

    def layers(image):
        net, current = {}, image[None] * unit - network.mean_pixel
        for name, (kernel, bias) in network.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                current = tf.nn.max_pool2d(current, 2, 2, "VALID")
            current = net[name.replace("conv", "relu")] = tf.nn.relu(tf.nn.conv2d(current, kernel, 1, "SAME") + bias)
        return net

    def gram(features):
        flat = tf.reshape(features, [-1, features.shape[-1]])
        return tf.matmul(flat, flat, transpose_a=True) / len(flat)

    def total(image):
        net = layers(image)
        loss = content_weight * tf.reduce_mean((net["relu5_2"] - goal) ** 2)
        for layer, target in grams.items():
            loss += 1e-2 / len(grams) * tf.reduce_mean((gram(net[layer]) - target) ** 2)
        return loss + (variation or 0) * tf.reduce_sum(tf.image.total_variation(image))

    goal = layers(content / unit)["relu5_2"]
    net = layers(style / unit)
    grams = {layer: gram(net[layer]) for layer in STYLE_LAYERS}
    image = tf.Variable(content / unit)
    first = second = np.zeros_like(content)
    losses = []
    for step in range(1, iterations + 2):
        with tf2.GradientTape() as tape:
            loss = total(image)
        losses.append(float(loss))
        slope = tape.gradient(loss, image).numpy()
        first, second = 0.99 * first + 0.01 * slope, 0.999 * second + 0.001 * slope**2
        length = rate * np.sqrt(1 - 0.999**step) / (1 - 0.99**step)
        image.assign(tf.clip_by_value(image - length * first / (np.sqrt(second) + epsilon), 0.0, 255.0 / unit))
    return losses
