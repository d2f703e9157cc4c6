"""The one place where a TensorFlow session is opened, and where its threads and its precision are chosen."""

import tensorflow.compat.v1 as tf


def open_session(graph):
    """A session on `graph`, to be closed by the caller; it is not made the default one.

    One operation at a time, each on all cores: two at once, as by default, get in each other's way (2 to 6 % slower).
    """
    return tf.Session(graph=graph, config=tf.ConfigProto(inter_op_parallelism_threads=1))


def chosen_precision(precision):
    """ "float32" or "bfloat16" for a setting that may also be "auto": bfloat16 where it is the faster one.

    That takes matrix units: AMX, or a GPU from NVIDIA's Ampere on. AVX512-BF16 alone will not do: on a Xeon with AMX
    switched off a whole evaluation in bfloat16 took more than 1.8 times as long as in float32 (tools/benchmark.py).
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "bfloat16" if capability >= (8, 0) else "float32"
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return "bfloat16" if "amx_bf16" in file.read() else "float32"
    except OSError:  # not Linux; there TensorFlow knows no such units
        return "float32"
