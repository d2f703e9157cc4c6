"""Small SavedModels with the signature of TF-Hub's network, and with others."""

import tensorflow.compat.v1 as tf


def save(directory, function, *, names=("placeholder", "placeholder_1"), shapes=None, dtype=tf.float32, **options):
    """Write a model: function(content, style, scale) -> output; scale is a variable of value 1."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        shapes = shapes or [[None, None, None, 3]] * len(names)
        inputs = {name: tf.placeholder(dtype, shape) for name, shape in zip(names, shapes, strict=True)}
        outputs = function(*inputs.values(), tf.Variable(1.0, use_resource=True))
        outputs = outputs if isinstance(outputs, dict) else {"output_0": outputs}
        session.run(tf.global_variables_initializer())
        signature = tf.saved_model.predict_signature_def(inputs, outputs)
        builder = tf.saved_model.Builder(str(directory))
        signatures = {options.get("signature", "serving_default"): signature}
        given = {"signature_def_map": signatures, "main_op": options.get("main", lambda: None)()}
        builder.add_meta_graph_and_variables(session, options.get("tags", ["serve"]), **given)
        builder.save()


def tinted(content, style, scale):
    """The content times the mean colour of the style."""
    return scale * content * tf.reduce_mean(style, axis=[1, 2], keepdims=True)
