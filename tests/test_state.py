"""States: a resumed run gives the same images as an uninterrupted one; other files are refused."""

import dataclasses
import io
import json
import os
import re
import signal
import threading
import time
import zipfile
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork import VERSION, state
from brushwork.digest import digest_of
from brushwork.errors import StateError
from brushwork.pictures import read, sizes
from brushwork.settings import Settings
from stylize import Masks, stylize
from tests.helpers.command import FAST
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks
from tests.helpers.tiny_networks import FEW_LAYERS


@pytest.fixture
def objectives(tiny):
    """Two objectives: without and with masks."""
    settings = Settings(**FEW_LAYERS)
    return shared(tiny, settings), shared(tiny, settings, masks_of((40, 56)))


def steps_of(objectives, settings, masks=None, resume=None, count=None):
    """The first steps of a run, and the state after the last one."""
    random = np.random.default_rng(3)
    content, *styles = random.uniform(0, 255, (3, 40, 56, 3)).astype(np.float32)
    masks = masks or Masks()
    objective = objectives[bool(masks.styles)]
    objective.settings = settings
    run = stylize(objective, content, styles, settings, masks=masks, resume=resume)
    steps = list(islice(run, count))
    last = steps[-1].state()
    run.close()
    return steps, last


def through_a_file(last, settings):
    state.write("x.state", state.Saved(last, state.settings_as_json(settings), {}, ["--content", "a.png"]))
    saved = state.read("x.state")
    assert saved.settings == state.settings_as_json(settings)
    assert saved.command == ["--content", "a.png"]
    assert state.fits(saved.state, settings, 40, 56)
    return saved.state


def masks_of(size):
    sides = np.random.default_rng(5).uniform(0, 1, (3, *size)).astype(np.float32)
    return Masks(tuple(sides[:2]), sides[2])


CASES = {
    "adam": {"iterations": 10},
    "box": {"iterations": 10, "box": True, "initial": "content"},
    "last": {"iterations": 10, "keep": "last", "learning_rate": 40.0},
    "scales": {"scales": (2,), "scale_iterations": (6, 4)},
    "lbfgs": {"iterations": 10, "optimizer": "lbfgs", "lbfgs_memory": 3},
    "lbfgs scales": {"scales": (2,), "scale_iterations": (5, 5), "optimizer": "lbfgs"},
    "masks and tiles": {"scales": (2,), "scale_iterations": (3, 7), "tile_size": 32},
    "nearest": {
        "scales": (2,),
        "scale_iterations": (5, 5),
        "optimizer": "lbfgs",
        "style_loss": ("wasserstein", "nearest"),
        "style_weight": 1.0,
        "content_weight": 0.1,
        "content_palette": 1.0,
    },
}


@pytest.mark.parametrize("case", spot_checks(CASES, keep=(0, 5, 6)))
def test_four_iterations_and_six_equal_ten_bit_for_bit(objectives, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    settings, masks = Settings(**FEW_LAYERS, **CASES[case]), masks_of((40, 56)) if "masks" in case else None
    whole, _ = steps_of(objectives, settings, masks)
    assert len(whole) == 11
    first, at_four = steps_of(objectives, settings, masks, count=5)
    second, _ = steps_of(objectives, settings, masks, resume=through_a_file(at_four, settings))
    for step, expected in zip([*first, *second[1:]], whole, strict=True):
        assert (step.iteration, step.scale, step.losses) == (expected.iteration, expected.scale, expected.losses)
        np.testing.assert_array_equal(step.image, expected.image)
        np.testing.assert_array_equal(step.kept, expected.kept)
    assert second[0].iteration == 4


def test_a_state_at_the_end_of_a_scale(objectives, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(**FEW_LAYERS, scales=(2,), scale_iterations=(4, 3))
    whole, end = steps_of(objectives, settings)
    _, between = steps_of(objectives, settings, count=5)
    assert (between.scale, between.index) == (0, 4)
    second, _ = steps_of(objectives, settings, resume=through_a_file(between, settings))
    np.testing.assert_array_equal(second[-1].image, whole[-1].image)
    more = dataclasses.replace(settings, scale_iterations=(4, 5))  # a run that has ended may be given more iterations
    third, _ = steps_of(objectives, more, resume=through_a_file(end, settings))
    longer, _ = steps_of(objectives, more)
    assert [step.iteration for step in third] == [7, 8, 9]
    np.testing.assert_array_equal(third[-1].image, longer[-1].image)


def test_resized_moments_do_not_make_steps_longer():
    random = np.random.default_rng(3)
    first = random.normal(0, 1, (9, 9, 3)).astype(np.float32) * (random.random((9, 9, 1)) < 0.2)
    moments = {"first_moment": first, "second_moment": first**2, "beta1_power": np.float32(0.5)}
    image = random.uniform(0, 255, (9, 9, 3)).astype(np.float32)
    before = state.State(1, 4, image + 1, image, 5.0, moments)
    after = state.upscale(before, (31, 20), moments=True)
    assert (after.scale, after.index, after.lowest) == (2, 0, np.inf)
    np.testing.assert_array_equal(after.image, sizes.resample(image, 31, 20))  # the kept image, not the last one
    np.testing.assert_array_equal(after.kept, after.image)
    resized = after.optimizer
    assert resized["second_moment"].shape == (31, 20, 3)
    assert (resized["second_moment"] >= 0).all()
    # Rounded to float32, a mean exceeds the bound by a few units in the last place.
    assert (np.abs(resized["first_moment"]) <= np.sqrt(resized["second_moment"]) * (1 + 1e-5) + 1e-6).all()
    assert resized["beta1_power"] == np.float32(0.5)
    assert state.upscale(before, (31, 20), moments=False).optimizer == {}


def test_the_history_of_lbfgs_is_not_resized(monkeypatch):
    """Its pairs [2, m, H W 3] would be resized as a picture of H W 3 channels, whose size grows with (H W)^2."""
    image = np.zeros((4, 5, 3), np.float32)
    history = {"pairs": np.zeros((2, 0, 60), np.float32), "products": np.zeros((2, 0, 0)), "order": np.arange(0)}
    resized, resample = [], sizes.resample
    monkeypatch.setattr(sizes, "resample", lambda array, *size: resized.append(array.shape) or resample(array, *size))
    after = state.upscale(state.State(0, 1, image, image, 5.0, history), (8, 10), moments=False)
    assert after.optimizer == {}
    assert resized == [(4, 5, 3)]


def test_arrays_that_differ_have_different_digests():
    array = np.arange(6, dtype=np.float32)
    others = [array.reshape(2, 3), array.reshape(3, 2), array.view(np.int32), array + 1, array[::-1], array[:5]]
    digests = [digest_of(array), *map(digest_of, others), digest_of(array, array), digest_of()]
    assert len(set(digests)) == len(digests)
    assert digest_of(np.arange(12, dtype=np.float32)[::2] / 2) == digests[0]  # whatever its strides


# Through the command.

FLAGS = "--content content.png --styles style.png --output out.png --network net.mat"


@pytest.fixture
def interrupted(command, at_evaluation):
    """Runs the command and sends it a signal before an evaluation: (status, standard error)."""

    def run(*arguments, number=signal.SIGINT, evaluation=5):
        def interrupt():
            os.kill(os.getpid(), number)
            time.sleep(0.2)

        at_evaluation(evaluation, interrupt)
        status, _, err = command(*arguments)
        at_evaluation(0, None)
        return status, err

    return run


@pytest.mark.parametrize(("optimizer", "evaluation"), [("adam", 5), ("lbfgs", 12)])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.exhaustive)]
)
def test_a_resumed_run_equals_an_uninterrupted_one(command, interrupted, number, status, optimizer, evaluation):
    flags = ["--iterations", 9, "--colors", "luma", "--seed", 4, "--keep", "last", "--optimizer", optimizer]
    assert command(*flags, output="whole.png")[0] == 0
    code, err = interrupted(*flags, number=number, evaluation=evaluation)
    assert code == status
    done = 3 if optimizer == "adam" else "[1-8]"
    said = f"neural_style: interrupted after {done} of 9 iterations; wrote out.png; continue with --resume out.state"
    assert re.fullmatch(said, err.splitlines()[-1])
    cut_short = Path("out.png").read_bytes()
    code, _, err = command("--resume", "out.state", "--print-iterations", 1, defaults=False)
    assert code == 0, err
    assert "wrote out.png" in err
    assert Path("out.png").read_bytes() == Path("whole.png").read_bytes() != cut_short


def test_an_interrupt_does_not_wait_for_the_evaluation(command, at_evaluation, monkeypatch):
    blocked, released, left = threading.Event(), threading.Event(), []

    def end(status):
        left.append((status, sorted(os.listdir()), released.is_set()))
        raise SystemExit(status)

    def block(self, outputs, inputs):
        blocked.set()
        return released.wait(20)

    at_evaluation(3, lambda: monkeypatch.setattr(tf.Session, "run", block))
    monkeypatch.setattr(os, "_exit", end)
    threading.Thread(target=lambda: blocked.wait(20) and os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        assert command("--optimizer", "lbfgs")[0] == 130
        (status, names, waited), *_ = left
        assert (status, waited) == (130, False)
        assert {"out.png", "out.state"} < set(names)
    finally:
        released.set()


def test_a_state_is_written_at_intervals_and_at_the_end(command, monkeypatch):
    written = []
    write = state.write
    with monkeypatch.context() as patch:
        patch.setattr(
            state, "write", lambda path, saved, how: written.append(saved.state.index) or write(path, saved, how)
        )
        status, _, err = command("--state", "run.state", "--state-iterations", 2, iterations=5)
    assert status == 0
    assert written == [2, 4, 5]
    assert "wrote out.png; its state is in run.state" in err
    before = Path("out.png").read_bytes()
    assert command("--resume", "run.state", "--iterations", 8, "--output", "more.png", defaults=False)[0] == 0
    assert command(iterations=8, output="eight.png")[0] == 0
    assert Path("more.png").read_bytes() == Path("eight.png").read_bytes()
    assert Path("out.png").read_bytes() == before
    assert state.read("run.state").state.index == 8


def test_the_table_of_losses_is_continued(command, interrupted):
    flags = ["--iterations", 8, "--progress-write"]
    interrupted(*flags)
    assert command("--resume", "out.state", defaults=False)[0] == 0
    np.testing.assert_array_equal(np.loadtxt("progress.txt")[:, 0], range(9))


def some_state(settings=None):
    image = np.zeros((30, 40, 3), np.float32)
    moments = dict.fromkeys(("first_moment", "second_moment"), image)
    powers = dict.fromkeys(("beta1_power", "beta2_power"), np.float32(0.5))
    at = state.State(0, 2, image, image + 1, 5.0, moments | powers)
    return state.Saved(at, state.settings_as_json(settings or Settings()), {}, FLAGS.split())


def with_header(**changes):
    """The bytes of a state file with changes in its header."""
    state.write("good.state", some_state())
    with np.load("good.state") as arrays:
        arrays = dict(arrays)
    header = json.loads(arrays["header"].tobytes()) | changes
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bad_states():
    good = with_header()
    yield "png", Path("content.png").read_bytes()
    yield "network", Path("net.mat").read_bytes()
    yield "text", b"PK\x03\x04 no archive"
    for share in range(1, 10):
        yield f"truncated {share}", good[: len(good) * share // 10]
    for place in range(100, len(good), len(good) // 12):
        yield f"flipped {place}", good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
    for name, value in [("scale", -1), ("scale", "0"), ("index", 1.5), ("lowest", "x"), ("lowest", None)]:
        yield f"{name} {value}", with_header(**{name: value})
    yield "format", with_header(format="neural style state 1")
    yield "action", with_header(command=[*FLAGS.split(), "--fetch"])
    yield "no texts", with_header(command=[1, {}])
    yield "settings", with_header(settings=[])
    for name, write in (("compressed", np.savez_compressed), ("objects", np.savez)):
        file = io.BytesIO()
        write(file, header=np.array([{}], object) if name == "objects" else np.zeros(9_000_000))
        yield name, file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999, 3)}\n"
        archive.writestr("image.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    yield "huge", file.getvalue()


def test_a_state_names_the_version_that_wrote_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state.write("x.state", some_state())
    assert state.read("x.state").version == VERSION


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"format": "neural style state 3", "version": "3.1.0"},
            "it was written by neural_style 3.1.0; resume it with",
        ),
        (
            {"format": "neural style state 1", "version": None},
            "it was written by another version of neural_style; resume it with",
        ),
        (
            {"format": "neural style state 3", "version": "3\n" * 40},
            "it was written by another version of neural_style",
        ),
        (
            {"settings": {"new_weight": 2, "tv_weight": 1.0}, "version": "2.7.1"},
            f"it was written by neural_style 2.7.1; {VERSION} has no setting 'new_weight'",
        ),
    ],
)
def test_a_state_of_another_version_is_refused_by_a_sentence_that_names_it(tmp_path, monkeypatch, changes, expected):
    monkeypatch.chdir(tmp_path)
    Path("x.state").write_bytes(with_header(**changes))
    with pytest.raises(StateError, match=re.escape(f"cannot resume x.state: {expected}")):
        state.read("x.state")


def test_a_state_of_an_earlier_version_with_other_settings_is_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(tv_weight=3.0)
    known = state.settings_as_json(settings)
    del known["padding"]  # as if this version had added it
    Path("x.state").write_bytes(with_header(settings=known | {"instant": False, "instant_strength": 1.0}))
    saved, digests = state.read("x.state"), dict.fromkeys(state.INPUTS)
    assert state.differences(saved, settings, digests) == ([], [])
    other = dataclasses.replace(settings, padding="replicate")
    assert state.differences(saved, other, digests) == (["--padding was zero and is now replicate"], [])


def test_other_files_are_refused_in_a_sentence(command):
    count = 0
    for name, data in bad_states():
        Path("x.state").write_bytes(data)
        status, out, err = command("--resume", "x.state", "--dry-run", defaults=False)
        # A flipped byte may be one that is not read. The file is refused even then, because it has no digests.
        assert (status, out) == (1, ""), name
        lines = err.splitlines()
        assert all(re.match("neural_style: error: cannot resume x.state: ", line) for line in lines), (name, err)
        assert len(lines) == 1 or "flipped" in name, (name, err)
        count += 1
    assert count > 30


@pytest.mark.parametrize("path", ["missing.state", ".", "/dev/null"])
def test_no_file_at_all(command, path):
    status, _, err = command("--resume", path, defaults=False)
    assert status == 1
    assert err.startswith(f"neural_style: error: cannot resume {path}: ")


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 1},
        {"image": np.zeros((31, 40, 3), np.float32)},
        {"kept": np.zeros((30, 40, 3), np.float64)},
        {"optimizer": {"first_moment": np.zeros((30, 40, 3), np.float32)}},
        {"optimizer": {"pairs": np.zeros((2, 1, 3600), np.float32)}},
    ],
    ids=str,
)
def test_a_state_of_the_wrong_shape_does_not_fit(change):
    at = some_state().state
    assert state.fits(at, Settings(), 30, 40)
    assert not state.fits(at._replace(**change), Settings(), 30, 40)


def test_pairs_that_do_not_fit():
    settings = Settings(optimizer="lbfgs", lbfgs_memory=4)
    image = np.zeros((3, 4, 3), np.float32)
    pairs = {"pairs": np.zeros((2, 3, 36), np.float32), "products": np.ones((2, 3, 3)), "order": np.array([2, 0, 1])}
    at = state.State(0, 2, image, image, 5.0, pairs)
    assert state.fits(at, settings, 3, 4)
    for name, array in [
        ("order", np.array([2, 2, 1])),
        ("order", np.array([3, 0, 1])),
        ("order", np.array([0, 1])),
        ("order", np.array([-1, 0, 2])),
        ("products", np.zeros((2, 3, 4))),
        ("pairs", np.zeros((2, 3, 35), np.float32)),
        ("pairs", np.zeros((6, 36), np.float32)),
    ]:
        assert not state.fits(at._replace(optimizer=pairs | {name: array}), settings, 3, 4), name
    assert not state.fits(at, dataclasses.replace(settings, lbfgs_memory=2), 3, 4)


# Killed.

LONG = f"{FLAGS} {FAST} --overwrite --iterations 100 --checkpoint-output check_{{:03}}.png --checkpoint-iterations 3"
LONG += " --state run.state --state-iterations 2"


def duration(server):
    start = time.monotonic()
    assert server.start(*LONG.split()).wait() == 0
    seconds = time.monotonic() - start
    for path in [*Path().glob("check_*.png"), Path("run.state"), Path("out.png")]:
        path.unlink()
    return seconds


@pytest.mark.parametrize("count", [3, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_a_process_that_is_killed_leaves_whole_files(server, command, count):
    random = np.random.default_rng()
    inputs = set(os.listdir())
    old, seconds, resumed, absent = Path("content.png").read_bytes(), duration(server), 0, 0
    for number in range(count):
        if number % 3 == 0:
            Path("out.png").write_bytes(old)
        run = server.start(*LONG.split())
        if number % 2:  # anywhere in the run
            time.sleep((number + random.uniform()) / count * seconds)
        else:  # soon after its first state
            while not os.path.exists("run.state"):
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.1))
        with suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        run.wait()
        for name in set(os.listdir()) - inputs - {"run.state"}:
            if not (name.startswith(".") and name.endswith(".unfinished")):  # an unfinished file
                assert name.endswith(".png"), name
                assert read.image(name).shape == (30, 40, 3), name
        absent += not os.path.exists("out.png")
        if os.path.exists("run.state"):
            assert state.read("run.state").state.index > 0
            status, _, err = command("--resume", "run.state", "--iterations", 2, "--overwrite", defaults=False)
            assert status == 0, err
            resumed += 1
        for name in set(os.listdir()) - inputs:
            os.unlink(name)
    assert resumed
    assert absent


def test_the_style_loss_of_version_2_0_0_was_one_text():
    digests = dict.fromkeys(state.INPUTS, "1")
    settings = Settings(style_loss=("wasserstein",))
    before = state.settings_as_json(settings) | {"style_loss": "wasserstein"}
    assert state.differences(state.Saved(None, before, digests, []), settings, digests) == ([], [])
    flags, _ = state.differences(state.Saved(None, before, digests, []), Settings(), digests)
    assert flags == ["--style-loss was wasserstein and is now gram"]
