"""Measures the time to the final loss of the classic loop, with every contestant in turn in one run.

    python -m tools.measure.race --network FILE --content PICTURE --style PICTURE [--size WxH] [--iterations N]

The final loss is the median over the last 100 iterations of the classic loop, every tenth of them. Losses are always
those of the full network in float32, with the classic weights, of the picture as it would be saved. Prints a Markdown
table; with -o DIRECTORY the pictures are written.
"""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import argparse
import bisect
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import stylize
import vgg
from brushwork.engine.session import chosen_precision
from brushwork.pictures import write
from brushwork.presets import PRESETS
from brushwork.settings import Settings
from tests.reference.classic import Apart
from tools.measure.machine import add_inputs, machine, pictures, table

TAIL, EVERY = 100, 10  # of the classic loop: the median over the last TAIL, every EVERY-th, is its final loss
TURNS = 50


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Race against the classic loop.")
    add_inputs(parser)
    parser.add_argument("--size", default="512x384", metavar="WxH")
    parser.add_argument("--iterations", type=int, default=1000, help="of the classic loop (default: 1000)")
    parser.add_argument("-o", "--output", help="directory for the pictures")
    options = parser.parse_args(arguments)
    content, style = pictures(options, options.size)
    print(f"Measured on {machine()}, {options.size}.\n")
    print(race(vgg.load(options.network), content, style, options), flush=True)
    return 0


@dataclass
class Runner:
    """One way to make the picture, and how far it has come."""

    label: str
    steps: object  # yields (function that gives the image, loss)
    budget: int
    seconds: float = 0.0
    course: list = field(default_factory=list)  # (seconds, loss, image as saved or None)

    def advance(self, steps, keep):
        """Take so many steps; keep(number) says whether the image of a step is kept."""
        for _ in range(min(steps, self.budget - len(self.course))):
            start = time.perf_counter()
            image, loss = next(self.steps, (None, None))
            self.seconds += time.perf_counter() - start
            if image is None:
                self.budget = len(self.course)
                return
            self.course.append((self.seconds, loss, write.quantize(image()) if keep(len(self.course)) else None))


def race(network, content, style, options):
    """A Markdown table: iterations and seconds to the classic loop's final loss."""
    count = options.iterations
    noise = stylize.start_image(content, None, network.mean_pixel, Settings())
    loop = Apart(options.network, content, [style], noise, Settings())
    classic = Runner("the classic loop", classic_course(loop), count)
    runners = [classic]

    def is_last(number):
        return number >= count - TAIL and number % EVERY == 0

    def is_any(_):
        return True

    for precision in ("float32", "bfloat16") if chosen_precision("auto") == "bfloat16" else ("float32",):
        base = Settings(**PRESETS["fast"] | {"precision": precision, "padding": "zero"})
        for start, share in (("content", 0.0), ("noise", 1.0)):
            settings = replace(base, initial_noiseblend=share, iterations=count)
            budget = max(60, count // {"content": 8, "noise": 4}[start])
            steps = course(network, content, style, settings)
            runners.append(Runner(f"L-BFGS from {start}, {precision}", steps, budget))
    for turn in range(TURNS):
        for runner in runners:
            steps = runner.budget * (turn + 1) // TURNS - runner.budget * turn // TURNS
            runner.advance(steps, is_last if runner is classic else is_any)
            if runner.course:
                how_far = f"{len(runner.course)} in {runner.seconds:.0f} s, loss {runner.course[-1][1]:.4g}"
                print(f"{runner.label}: {how_far}", file=sys.stderr, flush=True)
    loop.close()
    objective = stylize.make_objective(network, Settings())
    objective.set_targets(content, [style])

    def judge(image):
        return objective.evaluate(image.astype(np.float32))[0]["total"]

    final = statistics.median(judge(image) for _, _, image in classic.course if image is not None)
    rows = [(classic.label, f"{final:.4g}", str(count), f"{classic.seconds:.0f}", "1")]
    rows += [row_of(runner, final, judge, classic.seconds) for runner in runners[1:]]
    if options.output:
        write_pictures(options.output, options.size, runners)
    return table(("", "loss", "iterations", "seconds", "times as fast"), rows)


def classic_course(loop):
    while True:
        loss = loop.iterate()
        yield loop.image, loss


def course(network, content, style, settings):
    """The steps of this program, as a Runner takes them; the time before the first one counts."""
    objective = stylize.make_objective(network, settings)
    for step in stylize.stylize(objective, content, [style], settings):
        yield (lambda image=step.image: image), step.losses["total"]


def row_of(runner, final, judge, classic_seconds):
    """The row of the first picture whose loss, as it would be saved, is at most `final`; found by bisection."""
    first = bisect.bisect_left(
        range(len(runner.course)), True, key=lambda index: judge(runner.course[index][2]) <= final
    )
    reached = first < len(runner.course)
    seconds, _, image = runner.course[first if reached else -1]
    loss = f"{judge(image):.4g}" + ("" if reached else ", not reached")
    return runner.label, loss, str(first), f"{seconds:.1f}", f"{classic_seconds / seconds:.1f}" if reached else "-"


def write_pictures(directory, size, runners):
    Path(directory).mkdir(parents=True, exist_ok=True)
    for runner in runners:
        image = next(image for _, _, image in reversed(runner.course) if image is not None)
        name = runner.label.replace(",", "").replace(" ", "-")
        write.save(f"{directory}/{size}-{name}.png", image.astype(np.float32))


if __name__ == "__main__":
    sys.exit(main())
