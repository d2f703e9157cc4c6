"""The predictor as a graph: a style picture -> its style vector."""

import tensorflow.compat.v1 as tf

from brushwork.preview.layers import BLOCKS


def predict(picture: tf.Tensor, layers: dict[str, tuple[tf.Tensor, tf.Tensor | None]]) -> tf.Tensor:
    """The style vector [1, 100] of a picture [1, 256, 256, 3], RGB, 0..1.

    layers: name -> (kernel [k, k, in, out], bias [out] or None), of any channel counts that fit. This is MobileNetV2
    with the batch normalisation folded into kernels and biases, and zero padding (SAME) as in the published network.
    """
    net = _convolution(picture, layers["first"], stride=2, clip=True)
    for block in BLOCKS:
        inside = _convolution(net, layers[f"{block.name}_expand"], clip=True) if block.expansion > 1 else net
        kernel, bias = layers[f"{block.name}_depthwise"]
        strides = [1, block.stride, block.stride, 1]
        inside = tf.nn.relu6(tf.nn.bias_add(tf.nn.depthwise_conv2d(inside, kernel, strides, "SAME"), bias))
        inside = _convolution(inside, layers[f"{block.name}_project"])
        net = net + inside if block.stride == 1 and net.shape[-1] == inside.shape[-1] else inside
    net = _convolution(net, layers["last"], clip=True)
    net = _convolution(tf.reduce_mean(net, axis=[1, 2], keepdims=True), layers["vector"])
    return tf.squeeze(net, axis=[1, 2])


def _convolution(net, layer, *, stride=1, clip=False):
    kernel, bias = layer
    net = tf.nn.conv2d(net, kernel, strides=stride, padding="SAME")
    net = net if bias is None else tf.nn.bias_add(net, bias)
    return tf.nn.relu6(net) if clip else net
