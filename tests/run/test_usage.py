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
    ("--width 2.5", "--width must be a whole number, not '2.5'; --help lists the options"),
    ("--iterations -1", "--iterations must be between 0 and 1000000, not -1"),
    ("--iterations 1000000000000", "--iterations must be between 0 and 1000000, not 1e+12"),
    ("--iterations many", "--iterations must be a whole number, not 'many'"),
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
    ("--scales 3 --scale-iterations 5 4 3 2", "--scale-iterations takes at most one number for each scale: 3"),
    ("--scale-iterations -1", "--scale-iterations must be between 0 and 1000000, not -1"),
    ("--tile-size 8", "--tile-size must be auto or none, or a number of pixels, at least 16, not 8"),
    ("--tile-size some", "--tile-size must be auto or none, or a number of pixels, at least 16, not some"),
    ("--preset slow", "--preset must be one of classic, painterly, fast, keras, tensorflow, gatys, not slow"),
    ("--depth 32", "--depth must be one of 8, 16, not 32"),
    ("--preset painterly fast", "unrecognized arguments: fast; a name with spaces is written in quotes; --help lists"),
    ("--content-layers relu4_2 0.5", "0.5 is no layer; the weight of a layer is written as relu4_2:0.5"),
    ("--style-masks other.png other.png", "--style-masks takes one picture for each style: 1, not 2"),
    ("--style-source-masks other.png other.png --styles style.png", "--style-source-masks takes one picture for each"),
    ("--tensorboard out.png", "out.png would be a file, and a directory for --tensorboard; choose different names"),
    ("--output a.png/out.png --state a.png", "a.png would be a file, and a directory for a.png/out.png; choose diff"),
    ("--checkpoint-iterations 1 --checkpoint-output out.png/c{}.png", "out.png would be a file, and a directory for "),
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
    ("--styles", "--styles takes at least one value, and there is none"),
    ("--no-such-flag", "unrecognized arguments: --no-such-flag; --help lists the options"),
    ("--iter 5", "unrecognized arguments: --iter 5; did you mean --iterations?"),
    ("--width 512px", "--width must be a whole number, not '512px'"),
    ("--iterations 1,000", "--iterations must be a whole number, not '1,000'"),
    ("--style-weight 0,5", "--style-weight must be a number, with a point as in 0.5, not '0,5'"),
    ("--box=1", "--box takes no value, not even '1'"),
    ("--seed", "--seed takes one value, and there is none"),
    ("--widht 5", "unrecognized arguments: --widht 5; did you mean --width?"),
    ("--style-weigth 5", "unrecognized arguments: --style-weigth 5; did you mean --style-weight?"),
    ("--content_weight=5", "unrecognized arguments: --content_weight=5; did you mean --content-weight?"),
    ("-width 5", "unrecognized arguments: -width 5; did you mean --width?"),
    ("--preserve-colours", "unrecognized arguments: --preserve-colours; did you mean --preserve-colors?"),
    ("--Seed 5", "unrecognized arguments: --Seed 5; did you mean --seed?"),
    ("\u2013width 5", "\u2013width begins with a dash that is no hyphen; write --width"),
    ("\u2014seed=5", "\u2014seed=5 begins with a dash that is no hyphen; write --seed=5"),
    ("--style style.png --style other.png", "--styles is given twice; give all its values after one --styles"),
    ("--content a.png --content=b.png", "--content is given twice; give all its values after one --content"),
    ("--scales 20 --scales 30", "--scales is given twice; give all its values after one --scales"),
    ("--content=", "the value after --content is empty; is it a variable that is not set?"),
    ("--initial random", "--initial must be noise, content, style or a picture, not random"),
    ("--width 20 --height 20", "--width and --height both set the size of the output; give one of them"),
    ("--height 0", "--height must be a number of pixels, at least 1, not 0"),
    ("--height 99999999", "--height: a picture of"),
    ("--style-blend-weights 0.5,0.5", "--style-blend-weights takes one number for each style: 1, not 2"),
    ("--style-blend-weights 0.5,x", "--style-blend-weights must be a number, with a point as in 0.5, not 'x'"),
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
    ("--content conten.png", "cannot read conten.png: No such file or directory; did you mean content.png?"),
    ("--content Content.PNG", "cannot read Content.PNG: No such file or directory; did you mean content.png?"),
    ("--styles style.jpg", "cannot read style.jpg: No such file or directory; did you mean style.png?"),
    ("--styles sub/*.png", "cannot read sub/*.png: No such file or directory; no file matches this pattern"),
    ("--styles style.png,other.png", "No such file or directory; separate pictures by spaces, not by commas"),
    ("--content ~/a.png", "cannot read ~/a.png: No such file or directory; the shell expands ~ only at"),
    ("--resume out.png", "cannot resume out.png: No such file or directory"),
    ("--content missing.png", "cannot read missing.png: "),
    ("--content sub", "cannot read sub: there is no picture in this directory"),
    ("--styles net.dir.png", "cannot read net.dir.png: there is no picture in this directory"),
    ("--initial text.png", "cannot read text.png: "),
    ("--styles style.png text.png", "cannot read text.png: "),
    ("--network missing.mat", "cannot read network missing.mat: No such file or directory"),
    ("--network text.png", "cannot read network text.png: neither a MATLAB nor an HDF5 file"),
    ("--network short.mat", "cannot use network short.mat: it ends at conv1_2, before relu2_1"),
    ("--output taken.png", "taken.png exists; choose another name or give --overwrite"),
    ("--output text.png/out.png", "cannot write to text.png: it is not a directory"),
    ("--output out.xyz", "cannot write out.xyz: "),
    ("--output out", "cannot write out: unknown picture format; use .jpg, .png, .webp or .tiff"),
    ("--output https://example.org/out.png", "cannot write to https://example.org: it is an address; give a file on"),
    (
        "--content https://example.org/a.jpg",
        "cannot read https://example.org/a.jpg: it is an address, not a file; down",
    ),
    (
        "--initial ftp://example.org/a.jpg",
        "cannot read ftp://example.org/a.jpg: it is an address, not a file; download",
    ),
    ("--content-mask http://a.org/a.png", "cannot read http://a.org/a.png: it is an address, not a file; download it"),
    ("--network https://a.org/net.mat", "cannot read network https://a.org/net.mat: it is an address, not a file; dow"),
    ("--content file:///home/me/a.jpg", "it is an address, not a file; write it as /home/me/a.jpg"),
    ("--content my photo.jpg", "cannot read my: No such file or directory; did you mean 'my photo.jpg'? a name with"),
    ("--content nowhere/a.png", "cannot read nowhere/a.png: No such file or directory; there is no directory nowhere"),
    ("--initial sub", "cannot read sub: it is a directory; give a file in it"),
    ("--content-mask sub", "cannot read sub: it is a directory; give a file in it"),
    ("--settings-from style.png", "it holds no settings of neural_style; give a picture that it saved"),
    ("--settings-from https://a.org/a.png", "cannot read https://a.org/a.png: it is an address, not a file; download"),
    ("--resume https://a.org/a.state", "cannot resume https://a.org/a.state: it is an address, not a file; download"),
    ("--output net.dir.png --overwrite", "cannot write net.dir.png: it is a directory"),
    (f"--output {'x' * 300}.png", "File name too long"),
    ("--checkpoint-iterations 1 --checkpoint-output text.png/a/c{}.png", "cannot write to text.png: it is not a dir"),
    ("--checkpoint-iterations 1 --checkpoint-output c{}.txt", "cannot write c1.txt: "),
    ("--checkpoint-iterations 1 --checkpoint-output taken_{}.png", "taken_2.png exists"),
    ("--progress-write --output sub/out.png", "sub/progress.txt exists"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_FILES, ids=[case[0][:60] for case in BAD_FILES])
def test_bad_files(command, arguments, message):
    for name in ("text.png", "taken.png", "taken_2.png"):
        Path(name).write_text("no picture")
    Path("my photo.jpg").write_text("no picture")
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


@pytest.mark.parametrize("arguments", [["--content", ""], ["--content="], [""]], ids=str)
def test_an_empty_value(command, arguments):
    status, _, err = command(*arguments, defaults=False)
    name = "neural-style" if arguments == [""] else "--content"
    assert (status, err) == (
        2,
        f"neural_style: error: the value after {name} is empty; is it a variable that is not set?\n",
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--print-iterations 0", "--print-iterations must be a number of iterations, at least 1, not 0"),
        ("--max-seconds 0", "--max-seconds must be a number above 0, not 0"),
        ("--style-masks content.png content.png", "one picture for each style: 1, not 2, since --pairs gives each pic"),
        ("--style-weight -1", "--style-weight must be a number not below 0, not -1"),
    ],
)
def test_bad_usage_of_a_batch_is_found_once_before_it(command, flags, message):
    status, _, err = command(*words("--content content.png other.png --pairs all --output out/"), *words(flags))
    assert (status, len(err.splitlines())) == (2, 1)
    assert message in err


@pytest.mark.parametrize("flag", ["--output", "--contact-sheet", "--state"])
def test_an_input_that_would_be_written_is_said_once(command, flag):
    status, _, err = command(flag, "content.png")
    assert (status, len(err.splitlines())) == (2, 1)
    assert "content.png is an input of this run; choose another name for the output" in err  # and no --overwrite


def test_all_mistakes_are_reported_together(command):
    arguments = words("--content a.png --styles b.png c.png --network d.mat --output e/f.xyz --beta1 2 --width 0")
    status, _, err = command(*arguments)
    assert status == 2
    assert len(err.splitlines()) == 7
    for part in ("a.png", "b.png", "c.png", "d.mat", "e/f.xyz", "--beta1", "--width"):
        assert part in err


@pytest.mark.parametrize("arguments", [[], ["photo.jpg", "painting.jpg"], ["help"]], ids=str)
def test_what_is_required_comes_with_an_example(command, arguments):
    status, _, err = command(*arguments, defaults=False)
    assert status == 2
    example = "as in neural-style --content photo.jpg --styles painting.jpg --output out.jpg"
    assert err == (
        f"neural_style: error: the following arguments are required: --content, --styles, --output; {example}\n"
    )
