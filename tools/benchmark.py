"""Measures this program against the plain classic loop, in one run and interleaved, so that a drifting machine is fair.

    python tools/benchmark.py --network FILE --content PICTURE --style PICTURE [--quick] [-o DIRECTORY]

Prints Markdown tables: seconds for an evaluation, the share that is not the session's work, and seconds to the classic
loop's final loss (the median over its last 100 iterations, every tenth of them). The loss is always the classic one, of
the full network in float32, on the picture as it would be saved, whoever made it. With -o the pictures are written.
"""

import argparse
import bisect
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command itself
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import tensorflow.compat.v1 as tf

import board
import images
import neural_style
import report
import sheet
import store
import stylize
import weights
from jobs import make_jobs
from plan import make_plan
from session import chosen_precision
from settings import LOSSES, PRESETS, Settings

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 8  # of the interleaved evaluations
TAIL, EVERY = 100, 10  # of the classic loop's iterations: the median of these, every tenth, is its final loss


def main(arguments=None):
    options = parser().parse_args(arguments)
    if options.quick:
        options.sizes, options.iterations, options.rounds = ["256x192"], 60, 4
    full, pocket = weights.load(options.network), weights.load(store.POCKET_FILE)
    print(f"Measured on {machine()}, TensorFlow {tf.__version__}, {len(os.sched_getaffinity(0))} cores.\n")
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        content = images.cover(images.read(options.content), height, width)
        style = images.resize_to_width(images.read(options.style), width)
        print(f"## {size}\n\nSeconds for an evaluation, loss and gradient; the classic loop's is one iteration.\n")
        print(evaluations(full, pocket, content, style, options.rounds), flush=True)
        seconds, share = outside_the_session(full, content, style)
        print(f"\nAn iteration of `--preset fast`: {seconds:.3f} s, {100 * share:.1f} % of them outside the session.")
        print(f"\nSeconds to the final loss of {options.iterations} iterations of the classic loop.\n")
        print(races(full, pocket, content, style, options), flush=True)
    print(f"\nTo be watched, for an iteration at {options.sizes[0]}: {watching(options):.4f} s.")
    print(f"\nStart-up, a run of no iterations on {options.sizes[0]}: {start_up(options):.1f} s.")
    print(f"\nPeak memory of all of this: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB.")
    return 0


def parser():
    result = argparse.ArgumentParser(description="Measure the program against the plain classic loop.")
    result.add_argument("--network", required=True, help="the full VGG-19")
    result.add_argument("--content", required=True)
    result.add_argument("--style", required=True)
    result.add_argument("--sizes", nargs="+", default=["512x384"], metavar="WxH")
    result.add_argument("--iterations", type=int, default=1000, help="of the classic loop (default 1000)")
    result.add_argument("--rounds", type=int, default=ROUNDS, help="of the interleaved evaluations")
    result.add_argument("--quick", action="store_true", help="small and short: two minutes")
    result.add_argument("-o", "--output", help="directory for the pictures")
    return result


def tell(sentence):
    """How far a long measurement has come, on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def machine():
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            info = file.read()
        name = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
        return name + (" with AMX" if "amx_bf16" in info else " without AMX")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class Classic:
    """The classic program's loop in its simplest form: automatic differentiation, one training step a time."""

    def __init__(self, network, content, style, settings):
        graph = tf.Graph()
        with graph.as_default():
            self._network = network
            placeholder = tf.placeholder(tf.float32, [1, None, None, 3])
            net = self._layers(placeholder)
            with tf.Session(graph=graph) as session:
                target = session.run(net["relu4_2"], {placeholder: (content - network.mean_pixel)[np.newaxis]})
                styles = session.run(net, {placeholder: (style - network.mean_pixel)[np.newaxis]})
            noise = np.random.default_rng(settings.seed).normal(0, stylize.NOISE, (1, *content.shape))
            self._image = tf.Variable(noise.astype(np.float32))
            net = self._layers(self._image)
            self._losses = self._terms(net, target, styles, settings)
            optimizer = tf.train.AdamOptimizer(settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon)
            self._step = optimizer.minimize(self._losses)
            initialize = tf.global_variables_initializer()
        self._session = tf.Session(graph=graph)
        self._session.run(initialize)

    def _layers(self, current):
        net = {}
        for name, (kernel, bias) in self._network.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                current = tf.nn.max_pool(current, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
            current = tf.nn.conv2d(current, tf.constant(kernel), strides=[1, 1, 1, 1], padding="SAME")
            current = tf.nn.relu(tf.nn.bias_add(current, bias))
            net[name.replace("conv", "relu")] = current
        return net

    def _terms(self, net, target, styles, settings):
        def gram(features):
            positions = tf.reshape(features, [-1, features.shape[-1]])
            return tf.matmul(positions, positions, transpose_a=True) / tf.cast(tf.size(features), tf.float32)

        content = settings.content_weight * tf.reduce_mean((net["relu4_2"] - target) ** 2)
        style = 0.0
        for layer, weight in settings.style_terms.items():
            positions = styles[layer].reshape(-1, styles[layer].shape[-1])
            goal = positions.T @ positions / positions.size
            style += weight * tf.reduce_mean((gram(net[layer]) - goal) ** 2)
        image = self._image
        down = tf.reduce_mean((image[:, 1:] - image[:, :-1]) ** 2)
        right = tf.reduce_mean((image[:, :, 1:] - image[:, :, :-1]) ** 2)
        return content + style + settings.tv_weight * (down + right)

    def iterate(self):
        """Yields (image, total loss) after each training step; the loss is that of the image before it."""
        while True:
            _, total = self._session.run([self._step, self._losses])
            yield lambda: self._session.run(self._image)[0] + self._network.mean_pixel, float(total)


def native_precisions():
    return ("float32", "bfloat16") if chosen_precision("auto") == "bfloat16" else ("float32",)


def evaluations(full, pocket, content, style, rounds):
    """A Markdown table: seconds for an evaluation of each contestant, taken in turn."""
    contestants = {"the classic loop, float32": step_of(Classic(full, content, style, Settings()))}
    for label, network in (("this program", full), ("this program, pocket", pocket)):
        for precision in ("float32", "bfloat16"):
            objective = stylize.Objective(network, Settings(precision=precision))
            objective.aim(content, [style])
            contestants[f"{label}, {precision}"] = lambda objective=objective: objective.evaluate(content)
    objective = stylize.Objective(full, Settings(precision="float32"))
    objective.aim(content, [style, style[::-1], style[:, ::-1], style[::-1, ::-1]])
    contestants["this program, 4 styles, float32"] = lambda: objective.evaluate(content)
    seconds = {label: [] for label in contestants}
    for turn in range(rounds + 1):
        for label, work in contestants.items():
            start = time.perf_counter()
            work()
            if turn:  # the first of each warms up
                seconds[label].append(time.perf_counter() - start)
    medians = {label: statistics.median(values) for label, values in seconds.items()}
    classic = medians["the classic loop, float32"]
    rows = [(label, f"{value:.3f}", f"{value / classic:.2f}") for label, value in medians.items()]
    return table(("", "seconds", "to the classic loop"), rows)


def step_of(classic):
    steps = classic.iterate()
    return lambda: next(steps)


def outside_the_session(network, content, style, count=20):
    """(seconds of an iteration of the fast preset with a full memory, the share that is not TensorFlow's session)."""
    settings = Settings(**PRESETS["fast"], tile_size="none")
    inside = 0.0
    with stylize.Objective(network, settings) as objective:
        steps = stylize.stylize(objective, content, [style], settings)
        next(steps)
        evaluate = objective._evaluate_whole

        def timed(*inputs):
            nonlocal inside
            start = time.perf_counter()
            result = evaluate(*inputs)
            inside += time.perf_counter() - start
            return result

        objective._evaluate_whole = timed
        list(islice(steps, settings.lbfgs_memory + 2))
        start, inside = time.perf_counter(), 0.0
        list(islice(steps, count))
        seconds = time.perf_counter() - start
    return seconds / count, 1 - inside / seconds


@dataclass
class Runner:
    """One way to make the picture, and how far it has come."""

    label: str
    steps: object  # yields (function that gives the image, loss)
    budget: int
    seconds: float = 0.0
    course: list = field(default_factory=list)  # (seconds, loss, image as saved or None)

    def advance(self, steps, keep):
        """Takes so many steps; keep(number) says whether to keep the image of a step."""
        for _ in range(min(steps, self.budget - len(self.course))):
            start = time.perf_counter()
            image, loss = next(self.steps, (None, None))
            self.seconds += time.perf_counter() - start
            if image is None:
                self.budget = len(self.course)
                return
            self.course.append((self.seconds, loss, as_saved(image()) if keep(len(self.course)) else None))


def races(full, pocket, content, style, options):
    """A Markdown table: seconds to the classic loop's final loss."""
    count = options.iterations
    classic = Runner("the classic loop, float32", Classic(full, content, style, Settings()).iterate(), count)
    runners = [classic]
    for precision in native_precisions():
        base = Settings(**PRESETS["fast"] | {"precision": precision, "padding": "zero"})
        for start, noise in (("content", 0.0), ("noise", 1.0)):
            settings = replace(base, initial_noiseblend=noise, iterations=count)
            budget = max(60, count // {"content": 8, "noise": 4}[start])
            steps = course(full, content, style, settings)
            runners.append(Runner(f"this program, L-BFGS from {start}, {precision}", steps, budget))

    def last_ones(number):
        return number >= count - TAIL and number % EVERY == 0

    def all_of_them(_):
        return True

    for place in range(50):
        for runner in runners:
            share = runner.budget * (place + 1) // 50 - runner.budget * place // 50
            runner.advance(share, last_ones if runner is classic else all_of_them)
            if runner.course:
                tell(f"{runner.label}: {len(runner.course)} in {runner.seconds:.0f} s, loss {runner.course[-1][1]:.4g}")
    objective = stylize.Objective(full, Settings(precision="float32"))
    objective.aim(content, [style])

    def judge(image):
        return objective.evaluate(image.astype(np.float32))[0]["total"]

    final = statistics.median(judge(image) for _, _, image in classic.course if image is not None)
    rows = [(classic.label, f"{final:.4g}", str(count), f"{classic.seconds:.0f}", "1")]
    for runner in runners[1:]:
        rows.append(row_of(runner, final, judge, classic.seconds))
    if options.output:
        write_pictures(options.output, content.shape, runners)
    return table(("", "loss", "iterations", "seconds", "times as fast"), rows)


def course(network, content, style, settings):
    """The iterates of this program, as a Runner takes them; what comes before the first is part of it."""
    objective = stylize.Objective(network, settings)
    for step in stylize.stylize(objective, content, [style], settings):
        yield (lambda image=step.image: image), step.losses["total"]


def row_of(runner, final, judge, classic_seconds):
    """The first picture that, as it would be saved, has no more than the final loss of the classic loop.

    Its loss falls from step to step, but for rounding: the first is found by halving.
    """

    def judged(index):
        return judge(runner.course[index][2])

    first = bisect.bisect_left(range(len(runner.course)), True, key=lambda index: judged(index) <= final)
    if first == len(runner.course):
        seconds = runner.course[-1][0]
        return runner.label, f"{judged(first - 1):.4g}, not reached", str(first - 1), f"{seconds:.1f}", "-"
    runner.course = runner.course[: first + 1]
    seconds = runner.course[-1][0]
    return runner.label, f"{judged(first):.4g}", str(first), f"{seconds:.1f}", f"{classic_seconds / seconds:.1f}"


def as_saved(image):
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def write_pictures(directory, shape, runners):
    Path(directory).mkdir(parents=True, exist_ok=True)
    for runner in runners:
        image = next(image for _, _, image in reversed(runner.course) if image is not None)
        name = runner.label.replace(",", "").replace(" ", "-")
        images.save(f"{directory}/{shape[1]}x{shape[0]}-{name}.png", image.astype(np.float32))


def start_up(options):
    """Seconds of the command for no iteration at all, the second time, when the files are in memory."""
    arguments = ["--network", options.network, "--content", options.content, "--styles", options.style]
    width = options.sizes[0].split("x")[0]
    with tempfile.TemporaryDirectory() as directory:
        arguments += ["--width", width, "--iterations", "0", "--overwrite", "--output", f"{directory}/picture.png"]
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run([sys.executable, str(ROOT / "neural_style.py"), *arguments], capture_output=True, check=True)
        return time.perf_counter() - start


def watching(options, count=200):
    """Seconds of all that looks on for one iteration: bar or lines, table, TensorBoard, a picture every 50, a sheet."""
    with tempfile.TemporaryDirectory() as directory:
        flags = ["--content", options.content, "--styles", options.style, "--network", store.POCKET_FILE]
        flags += ["--width", options.sizes[0].split("x")[0], "--iterations", str(count), "--progress-write"]
        flags += ["--output", f"{directory}/a.jpg", "--contact-sheet", f"{directory}/s.jpg", "--verbose"]
        parsed = neural_style.make_parser().parse_args([*flags, "--tensorboard", f"{directory}/logs"])
        parsed.resume, parsed.saved, parsed.command = None, None, flags
        plan = make_plan(make_jobs(parsed, str)[0], str)
        image, losses = plan.content.copy(), dict.fromkeys(LOSSES, 1.0)
        steps = (stylize.Step(number, 0, image, losses, image, 1.0, 0, None) for number in range(count + 1))
        start = time.perf_counter()
        looked_on = sheet.collected(board.boarded(steps, plan, tf.Graph(), print), plan, shots := [])
        for step in report.watch(looked_on, plan, str, print):  # noqa: B007
            pass
        images.save(plan.contact_sheet, sheet.sheet(plan, shots, step.kept))
        return (time.perf_counter() - start) / count


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
