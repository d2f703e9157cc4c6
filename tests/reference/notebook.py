"""The Keras notebook of 2018 and TensorFlow's tutorial, in eager mode, as they were published."""

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf

from tests.reference.classic import STYLE_LAYERS


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
