"""Measures evaluations against the plain classic loop's, interleaved in one run, so that a drifting machine is fair.

    python -m tools.measure.speed --network FILE --content PICTURE --style PICTURE [--sizes WxH ...] [--rounds N]

Prints Markdown tables: seconds of an evaluation (loss and gradient) and their ratio to one iteration of the classic
loop; the share of an iteration that is not TensorFlow's; the cost of watching; and the time to start.
"""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice

import numpy as np
import tensorflow.compat.v1 as tf

import neural_style
import stylize
import vgg
from brushwork.engine.session import chosen_precision
from brushwork.network import store
from brushwork.presets import PRESETS
from brushwork.run.claims import Claims
from brushwork.run.jobs import make_jobs
from brushwork.run.networks import VGGReader
from brushwork.run.pipeline import watch
from brushwork.run.plan import make_plan
from brushwork.settings import Settings
from tests.reference.classic import Apart
from tools.measure.machine import add_inputs, command_for, machine, pictures, table

BOTH = "wasserstein", "nearest"
CLASSIC = "the classic loop, float32, in a process of its own"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure evaluations against the classic loop.")
    add_inputs(parser)
    parser.add_argument("--sizes", nargs="+", default=["512x384"], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args(arguments)
    full, pocket = vgg.load(options.network), vgg.load(store.POCKET_FILE)
    print(f"Measured on {machine()}, TensorFlow {tf.__version__}.")
    for size in options.sizes:
        content, style = pictures(options, size)
        print(f"\n## {size}\n\n{evaluations(options, full, pocket, content, style)}", flush=True)
        seconds, share = outside_the_session(full, content, style)
        print(f"\nAn iteration of `--preset fast`: {seconds:.3f} s, {100 * share:.1f} % outside TensorFlow's session.")
    print(f"\nWatching, per iteration at {options.sizes[0]}: {watching(options):.4f} s.")
    print(f"\nStart-up, a run without iterations at {options.sizes[0]}: {start_up(options):.1f} s.")
    return 0


def evaluations(options, full, pocket, content, style):
    """A Markdown table: seconds of an evaluation of each contestant, in turn, and the ratio to the classic loop's."""
    start = content + np.random.default_rng(0).normal(0, 20, content.shape).astype(np.float32)
    classic = Apart(options.network, content, [style], start, Settings())
    contestants = {CLASSIC: classic.iterate}
    four = [style, style[::-1], style[:, ::-1], style[::-1, ::-1]]
    for label, network, styles, changes in (
        ("full network", full, [style], {}),
        ("full network, four styles", full, four, {}),
        ("full network, Wasserstein loss", full, [style], {"style_loss": "wasserstein"}),
        ("full network, Wasserstein and nearest losses", full, [style], {"style_loss": BOTH}),
        ("full network, `--precision auto`", full, [style], {"precision": "auto"}),
        ("included network", pocket, [style], {}),
        ("included network, Wasserstein loss", pocket, [style], {"style_loss": "wasserstein"}),
        ("included network, Wasserstein and nearest losses", pocket, [style], {"style_loss": BOTH}),
        ("included network, `--precision auto`", pocket, [style], {"precision": "auto"}),
        ("the same, Wasserstein loss", pocket, [style], {"precision": "auto", "style_loss": "wasserstein"}),
        ("the same, Wasserstein and nearest losses", pocket, [style], {"precision": "auto", "style_loss": BOTH}),
    ):
        settings = Settings(**changes, tile_size="none")
        if settings.precision == "auto" and chosen_precision("auto") == "float32":
            continue
        objective = stylize.make_objective(network, settings)
        objective.set_targets(content, styles)
        contestants[label] = lambda objective=objective: objective.evaluate(start)
    seconds = {label: [] for label in contestants}
    for turn in range(options.rounds + 1):
        for label, work in contestants.items():
            began = time.perf_counter()
            work()
            if turn:  # the first of each warms up
                seconds[label].append(time.perf_counter() - began)
    classic.close()
    medians = {label: statistics.median(values) for label, values in seconds.items()}
    rows = [(label, f"{value:.3f}", f"{value / medians[CLASSIC]:.2f}") for label, value in medians.items()]
    return table(("an evaluation", "seconds", "to the classic loop"), rows)


def outside_the_session(network, content, style, count=20):
    """(seconds of an iteration of `--preset fast` with a full history, the share that is not the session's)."""
    settings = Settings(**PRESETS["fast"], tile_size="none")
    inside = 0.0
    with stylize.make_objective(network, settings) as objective:
        steps = stylize.stylize(objective, content, [style], settings)
        next(steps)
        session = objective._tile_graph._session

        class Timed:
            def run(self, *arguments):
                nonlocal inside
                start = time.perf_counter()
                result = session.run(*arguments)
                inside += time.perf_counter() - start
                return result

        objective._tile_graph._session = Timed()
        list(islice(steps, settings.lbfgs_memory + 2))
        start, inside = time.perf_counter(), 0.0
        list(islice(steps, count))
        seconds = time.perf_counter() - start
        objective._tile_graph._session = session
    return seconds / count, 1 - inside / seconds


def watching(options, *, network=store.POCKET_FILE, count=200):
    """Seconds per iteration of everything that watches: lines, table, TensorBoard, pictures, contact sheet."""
    with tempfile.TemporaryDirectory() as directory:
        flags = [*command_for(options, network, options.sizes[0], directory)[2:], "--iterations", str(count)]
        flags += ["--progress-write", "--verbose", "--contact-sheet", f"{directory}/s.jpg"]
        parsed = neural_style.parse([*flags, "--tensorboard", f"{directory}/logs"])
        batch = make_jobs(parsed)
        plan = make_plan(batch[0], parsed, VGGReader(network), Claims(batch, parsed))
        with stylize.make_objective(plan.network, plan.settings) as objective:
            first = next(stylize.stylize(objective, plan.content, plan.styles, plan.settings))
        steps = (first._replace(iteration=number) for number in range(count + 1))
        start = time.perf_counter()
        for _ in watch(steps, plan, graph=tf.Graph(), shots=[]):
            pass
        return (time.perf_counter() - start) / count


def start_up(options):
    """Seconds of the command without iterations, the second time, when its files are cached."""
    with tempfile.TemporaryDirectory() as directory:
        command = command_for(options, options.network, options.sizes[0], directory)
        for _ in range(2):
            start = time.perf_counter()
            arguments = [sys.executable, *command, "--iterations", "0", "--overwrite"]
            subprocess.run(arguments, capture_output=True, check=True)
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
