"""The loop of the classic program in its simplest form: what the program is compared with, in tests and benchmarks.

One graph, automatic differentiation, TensorFlow's Adam on a variable, and every style's loss in full.
"""

import os
import pickle
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf

CONTENT_LAYERS = ("relu4_2", "relu5_2")
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


class Classic:
    """Adam from an initial picture; content, styles and initial are float32 [H, W, 3], RGB, 0..255."""

    def __init__(self, network, content, styles, initial, settings):
        self._network, self._settings = network, settings
        with tf.Graph().as_default() as graph:
            self._image = tf.Variable(self._centred(initial))
            net = self._layers(self._image)
            self.losses = {
                "content": self._content_loss(net, self._features(content)),
                "style": self._style_loss(net, [self._features(style) for style in styles]),
                "tv": self._variation_loss(),
            }
            self.losses["total"] = sum(self.losses.values())
            optimizer = tf.train.AdamOptimizer(settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon)
            self._step = optimizer.minimize(self.losses["total"])
            initialize = tf.global_variables_initializer()
        self._session = tf.Session(graph=graph)
        self._session.run(initialize)

    def run(self, iterations):
        """Yields the losses at the start and after each iteration."""
        for _ in range(iterations):
            yield self._session.run(self.losses)
            self._session.run(self._step)
        yield self._session.run(self.losses)

    def iterate(self):
        """One training step; returns the total loss before it."""
        return float(self._session.run([self._step, self.losses["total"]])[1])

    def image(self):
        return self._session.run(self._image)[0] + self._network.mean_pixel

    def close(self):
        self._session.close()

    def _centred(self, picture):
        return (picture - self._network.mean_pixel)[np.newaxis].astype(np.float32)

    def _layers(self, current):
        pool, net = {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}[self._settings.pooling], {}
        for name, (kernel, bias) in self._network.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                current = pool(current, 2, 2, "SAME")
            current = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(current, tf.constant(kernel), 1, "SAME"), bias))
            net[name.replace("conv", "relu")] = current
        return net

    def _features(self, picture):
        with tf.Graph().as_default(), tf.Session() as session:
            net = self._layers(tf.constant(self._centred(picture)))
            return session.run({name: net[name] for name in {*CONTENT_LAYERS, *STYLE_LAYERS} & set(net)})

    def _content_loss(self, net, target):
        shares = self._settings.content_weight_blend, 1 - self._settings.content_weight_blend
        return self._settings.content_weight * sum(
            share * tf.reduce_mean(tf.square(net[layer] - target[layer]))
            for layer, share in zip(CONTENT_LAYERS, shares, strict=True)
            if share
        )

    def _style_loss(self, net, targets):
        powers = np.array([self._settings.style_layer_weight_exp**index for index in range(len(STYLE_LAYERS))])
        loss = 0.0
        for target, share in zip(targets, self._settings.blend(len(targets)), strict=True):
            for layer, weight in zip(STYLE_LAYERS, powers / powers.sum(), strict=True):
                rows = target[layer].reshape(-1, target[layer].shape[-1])
                goal = rows.T @ rows / rows.size
                flat = tf.reshape(net[layer], [-1, rows.shape[1]])
                gram = tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.size(flat), tf.float32)
                loss += float(share * weight) * tf.reduce_mean(tf.square(gram - goal))
        return self._settings.style_weight * loss

    def _variation_loss(self):
        down = self._image[:, 1:] - self._image[:, :-1]
        right = self._image[:, :, 1:] - self._image[:, :, :-1]
        return self._settings.tv_weight * (tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(right)))


class Apart:
    """A Classic in a process of its own, with TensorFlow's own options: `brushwork` sets others, which slow it down."""

    OPTIONS = "TF_ENABLE_ONEDNN_OPTS", "TF_CPU_ALLOCATOR_USE_BFC"

    def __init__(self, network_file, content, styles, initial, settings):
        environment = {name: value for name, value in os.environ.items() if name not in self.OPTIONS}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, "-m", __name__], env=environment, **pipes)
        self._ask(network_file, content, styles, initial, settings)

    def iterate(self):
        """One training step; returns the total loss before it."""
        return self._ask("iterate")

    def image(self):
        return self._ask("image")

    def close(self):
        """End the process; returns GB of memory at its peak."""
        self._process.stdin.close()
        self._process.stdout.close()
        _, self._process.returncode, usage = os.wait4(self._process.pid, 0)
        return usage.ru_maxrss * 1024 / 1e9

    def _ask(self, *question):
        pickle.dump(question, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)


def serve(questions, answers):
    """Answer the questions of an `Apart`."""
    import vgg

    network_file, *others = pickle.load(questions)
    loop = Classic(vgg.load(network_file), *others)
    pickle.dump(None, answers)
    answers.flush()
    while questions.peek(1):
        (name,) = pickle.load(questions)
        pickle.dump(getattr(loop, name)(), answers)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
