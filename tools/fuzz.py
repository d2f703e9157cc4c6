"""Feed damaged files to the readers of pictures, networks and states.

    python -m tools.fuzz [--seconds 600] [--seed N] [--keep DIRECTORY]

Each file is read in a process of its own, which must return or raise a UserError within 5 seconds of the processor and
1 GB. Files that make it do anything else are kept in the directory, to become tests. Prints how many files were read
and refused.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.helpers import damage


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", default="found", help="directory for the files that do harm")
    options = parser.parse_args(arguments)
    random, count, found = np.random.default_rng(options.seed), Counter(), 0
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        all_seeds = damage.seeds(directory)
        path, end = os.path.join(directory, "damaged"), time.monotonic() + options.seconds
        while time.monotonic() < end:
            reader, name, data = all_seeds[random.integers(len(all_seeds))]
            data = damage.damaged(random, data, all_seeds[random.integers(len(all_seeds))][2])
            Path(path).write_bytes(data)
            verdict = damage.verdict_on(reader, path)
            outcome = verdict.partition(":")[0]
            count[f"{reader}: {outcome}"] += 1
            if outcome not in ("read", "refused"):
                found += 1
                os.makedirs(options.keep, exist_ok=True)
                Path(options.keep, f"{found:03}-{name}").write_bytes(data)
                print(f"{name}: {verdict}", flush=True)
    for outcome, number in sorted(count.items()):
        print(f"{number:7} {outcome}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
