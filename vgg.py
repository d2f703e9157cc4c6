"""The network: the weights of a VGG-19 -> its layers, by name, as nodes of a TensorFlow 1 graph.

Source: Simonyan and Zisserman 2014, configuration E, without its fully connected layers.
"""

import tensorflow.compat.v1 as tf

import winograd
from layers import LAYERS, stride, up_to_last
from weights import Network, NetworkError, load

__all__ = ["LAYERS", "Network", "NetworkError", "build", "load", "variables"]


def variables(network, dtype=None, *, layers=LAYERS):
    """(the convolutions as graph variables, placeholder -> array to feed when they are initialised).

    name -> (kernel [3, 3, in, out], or [36, in, out] where `winograd` pays, bias [out]).
    dtype: their type, if not the arrays' own. layers: what is to be built of them. Variables and not constants: a
    constant is copied into the graph's definition and by every pass over it.
    """
    feed = {}

    def variable(array, transformed=tf.identity):
        value = tf.placeholder(array.dtype, array.shape)
        feed[value] = array
        value = transformed(tf.cast(value, dtype or value.dtype))
        return tf.Variable(value, trainable=False, use_resource=True)

    convolutions = {}
    for name in up_to_last(layers):
        if name in network.convolutions:
            kernel, bias = network.convolutions[name]
            fast = dtype != tf.bfloat16 and winograd.pays(kernel)
            convolutions[name] = variable(kernel, winograd.transformed if fast else tf.identity), variable(bias)
    return convolutions, feed


def build(image, convolutions, *, layers, pooling="max", origin=(0, 0)):
    """The named layers of the network above `image`.

    image: tensor [N, H, W, 3], RGB, the mean pixel subtracted; H and W may be unknown.
    convolutions: name -> (kernel [3, 3, in, out] or transformed for `winograd`, bias [out]), of the image's type.
    layers: the names wanted, of `LAYERS`; nothing past the last of them is built.
    pooling: "max" or "avg" (Gatys et al. 2015, section 2: average pooling gives smoother pictures), 2x2, stride 2.
    origin: (top, left) of the image within a larger one that it is a tile of, px, integers or scalar tensors; it only
    makes the roundings those of the larger one.
    Returns a dictionary name -> tensor [N, h, w, C] with h = ceil(H / 2^(block - 1)): zero padding throughout (SAME).
    Raises KeyError for a layer that the convolutions do not reach.
    """
    pool = {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}[pooling]
    net, current = {}, image
    for name in up_to_last(layers):
        if name.startswith("conv"):
            kernel, bias = convolutions[name]
            start = [place // stride(name) for place in origin]
            current = tf.nn.bias_add(_convolution(current, kernel, start), bias, name=name)
        elif name.startswith("relu"):
            current = tf.nn.relu(current, name=name)
        else:
            current = pool(current, ksize=2, strides=2, padding="SAME", name=name)
        net[name] = current
    return {name: net[name] for name in layers}


def _convolution(features, kernel, origin):
    if len(kernel.shape) == 3:
        return winograd.convolution(features, kernel, origin)
    return tf.nn.conv2d(features, kernel, strides=1, padding="SAME")
