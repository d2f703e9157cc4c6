"""What is wrong with a command line is found and said before anything is written."""

from pathlib import Path

import pytest

from tests.helpers import tiny_networks
from tests.helpers.command import words

BAD_VALUES = [
    ("--content-weight -1", "--content-weight must be a number not below 0, not -1"),
    ("--content-weight nan", "--content-weight must be a number not below 0, not nan"),
    ("--style-weight inf", "--style-weight must be a number not below 0, not inf"),
    ("--tv-weight -0.5", "--tv-weight must be a number not below 0, not -0.5"),
    ("--content-weight-blend 1.5", "--content-weight-blend must be between 0 and 1, not 1.5"),
    ("--style-layer-weight-exp -1", "--style-layer-weight-exp must be between 0 and 1000000, not -1"),
    ("--style-layer-weight-exp 1e300", "--style-layer-weight-exp must be between 0 and 1000000, not 1e+300"),
    ("--content-layers relu6_1", "--content-layers: there is no layer 'relu6_1'; there are conv1_1, relu1_1, conv1_2,"),
    ("--style-layers pool1", "--style-layers: there is no layer 'pool1'; there are conv1_1"),
    ("--style-layers relu1_1:x", "--style-layers: the weight of relu1_1 must be a number not below 0, not x"),
    ("--style-layers relu1_1:-1", "--style-layers: the weight of relu1_1 must be a number not below 0, not -1"),
    ("--style-layers relu1_1:nan", "--style-layers: the weight of relu1_1 must be a number not below 0, not nan"),
    ("--style-layers relu1_1: relu2_1", "--style-layers: the weight of relu1_1 must be a number not below 0, not "),
    ("--style-layers relu1_1 relu1_1:2", "--style-layers: relu1_1 is named twice"),
    (
        "--style-layers relu1_1 --style-layer-weight-exp 2",
        "--style-layer-weight-exp is a shorthand for --style-layers; give one of them",
    ),
    (
        "--content-layers relu1_1 --content-weight-blend 0.5",
        "--content-weight-blend is a shorthand for --content-layers; give one of them",
    ),
    ("--normalization mean", "--normalization must be one of classic, positions, sums, not 'mean'"),
    ("--tv-norm 2", "--tv-norm must be one of squares, absolute, not '2'"),
    ("--colors red", "--colors must be one of style, luma, match, histogram, not 'red'"),
    ("--color-strength 2", "--color-strength must be between 0 and 1, not 2"),
    ("--long-side 0", "--long-side must be a number of pixels, at least 1, not 0"),
    ("--style-blend-weights -1", "--style-blend-weights must be a number not below 0, not -1"),
    ("--style-blend-weights 0", "--style-blend-weights must have a finite sum above 0"),
    ("--style-blend-weights 1 2", "--style-blend-weights takes one number for each style: 1, not 2"),
    ("--style-scales 1 2 3", "--style-scales takes one number for each style: 1, not 3"),
    ("--style-size 0", "--style-size must be content or original, or a number of pixels, at least 1, not 0"),
    ("--style-size big", "--style-size must be content or original, or a number of pixels, at least 1, not big"),
    ("--style-scales 0", "--style-scales must be a number above 0, not 0"),
    ("--style-scales 1e9", "--style-scales: a picture of"),
    ("--width 0", "--width must be a number of pixels, at least 1, not 0"),
    ("--width 99999999", "--width: a picture of"),
    ("--width 2.5", "argument --width: invalid int value: '2.5'"),
    ("--iterations -1", "--iterations must be a number not below 0, not -1"),
    ("--iterations many", "argument --iterations: invalid int value: 'many'"),
    ("--learning-rate 0", "--learning-rate must be a number above 0, not 0"),
    ("--beta1 1", "--beta1 must be at least 0 and below 1, not 1"),
    ("--beta2 -0.1", "--beta2 must be at least 0 and below 1, not -0.1"),
    ("--eps 0", "--eps must be a number above 0, not 0"),
    ("--pooling foo", "--pooling must be one of max, avg, not 'foo'"),
    ("--optimizer sgd", "--optimizer must be one of adam, lbfgs, not 'sgd'"),
    ("--precision int8", "--precision must be one of auto, float32, bfloat16, not 'int8'"),
    ("--lbfgs-memory 0", "--lbfgs-memory must be between 1 and 1000, not 0"),
    ("--scales 0", "--scales must be a number of scales, or of pixels, at least 1, not 0"),
    ("--scales 30 20", "--scales takes the number of scales, or their widths in ascending order"),
    ("--scales 40", "--scales takes widths below the output's, which is 40"),
    ("--scales 3 --scale-iterations 5 4", "--scale-iterations takes one number for each scale: 3"),
    ("--scale-iterations -1", "--scale-iterations must be a number of iterations, at least 0, not -1"),
    ("--tile-size 8", "--tile-size must be auto or none, or a number of pixels, at least 16, not 8"),
    ("--tile-size some", "--tile-size must be auto or none, or a number of pixels, at least 16, not some"),
    ("--preset slow", "argument --preset: invalid choice: 'slow' (choose from"),
    ("--max-seconds 0", "--max-seconds must be a number above 0, not 0"),
    ("--max-seconds nan", "--max-seconds must be a number above 0, not nan"),
    ("--keep none", "--keep must be one of best, last, not 'none'"),
    ("--seed -1", "--seed must be between 0 and 4294967295, not -1"),
    ("--initial-noiseblend 2", "--initial-noiseblend must be between 0 and 1, not 2"),
    ("--print-iterations 0", "--print-iterations must be a number of iterations, at least 1, not 0"),
    (
        "--checkpoint-iterations -1 --checkpoint-output c{}.png",
        "--checkpoint-iterations must be a number of iterations, at least 1, not -1",
    ),
    ("--checkpoint-iterations 5", "--checkpoint-output and --checkpoint-iterations go together"),
    ("--checkpoint-output c{}.png", "--checkpoint-output and --checkpoint-iterations go together"),
    ("--checkpoint-iterations 5 --checkpoint-output c.png", "--checkpoint-output c.png has no place for the iteration"),
    ("--checkpoint-iterations 5 --checkpoint-output c%q.png", "--checkpoint-output c%q.png has no place"),
    ("--checkpoint-iterations 5 --checkpoint-output c{x}.png", "--checkpoint-output c{x}.png has no place"),
    ("--checkpoint-iterations 5 --checkpoint-output c%d%d.png", "--checkpoint-output c%d%d.png has no place"),
    ("--content-weight 0 --style-weight 0 --tv-weight 0", "there is nothing to optimise"),
    ("--styles", "argument --styles: expected at least one argument"),
    ("--no-such-flag", "unrecognized arguments: --no-such-flag"),
    ("--iter 5", "unrecognized arguments: --iter 5"),
    ("--output content.png", "content.png is an input of this run"),
    ("--output ./style.png --overwrite", "./style.png is an input of this run"),
    ("--output net.mat", "net.mat is an input of this run"),
    (
        "--output out_00001.png --checkpoint-iterations 1 --checkpoint-output out_{:05}.png",
        "out_00001.png would be written twice",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_VALUES, ids=[case[0] for case in BAD_VALUES])
def test_bad_usage(command, arguments, message):
    before = sorted(path.name for path in Path().iterdir())
    status, out, err = command(*arguments.split())
    assert status == 2
    assert out == ""
    assert message in err
    assert all(line.startswith("neural_style: error: ") for line in err.splitlines()), err
    assert sorted(path.name for path in Path().iterdir()) == before


BAD_FILES = [
    ("--content missing.png", "cannot read missing.png: "),
    ("--content sub", "cannot read sub: there is no picture in this directory"),
    ("--styles net.dir.png", "cannot read net.dir.png: there is no picture in this directory"),
    ("--initial text.png", "cannot read text.png: "),
    ("--styles style.png text.png", "cannot read text.png: "),
    ("--network missing.mat", "cannot read network missing.mat: No such file or directory"),
    ("--network text.png", "cannot read network text.png: neither a MATLAB nor an HDF5 file"),
    ("--network short.mat", "cannot use network short.mat: it ends at conv1_2, before relu4_2"),
    ("--output taken.png", "taken.png exists; choose another name or give --overwrite"),
    ("--output missing/out.png", "cannot write to missing: there is no such directory"),
    ("--output out.xyz", "cannot write out.xyz: "),
    ("--output out", "cannot write out: "),
    ("--output net.dir.png --overwrite", "cannot write net.dir.png: it is a directory"),
    (f"--output {'x' * 300}.png", "File name too long"),
    ("--checkpoint-iterations 1 --checkpoint-output no/c{}.png", "cannot write to no: there is no such directory"),
    ("--checkpoint-iterations 1 --checkpoint-output c{}.txt", "cannot write c1.txt: "),
    ("--checkpoint-iterations 1 --checkpoint-output taken_{}.png", "taken_2.png exists"),
    ("--progress-write --output sub/out.png", "sub/progress.txt exists"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_FILES, ids=[case[0][:60] for case in BAD_FILES])
def test_bad_files(command, arguments, message):
    for name in ("text.png", "taken.png", "taken_2.png"):
        Path(name).write_text("no picture")
    for name in ("net.dir.png", "sub"):
        Path(name).mkdir()
    Path("sub/progress.txt").touch()
    tiny_networks.write_matconvnet("short.mat", tiny_networks.tiny_network(names=("conv1_1", "conv1_2")))
    before = sorted(Path().rglob("*"))
    status, out, err = command(*arguments.split())
    assert (status, out) == (1, "")
    assert message in err
    assert all(line.startswith("neural_style: error: ") for line in err.splitlines()), err
    assert sorted(Path().rglob("*")) == before
    assert Path("taken.png").read_text() == "no picture"


def test_all_mistakes_are_reported_together(command):
    arguments = words("--content a.png --styles b.png c.png --network d.mat --output e/f.xyz --beta1 2 --width 0")
    status, _, err = command(*arguments)
    assert status == 2
    assert len(err.splitlines()) == 8
    for part in ("a.png", "b.png", "c.png", "d.mat", "e/f.xyz", "to e", "--beta1", "--width"):
        assert part in err
