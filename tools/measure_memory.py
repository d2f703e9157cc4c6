"""Measures the peak memory of the command against what --dry-run says, and against the plain classic loop's.

    python tools/measure_memory.py --network FILE --content PICTURE --style PICTURE [--cases 1024x768:none:float32 ..]

Every case is a run of the real command in a process of its own: SIZE:TILE:PRECISION:OPTIMIZER. Prints a Markdown table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = (
    "512x384:none:float32:lbfgs",
    "1024x768:none:float32:adam",
    "1024x768:256:float32:lbfgs",
    "1600x1200:512:float32:lbfgs",
    "2048x1536:none:float32:adam",
    "3072x2304:768:float32:lbfgs",
)
CLASSIC = """
import benchmark, images, weights
from settings import Settings
picture = images.resize(images.read({content!r}), {height}, {width})
steps = benchmark.Classic(weights.load({network!r}), picture, picture, Settings()).iterate()
next(steps), next(steps)
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure peak memory.")
    parser.add_argument("--network", required=True)
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--cases", nargs="*", default=CASES, metavar="SIZE:TILE:PRECISION:OPTIMIZER")
    parser.add_argument("--classic", nargs="*", default=["1024x768"], metavar="SIZE")
    options = parser.parse_args(arguments)
    print("| run | estimated GB | measured GB | ratio |\n| --- | --- | --- | --- |")
    for case in options.cases:
        estimated, measured = of_case(options, *case.split(":"))
        print(f"| {case} | {estimated:.2f} | {measured:.2f} | {estimated / measured:.2f} |", flush=True)
    for size in options.classic:
        width, height = map(int, size.split("x"))
        code = CLASSIC.format(content=options.content, network=options.network, width=width, height=height)
        print(f"| {size}, the classic loop | | {peak(['-c', code])[0]:.2f} | |", flush=True)
    return 0


def of_case(options, size, tile, precision, optimizer):
    """(GB that the dry run says, GB at the peak of the run)."""
    with tempfile.TemporaryDirectory() as directory:
        command = command_for(options, options.network, size, directory)
        command += ["--tile-size", tile, "--precision", precision]
        command += ["--optimizer", optimizer, "--lbfgs-memory", "3", "--iterations", "5"]
        _, told = peak([*command, "--dry-run"])
        measured, _ = peak(command)
    return next(float(line.split()[1]) for line, _ in told if line.startswith("memory: ")), measured


def command_for(options, network, size, directory):
    """The command for the content cut to a size, all that is written in a directory."""
    import images  # the command's own reader

    width, height = map(int, size.split("x"))
    images.save(f"{directory}/content.png", images.cover(images.read(options.content), height, width))
    command = [str(ROOT / "neural_style.py"), "--network", network, "--content", f"{directory}/content.png"]
    return [*command, "--styles", options.style, "--output", f"{directory}/out.png"]


def peak(arguments):
    """(GB of memory at the peak of a Python process, the lines that it printed, each with the moment)."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tools")])
    environment = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    out = [(line, time.perf_counter()) for line in process.stdout]
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{' '.join(arguments)}: {err}")
    return usage.ru_maxrss * 1024 / 1e9, out


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
