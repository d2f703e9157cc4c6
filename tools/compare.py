"""Makes sheets for blind judgements: rows of a photograph, a painting, and two unnamed results in drawn order.

    python -m tools.compare A B [C ...] --contents PHOTO ... --styles PAINTING ... --output sheet.png [--seed N]

A, B, ... are directories of results named {content}-{style}.png, as a batch with --pairs writes them. Each picture of A
is compared with the one of the same name in every other directory. The sheets are sheet-1.png, sheet-2.png, ...; which
result is on which side is written to sheet.key.txt, for whoever counts the judgements.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from brushwork.pictures import read, write
from brushwork.watch.contact_sheet import draw_rows, make_thumbnail

HEIGHT = 400  # px of each picture


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make sheets for blind judgements.")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIRECTORY")
    parser.add_argument("--contents", nargs="+", type=Path, required=True)
    parser.add_argument("--styles", nargs="+", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="PICTURE")
    parser.add_argument("--rows", type=int, default=4, help="of a sheet (default: 4)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rows = list(pairs(options))
    if not rows:
        parser.error("the directories have no pictures of the same name")
    key = [f"{number}: left {left}, right {right}" for number, (*_, left, right) in enumerate(rows, start=1)]
    options.output.with_suffix(".key.txt").write_text("\n".join(key) + "\n")
    for first in range(0, len(rows), options.rows):
        path = options.output.with_stem(f"{options.output.stem}-{first // options.rows + 1}")
        write.save(path, sheet(rows[first : first + options.rows], first + 1))
        print(path)
    return 0


def pairs(options):
    """Yields (photograph, painting, left, right), four paths, in drawn order with drawn sides."""
    random = np.random.default_rng(options.seed)
    first, *others = options.directories
    found = [
        (content, style, first / name, other / name)
        for content in options.contents
        for style in options.styles
        for other in others
        if (first / (name := f"{content.stem}-{style.stem}.png")).exists() and (other / name).exists()
    ]
    for index in random.permutation(len(found)):
        content, style, *both = found[index]
        yield (content, style, *(both[::-1] if random.random() < 0.5 else both))


def sheet(rows, number):
    """The rows as a picture, float32 [H, W, 3]; `number` is the number of the first."""
    captioned = []
    for index, paths in enumerate(rows, start=number):
        captions = (f"{index}: photograph", "painting", "left", "right")
        thumbnails = (make_thumbnail(read.image(path), HEIGHT) for path in paths)
        captioned.append(list(zip(captions, thumbnails, strict=True)))
    return draw_rows(captioned, HEIGHT)


if __name__ == "__main__":
    sys.exit(main())
