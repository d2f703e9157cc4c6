"""Independent computations to hold the program against: the network in NumPy, the classic loop in its simplest form."""

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from scipy.ndimage import correlate

from settings import LOSSES

CONTENT_LAYERS = ("relu4_2", "relu5_2")
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


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
    """Those of the picture, without those of the layers, which may be small differences of large numbers."""
    return {name: losses[name] for name in LOSSES}


class Classic:
    """The loop of the classic program written down plainly: one graph for the picture, automatic differentiation,
    TensorFlow's Adam on a variable, every style's loss in full; targets are constants of that graph."""

    def __init__(self, network, content, styles, initial, settings):
        self.network, self.settings = network, settings
        self.mean = network.mean_pixel
        with tf.Graph().as_default() as graph:
            image = tf.Variable((initial - self.mean)[None].astype(np.float32))
            net = self.net(image)
            self.losses = {
                "content": self.content_loss(net, content),
                "style": self.style_loss(net, styles),
                "tv": self.variation_loss(image),
            }
            self.losses["total"] = sum(self.losses.values())
            optimizer = tf.train.AdamOptimizer(settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon)
            self.step = optimizer.minimize(self.losses["total"])
            self.session = tf.Session(graph=graph)
            self.session.run(tf.global_variables_initializer())

    def net(self, image):
        pool = tf.nn.max_pool2d if self.settings.pooling == "max" else tf.nn.avg_pool2d
        net, current = {}, image
        for name, (kernel, bias) in self.network.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                current = pool(current, 2, 2, "SAME")
            current = tf.nn.relu(tf.nn.conv2d(current, tf.constant(kernel), 1, "SAME") + bias)
            net[name.replace("conv", "relu")] = current
        return net

    def features(self, picture, layers):
        with tf.Graph().as_default(), tf.Session() as session:
            net = self.net(tf.constant((picture - self.mean)[None].astype(np.float32)))
            return session.run({layer: net[layer] for layer in layers})

    def content_loss(self, net, content):
        targets = self.features(content, CONTENT_LAYERS)
        shares = (self.settings.content_weight_blend, 1 - self.settings.content_weight_blend)
        return self.settings.content_weight * sum(
            share * tf.reduce_mean(tf.square(net[layer] - targets[layer]))
            for layer, share in zip(CONTENT_LAYERS, shares, strict=True)
        )

    def style_loss(self, net, styles):
        powers = np.array([self.settings.style_layer_weight_exp**index for index in range(5)])
        loss = 0.0
        shares = np.array(self.settings.style_blend_weights)
        for style, share in zip(styles, shares / shares.sum(), strict=True):
            targets = self.features(style, STYLE_LAYERS)
            for layer, weight in zip(STYLE_LAYERS, powers / powers.sum(), strict=True):
                rows = targets[layer].reshape(-1, targets[layer].shape[-1])
                target = rows.T @ rows / rows.size
                flat = tf.reshape(net[layer], [-1, rows.shape[1]])
                gram = tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.size(flat), tf.float32)
                loss += float(share * weight) * tf.reduce_mean(tf.square(gram - target))
        return self.settings.style_weight * loss

    def variation_loss(self, image):
        down = image[:, 1:] - image[:, :-1]
        right = image[:, :, 1:] - image[:, :, :-1]
        return self.settings.tv_weight * (tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(right)))

    def run(self, iterations):
        """The losses at the start and after each iteration."""
        for _ in range(iterations):
            yield self.session.run(self.losses)
            self.session.run(self.step)
        yield self.session.run(self.losses)
        self.session.close()


def notebook(network, content, style, iterations, *, variation=None, content_weight, rate, epsilon):
    """The losses at the start and after each iteration of the Keras notebook of 2018 and of TensorFlow's tutorial.

    Written after them, eagerly: pooling without padding, a Gram matrix divided by the positions, relu5_2 for the
    content, Adam and a clip after each step. The tutorial's pixels are 0..1: `rate` and `epsilon` are its own there.
    variation: its weight; None for the notebook, whose pixels are 0..255.
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
