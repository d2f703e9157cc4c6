"""What the measuring tools share: the machine's name, Markdown tables, and a process of the command."""

import os
import platform
import subprocess
import sys
import time

from brushwork.pictures import read, sizes, write


def machine():
    """The name of the processor and the number of cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            info = file.read()
        name = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
        units = next((text for flag, text in (("amx_bf16", "AMX"), ("avx512f", "AVX-512")) if flag in info), "AVX2")
        return f"{cores} cores of an {name} with {units}"
    except (OSError, StopIteration):
        return f"{cores} cores of {platform.processor() or platform.machine()}"


def table(head, rows):
    """Rows of texts as a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def add_inputs(parser):
    """The arguments that all measuring tools take."""
    parser.add_argument("--network", required=True, help="the full VGG-19")
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)


def pictures(options, size):
    """(content cropped to WxH, style of the same width) of the parsed options, float32 [H, W, 3]."""
    width, height = map(int, size.split("x"))
    content = sizes.cover(read.image(options.content), height, width)
    return content, sizes.resize_to_width(read.image(options.style), width)


def command_for(options, network, size, directory):
    """Arguments of the command for the content cropped to WxH; whatever it writes is in the directory."""
    content, _ = pictures(options, size)
    write.save(f"{directory}/content.png", content)
    inputs = ["--network", network, "--content", f"{directory}/content.png", "--styles", options.style]
    return ["-m", "neural_style", *inputs, "--output", f"{directory}/out.png"]


def peak(arguments):
    """(GB of memory at the peak of a Python process, the lines that it printed, each with its moment)."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process.stdout, process.stderr:
        out = [(line, time.perf_counter()) for line in process.stdout]
        err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{' '.join(arguments)}: {err}")
    return usage.ru_maxrss * 1024 / 1e9, out
