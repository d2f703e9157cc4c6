"""Many pictures in one process."""

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import vgg
from brushwork.engine import objective as engine
from brushwork.engine.evaluator import Evaluator
from brushwork.pictures import sizes
from brushwork.run import jobs
from brushwork.run.jobs import Job
from brushwork.settings import Settings
from stylize import make_objective
from tests.helpers.command import FAST, words
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks


@pytest.fixture
def batch(command):
    """Runs the command for two contents, one, two, and two styles, a and b; the network is net.mat."""
    Path("contents").mkdir()
    for name, number in (("one", 0), ("two", 1), ("a", 2), ("b", 3)):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 10, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((40, 30)).save(f"{name}.png")
    Path("out").mkdir()

    def run(*arguments, contents=("one.png", "two.png"), styles=("a.png", "b.png"), output="out/{content}-{style}.png"):
        styles = () if "--styles" in arguments else ("--styles", *styles)
        given = ["--content", *contents, *styles, "--output", output, "--network", "net.mat", *FAST.split()]
        return command(*given, "--iterations", 2, *arguments, defaults=False)

    return run


def written():
    return sorted(os.listdir("out"))


def test_each_content_in_the_manner_of_all_styles(batch, command):
    status, out, err = batch(output="out/{content}.png", styles=("a.png", "b.png"))
    assert (status, out) == (0, "")
    assert written() == ["one.png", "two.png"]
    assert err.splitlines()[-1] == "neural_style: 2 done"
    assert "neural_style: picture 2 of 2: out/two.png" in err
    given = "--content two.png --styles a.png b.png --output alone.png --network net.mat --iterations 2 " + FAST
    assert command(*given.split(), defaults=False)[0] == 0
    assert Path("alone.png").read_bytes() == Path("out/two.png").read_bytes()


def test_pairs(batch, command):
    status, _, err = batch("--pairs", "all")
    assert status == 0
    assert written() == ["one-a.png", "one-b.png", "two-a.png", "two-b.png"]
    assert err.splitlines()[-1] == "neural_style: 4 done"
    given = "--content two.png --styles a.png --output alone.png --network net.mat --iterations 2 " + FAST
    assert command(*given.split(), defaults=False)[0] == 0
    assert Path("alone.png").read_bytes() == Path("out/two-a.png").read_bytes()
    for name in written():
        os.unlink(f"out/{name}")
    assert batch("--pairs", "zip")[0] == 0
    assert written() == ["one-a.png", "two-b.png"]


def test_the_names_are_filled_into_a_single_run_too(batch):
    assert batch(contents=["one.png"])[0] == 0
    assert written() == ["one-a-b.png"]


def test_directories_of_contents(batch):
    for name in ("one.png", "two.png"):
        os.rename(name, f"contents/{name}")
    status, _, err = batch(contents=["contents"], output="out/{content}.jpg")
    assert status == 0
    assert "the contents in contents are one.png, two.png" in err
    assert written() == ["one.jpg", "two.jpg"]


def test_network_and_styles_are_read_and_measured_once(batch, monkeypatch):
    counts = {"load": 0, "style": 0}
    load, total = vgg.load, Evaluator.total

    def counting_load(path):
        counts["load"] += 1
        return load(path)

    def counting_total(self, *arguments):
        counts["style"] += 1
        return total(self, *arguments)

    monkeypatch.setattr(vgg, "load", counting_load)
    monkeypatch.setattr(Evaluator, "total", counting_total)
    assert batch("--pairs", "all")[0] == 0
    assert counts == {"load": 1, "style": 2}


def test_of_many_styles_the_latest_used_are_known(tiny, random, monkeypatch):
    measured, total = [], Evaluator.total
    monkeypatch.setattr(Evaluator, "total", lambda self, *given: measured.append(True) or total(self, *given))
    monkeypatch.setattr(engine, "CACHED_STYLES", 2)
    one, two, three, image = random.uniform(0, 255, (4, 16, 16, 3)).astype(np.float32)
    with shared(tiny, Settings(style_layers=("relu1_1",), content_weight=0)) as objective:
        losses = []
        for style, is_new in ((one, 1), (two, 1), (one, 0), (three, 1), (one, 0), (three, 0), (two, 1), (one, 1)):
            before = len(measured)
            objective.set_targets(image, [style])
            assert len(measured) - before == is_new
            losses.append(objective.evaluate(image)[0]["style"])
    assert losses[0] == losses[2] == losses[4] == losses[7]
    assert losses[1] == losses[6]
    assert losses[3] == losses[5]
    assert len(set(losses)) == 3


def test_existing_pictures_are_skipped(batch):
    Path("out/one-a.png").write_bytes(b"mine")
    status, _, err = batch("--pairs", "all")
    assert status == 1
    assert "out/one-a.png exists; choose another name, or give --overwrite or --skip-existing" in err
    assert written() == ["one-a.png"]
    status, _, err = batch("--pairs", "all", "--skip-existing")
    assert status == 0
    assert "out/one-a.png exists: skipped" in err
    assert err.splitlines()[-1] == "neural_style: 3 done, 1 skipped"
    assert Path("out/one-a.png").read_bytes() == b"mine"
    status, _, err = batch("--skip-existing", contents=["one.png"], styles=["a.png"])
    assert (status, err) == (0, "neural_style: out/one-a.png exists: skipped\n")


@pytest.mark.parametrize("bad", ["missing.png", "net.mat"])
def test_a_picture_that_fails_is_told_and_the_rest_done(batch, bad):
    status, _, err = batch("--pairs", "all", contents=["one.png", bad, "two.png"], styles=["a.png"])
    assert status == 1
    assert f"error: cannot read {bad}: " in err
    assert err.splitlines()[-1] == "neural_style: 2 done, 1 failed"
    assert written() == ["one-a.png", "two-a.png"]


def test_a_picture_without_memory_does_not_stop_the_others(batch, at_evaluation):
    def fail():
        raise MemoryError

    at_evaluation(2, fail)
    status, _, err = batch(output="out/{content}.png")
    assert status == 1
    assert "error: out of memory" in err
    assert err.splitlines()[-1] == "neural_style: 1 done, 1 failed"
    assert written() == ["one.png", "two.png"]  # of the first, the start


def test_an_interrupt_ends_all(batch, at_evaluation):
    at_evaluation(5, lambda: os.kill(os.getpid(), signal.SIGINT))
    status, _, err = batch("--pairs", "all", "--iterations", 200)
    assert status == 130
    assert "interrupted after " in err
    assert err.splitlines()[-1] == "neural_style: 0 done, 4 not started or not finished"
    assert written() == ["one-a.png", "one-a.state"]


@pytest.mark.parametrize(
    ("template", "path"), [("c{:03}.png", "c007.png"), ("c%03d.png", "c007.png"), ("50%_{}.png", "50%_7.png")]
)
def test_the_path_of_a_checkpoint(template, path):
    assert Job("c", ["s"], "o", template, None, None, None).checkpoint(7) == path


@pytest.mark.parametrize("place", ["{:02}", "%02d"])
def test_names_in_the_path_of_a_checkpoint_are_only_text(place):
    job = Job("photos/{x}.png", ["50%.png", "%d.png"], "o", f"c-{{content}}-{{style}}-{place}.png", None, None, None)
    assert job.checkpoint(7) == "c-{x}-50%-%d-07.png"


def test_checkpoints_of_many_pictures(batch):
    for template in ("out/c-{content}-{style}-{:03}.png", "out/d-{content}-{style}-%03d.png"):
        arguments = ["--checkpoint-output", template, "--checkpoint-iterations", 2, "--overwrite"]
        assert batch("--pairs", "zip", *arguments)[0] == 0
    names = [f"{kind}-{pair}-002.png" for kind in "cd" for pair in ("one-a", "two-b")]
    assert [name for name in written() if name[1] == "-"] == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "out/{style}.png"], "out/a-b.png would be written twice; write --output as in out/{content}"),
        (["--pairs", "all", "--output", "out/{content}.png"], "out/one.png would be written twice"),
        (["--pairs", "zip", "--styles", "a.png"], "--pairs zip takes one style for each content: 2, not 1"),
        (["--pairs", "zip", "--styles", "a.png", "b.png", "one.png"], "one style for each content: 2, not 3"),
        (["--pairs", "some"], "--pairs must be one of all, zip, not some"),
        (["--state", "x.state"], "--state is for a run that makes one picture, not 2"),
        (["--contact-sheet", "sheet.png"], "--contact-sheet is for a run that makes one picture, not 2"),
        (["--tensorboard", "board"], "--tensorboard is for a run that makes one picture, not 2"),
        (["--progress-plot"], "--progress-plot is for a run that makes one picture, not 2"),
        (["--progress-write"], "--progress-write is for a run that makes one picture, not 2"),
        (["--checkpoint-output", "out/{:05}.png", "--checkpoint-iterations", "1"], "would be written twice"),
        (["--content-weight", "-1"], "--content-weight must be a number not below 0"),
        (["--pairs", "all", "--style-blend-weights", "1", "2"], "takes one number for each style: 1, not 2"),
    ],
)
def test_bad_usage(batch, arguments, message):
    status, _, err = batch(*arguments)
    assert status == 2
    assert message in err
    assert written() == []


def test_dry_run(batch):
    status, out, _ = batch("--dry-run", "--pairs", "zip")
    assert status == 0
    assert out.count("content layers: ") == 2
    assert written() == []


@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_pictures(tiny, random):
    """The tenth picture takes no more than the second, on pictures that are large for the tiny network."""
    process, used = psutil.Process(), []
    with make_objective(tiny, Settings()) as objective:
        for _ in range(10):
            content, style = random.uniform(0, 255, (2, 300, 400, 3)).astype(np.float32)
            objective.set_targets(content, [style])
            objective.evaluate(sizes.resize(content, 300, 400))
            used.append(process.memory_info().rss)
    assert used[-1] < 1.05 * used[1]


@pytest.fixture
def interrupted(batch, at_evaluation):
    """Runs the batch, interrupted during an evaluation of its second picture; returns what was said."""

    def run(*arguments):
        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

        at_evaluation(7, interrupt)
        status, _, err = batch("--pairs", "all", "--iterations", 4, *arguments)
        assert status == 130
        at_evaluation(0, None)
        assert written() == ["one-a.png", "one-b.png", "one-b.state"]
        return err

    return run


def whole_batch(batch):
    """The bytes of the pictures of a batch that is not interrupted; they are removed again."""
    assert batch("--pairs", "all", "--iterations", 4)[0] == 0
    whole = {name: Path("out", name).read_bytes() for name in written()}
    for name in whole:
        Path("out", name).unlink()
    return whole


@pytest.mark.parametrize("flags", spot_checks([[], ["--skip-existing"], ["--overwrite"]], keep=(0,)), ids=str)
def test_an_interrupted_batch_goes_on_where_it_was(batch, command, interrupted, flags):
    whole = whole_batch(batch)
    advice = interrupted(*flags).partition("continue with ")[2].splitlines()[0]
    assert advice == "--resume out/one-b.state"
    Path("out/one-a.png").write_bytes(b"done before")
    if "--overwrite" in flags:
        Path("out/two-b.png").write_bytes(b"of an earlier run")
        advice += " --overwrite"  # a state does not give it
    status, _, err = command(*advice.split(), defaults=False)
    assert status == 0, err
    assert "out/one-a.png exists: skipped" in err
    assert err.splitlines()[-1] == "neural_style: 3 done, 1 skipped"
    assert Path("out/one-a.png").read_bytes() == b"done before"
    assert {name: Path("out", name).read_bytes() for name in whole if name != "one-a.png"} == {
        name: data for name, data in whole.items() if name != "one-a.png"
    }


def test_skip_existing_continues_a_picture_that_was_interrupted(batch, interrupted):
    whole = whole_batch(batch)
    interrupted()
    status, _, err = batch("--pairs", "all", "--iterations", 4, "--skip-existing")
    assert status == 0
    assert "out/one-a.png exists: skipped" in err
    assert "out/one-b.png is not finished: continuing from out/one-b.state" in err
    assert {name: Path("out", name).read_bytes() for name in whole} == whole
    status, _, err = batch("--pairs", "all", "--iterations", 4, "--skip-existing")  # now it is finished
    assert (status, err.splitlines()[-1]) == (0, "neural_style: 0 done, 4 skipped")


def test_skip_existing_continues_a_single_picture_with_its_own_flags_only(batch, command, interrupted):
    interrupted()
    one = "--content one.png --styles b.png --output out/one-b.png --network net.mat".split() + FAST.split()
    status, _, err = command(*one, "--skip-existing", "--iterations", 4, "--seed", 5, defaults=False)
    assert status == 2
    assert "cannot resume out/one-b.state: --seed was 0 and is now 5; give the flags of its run, or remove" in err
    status, _, err = command(*one, defaults=False)
    assert status == 1
    assert "give --overwrite, or continue it with --resume out/one-b.state" in err
    assert command(*one, "--skip-existing", "--iterations", 4, defaults=False)[0] == 0
    assert "out/one-b.png exists: skipped" in command(*one, "--skip-existing", defaults=False)[2]


def test_a_state_of_another_picture_is_not_continued(batch, interrupted):
    interrupted()
    os.rename("out/one-b.state", "out/one-a.state")
    status, _, err = batch("--pairs", "all", "--iterations", 4, "--skip-existing")
    assert (status, err.splitlines()[-1]) == (0, "neural_style: 2 done, 2 skipped")


@pytest.fixture
def twins(batch):
    """Photographs of the same name in two folders, and two more in one folder, that differ in their extensions."""
    for name in ("here/x", "there/x", "there/y"):
        Path(name).mkdir(parents=True, exist_ok=True)
        Image.open("one.png").save(f"{name}/photo.png")
    Image.open("one.png").save("here/x/photo.bmp")


@pytest.mark.parametrize(
    ("contents", "flags", "template", "advice"),
    [
        (["here/x/photo.png", "there/y/photo.png"], [], "out/{content}.png", "out/{parent}-{content}-{style}.png"),
        (["here/x/photo.png", "there/x/photo.png"], [], "out/{content}.jpg", "out/{number}-{content}-{style}.jpg"),
        (["here/x/photo.png", "here/x/photo.bmp"], [], "out/{content}.png", "out/{number}-{content}-{style}.png"),
        (["one.png", "one.png"], [], "out/{content}.png", "out/{number}-{content}-{style}.png"),
        (["one.png", "two.png"], ["--pairs", "all"], "out/x.png", "out/{content}-{style}.png"),
        (["one.png", "two.png"], [], "o.tiff", "out/{content}.tiff"),
    ],
    ids=str,
)
def test_the_advice_for_equal_names_works(batch, plans, twins, contents, flags, template, advice):
    status, _, err = batch(*flags, contents=contents, output=template)
    assert (status, plans) == (2, [])
    assert f"would be written twice; write --output as in {advice}\n" in err
    assert batch(*flags, contents=contents, output=advice)[0] == 0
    assert len({plan.job.output for plan in plans}) == len(plans) == len(contents) * (2 if flags else 1)


def test_the_advice_for_equal_checkpoints_works(batch, plans, twins):
    contents, output = ["here/x/photo.png", "there/x/photo.png"], "out/{number}.png"
    flags = ["--checkpoint-iterations", 1, "--checkpoint-output"]
    status, _, err = batch(*flags, "out/c-{content}-{:03}.png", contents=contents, output=output)
    assert status == 2
    advice = "out/{number}-{content}-{style}-{:05}.png"
    assert f"--checkpoint-output would be written twice; write it as in {advice}\n" in err
    assert batch(*flags, advice, contents=contents, output=output)[0] == 0
    assert [plan.job.checkpoint(1) for plan in plans] == [f"out/{n}-photo-a-b-00001.png" for n in (1, 2)]


def test_numbers_sort_as_text(batch, plans):
    assert batch(contents=["one.png"] * 10, output="out/{number}.png")[0] == 0
    assert [plan.job.output for plan in plans][::9] == ["out/01.png", "out/10.png"]


FRAMES = [f"{name}.png" for name in words("a b frame1 frame01 frame2 frame10 frame11 frame100 z2b z2b1 z10a")]


def test_names_sort_by_the_value_of_their_numbers():
    expected = [FRAMES[index] for index in (0, 1, 3, 2, *range(4, 11))]  # 01 is 1, and then text decides
    assert sorted(expected[5:] + expected[:5], key=jobs.by_number) == expected


def test_the_frames_of_a_film_are_numbered_in_order(batch, plans):
    os.mkdir("film")
    for name in FRAMES:
        shutil.copy("one.png", f"film/{name}")
    expected = sorted(FRAMES, key=jobs.by_number)
    for contents in (["film"], sorted(f"film/{name}" for name in FRAMES)):  # the shell sorts as text
        plans.clear()
        assert batch(contents=contents, output="out/{number}.png")[0] == 0
        assert [os.path.basename(plan.job.content) for plan in plans] == expected


def test_an_order_of_the_user_is_kept(batch, plans):
    names = ["frame10.png", "frame1.png", "frame2.png"]
    for name in names:
        shutil.copy("one.png", name)
    assert batch(contents=names, output="out/{number}.png")[0] == 0
    assert [plan.job.content for plan in plans] == names


@pytest.mark.parametrize("template", ["out/{name}.png", "{Content}.png", "out/{styles}-{content}.png"])
def test_an_unknown_placeholder_is_named(batch, template):
    status, _, err = batch(contents=["one.png"], output=template)
    assert status == 2
    assert f"--output {template}: there is no {{" in err
    assert "there are {content}, {style}, {parent}, {number}" in err


@pytest.mark.parametrize(("count", "said"), [(1, "a exists"), (2, "a and 1 more exist"), (4, "a and 3 more exist")])
def test_numbers_agree(count, said):
    assert jobs.those_exist(["a", "b", "c", "d"][:count]) == said
