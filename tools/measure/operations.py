"""Prints the milliseconds of an evaluation by kind of operation, from TensorFlow's own trace.

    python -m tools.measure.operations --network FILE --content PICTURE --style PICTURE [--size WxH] [--rounds N]

For each kind: the median over the rounds, how many operations, and the shapes on which most of the time is spent. The
last lines are an evaluation without tracing, and the page faults of one (see `engine/session.py`).
"""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import argparse
import re
import resource
import statistics
import sys
import time
from collections import Counter, defaultdict

import numpy as np
import tensorflow.compat.v1 as tf

import stylize
import vgg
from brushwork.settings import Settings
from tools.measure.machine import add_inputs, machine, pictures, table


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Profile an evaluation.")
    add_inputs(parser)
    parser.add_argument("--size", default="512x384", metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args(arguments)
    content, style = pictures(options, options.size)
    start = content + np.random.default_rng(0).normal(0, 20, content.shape).astype(np.float32)
    settings = Settings(precision=options.precision, tile_size="none")
    with stylize.make_objective(vgg.load(options.network), settings) as objective:
        objective.set_targets(content, [style])
        print(f"{options.size}, {options.precision}, on {machine()}, TensorFlow {tf.__version__}.\n")
        print(profile(objective, start, options.rounds))
        seconds, faults = untraced(objective, start, options.rounds)
        print(f"\nAn evaluation without tracing: {1000 * seconds:.0f} ms, {faults:,} page faults.")
    return 0


def profile(objective, image, rounds):
    """A Markdown table of one evaluation's operations, grouped by kind, the longest first."""
    traces, session = [], objective._tile_graph._session
    objective._tile_graph._session = _Traced(session, traces)
    for _ in range(rounds + 1):
        objective.evaluate(image)
    objective._tile_graph._session = session
    kinds, counts, shapes = defaultdict(lambda: [0.0] * rounds), Counter(), defaultdict(Counter)
    for index, trace in enumerate(traces[1:]):  # the first one warms up
        for node in trace.step_stats.dev_stats[0].node_stats:
            kind = re.search(r"= (\w+)\(", node.timeline_label)
            kind, milliseconds = kind[1] if kind else "other", node.op_end_rel_micros / 1000
            kinds[kind][index] += milliseconds
            counts[kind] += 1
            if node.output:
                shape = node.output[0].tensor_description.shape
                shapes[kind]["x".join(str(each.size) for each in shape.dim)] += milliseconds
    medians = {kind: statistics.median(values) for kind, values in kinds.items()}
    rows = [
        (kind, f"{medians[kind]:.1f}", str(counts[kind] // rounds), _longest(shapes[kind], rounds))
        for kind in sorted(medians, key=medians.get, reverse=True)
        if medians[kind] >= 0.5
    ]
    rows.append(("all", f"{sum(medians.values()):.1f}", str(sum(counts.values()) // rounds), ""))
    return table(("operation", "ms", "how many", "results of most time"), rows)


def _longest(shapes, rounds):
    return ", ".join(f"{shape}: {spent / rounds:.0f}" for shape, spent in shapes.most_common(9))


class _Traced:
    """A session whose runs are traced."""

    def __init__(self, session, traces):
        self._session, self._traces = session, traces

    def run(self, outputs, feed):
        trace = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        result = self._session.run(outputs, feed, options=options, run_metadata=trace)
        self._traces.append(trace)
        return result


def untraced(objective, image, rounds):
    """(median seconds, mean number of page faults) of an evaluation."""
    seconds, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        start = time.perf_counter()
        objective.evaluate(image)
        seconds.append(time.perf_counter() - start)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return statistics.median(seconds), faults // rounds


if __name__ == "__main__":
    sys.exit(main())
