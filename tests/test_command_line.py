"""The command line: what is parsed, in which order flags win, and the exit statuses of batches."""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest

import neural_style
from brushwork import state
from brushwork.errors import Mistakes, PictureError, UserError
from brushwork.messages import logger
from brushwork.pictures import metadata
from brushwork.preview_settings import PREVIEW_SETTINGS
from brushwork.run import jobs, plan, resuming, runner
from brushwork.schedule import make_schedule
from brushwork.settings import SETTINGS, Settings
from tests.helpers.command import words

NEEDED = words("--content content.png --styles style.png --output out.png")


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """The path of a state whose command line has a seed and a width."""
    monkeypatch.chdir(tmp_path)
    image, command = np.zeros((3, 4, 3), np.float32), [*NEEDED, "--seed", "3", "--width", "40"]
    state.write("a.state", state.Saved(state.State(0, 1, image, image, 1.0, {}), {}, {}, command))
    return "a.state"


def test_flags_of_settings_are_there_only_if_they_are_given():
    options = neural_style.parse(NEEDED)
    assert not {field for field in vars(options) if field in Settings.__dataclass_fields__}
    assert (options.resume, options.saved, options.command) == (None, None, NEEDED)
    assert (options.quiet, options.verbose, options.overwrite, options.dry_run, options.depth) == (*[False] * 4, 8)
    assert (options.skip_existing, options.keep_alpha, options.progress_write, options.progress_plot) == (False,) * 4
    assert (options.preset, options.pairs, options.max_seconds, options.network) == (None,) * 4
    assert neural_style.parse([*NEEDED, "--no-box"]).box is False
    assert neural_style.parse([*NEEDED, "--eps", "0.5"]).epsilon == 0.5
    assert neural_style.parse([*NEEDED, "--preserve-colors"]).colors == "luma"


def test_flags_of_a_state_come_first(saved):
    options = neural_style.parse(["--resume", saved, "--width", "50"])
    assert (options.seed, options.width, options.content, options.output) == (3, 50, ["content.png"], "out.png")
    assert options.saved.state.index == 1
    assert options.resume == saved
    assert options.command == [*NEEDED, *words("--seed 3 --width 40 --width 50")]
    assert neural_style.parse([f"--resume={saved}"]).seed == 3


def test_a_state_does_not_give_flags_that_only_the_user_may_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [
        *NEEDED,
        *words("--quiet --overwrite --dry-run --resume other.state --verbose --width 9 --resume=b.state"),
    ]
    image = np.zeros((3, 4, 3), np.float32)
    state.write("a.state", state.Saved(state.State(0, 1, image, image, 1.0, {}), {}, {}, command))
    options = neural_style.parse(["--resume", "a.state"])
    assert (options.quiet, options.overwrite, options.dry_run, options.resume) == (False, False, False, "a.state")
    assert (options.verbose, options.width) == (True, 9)
    assert options.command == [*NEEDED, *words("--verbose --width 9")]
    options = neural_style.parse(words("--resume a.state --overwrite --quiet --dry-run"))
    assert (options.quiet, options.overwrite, options.dry_run) == (True, True, True)


def test_help_reads_no_state(capsys):
    for flag in ("-h", "--help"):
        with pytest.raises(SystemExit) as ended:
            neural_style.parse(["--resume", "missing.state", flag])
        assert ended.value.code == 0
        assert "--resume FILE" in capsys.readouterr().out


def test_flags_of_a_picture_come_before_those_given(monkeypatch):
    read = {"a.png": {"flags": words("--seed 4 --width 30 --scales 2")}}
    monkeypatch.setattr(metadata, "read", read.__getitem__)
    options = neural_style.parse([*NEEDED, "--settings-from", "a.png", "--width", "31"])
    assert (options.seed, options.width, options.scales) == (4, 31, [2])
    assert options.command == [*NEEDED, "--settings-from", "a.png", "--width", "31"]
    with pytest.raises(Mistakes) as refusal:
        neural_style.parse([*NEEDED, "--settings-from", "a.png", "--preset", "fast"])
    assert refusal.value.status == 2
    assert refusal.value.sentences == [
        "--settings-from and --preset both choose the settings to begin with; give one of them"
    ]


def test_every_setting_has_a_flag_and_its_facts():
    facts = neural_style.make_parser().facts
    for name, setting in (SETTINGS | PREVIEW_SETTINGS).items():
        assert facts[setting.flag].name == name
        assert facts[setting.flag].is_list is setting.is_list
        assert facts[setting.flag].for_preview is (name in PREVIEW_SETTINGS)
    assert [flag for flag, each in facts.items() if each.name == "colors"] == ["--colors", "--preserve-colors"]
    assert facts["--initial"].is_path
    assert facts["--initial"].words == ("noise", "content", "style")


def settings_of(*flags, styles=1):
    """(the Settings of some flags or None, what is wrong with them)."""
    job, mistakes = SimpleNamespace(styles=["s.png"] * styles), Mistakes()
    made = jobs.make_settings(neural_style.parse([*NEEDED, *flags]), job, mistakes)
    return made, mistakes.sentences


def test_a_preset_and_flags_make_the_settings():
    assert settings_of() == (Settings(), [])
    fast = Settings(optimizer="lbfgs", initial="content", precision="auto", padding="replicate", iterations=9)
    assert settings_of("--preset", "fast", "--iterations", "9") == (fast, [])
    lists = words("--scales 4 8 --style-layers relu1_1 relu2_1 --style-size 9 --tile-size none")
    expected = Settings(scales=(4, 8), style_layers=("relu1_1", "relu2_1"), style_size=9, tile_size="none")
    assert settings_of(*lists) == (expected, [])
    assert settings_of("--style-scales", "1", "2", styles=3)[1] == [
        "--style-scales takes one number for each style: 3, not 2"
    ]
    assert settings_of("--seed", "-1", "--beta1", "2") == (
        None,
        ["--beta1 must be at least 0 and below 1, not 2", "--seed must be between 0 and 4294967295, not -1"],
    )


@pytest.mark.parametrize(
    ("content", "template", "path"),
    [
        ("a/50%.png", "c-{content}-{style}-%02d.png", "c-50%-style-03.png"),
        ("a/50%{x}.png", "c-{content}-{style}-{:02}.png", "c-50%{x}-style-03.png"),
    ],
)
def test_names_in_a_template_are_not_templates(content, template, path):
    flags = ["--content", content, "--checkpoint-output", template, "--checkpoint-iterations", "1"]
    (job,) = jobs.make_jobs(neural_style.parse([*NEEDED[2:], *flags]))
    assert job.checkpoint(3) == path


def test_a_state_is_of_one_picture(saved):
    options = neural_style.parse(["--resume", saved, *words("--content b.png c.png --output {content}.png")])
    with pytest.raises(Mistakes) as refusal:
        resuming.choose_job(jobs.make_jobs(options), options)
    assert refusal.value.sentences == [
        f"cannot resume {saved}: it is of none of these 2 pictures; give no other --content"
    ]


def mistakes(*files, usage=()):
    made = Mistakes(*usage)
    for sentence in files:
        made.add_file(sentence)
    return made


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [
        (PictureError("no"), 1, ["error: no"]),
        (UserError("no"), 1, ["error: no"]),
        (mistakes("one", "two", "one"), 1, ["error: one", "error: two"]),
        (mistakes("one", usage=["two"]), 2, ["error: two", "error: one"]),
        (ModuleNotFoundError(name="h5py"), 1, None),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
    ids=str,
)
def test_the_status_and_the_sentences_of_an_error(monkeypatch, capsys, error, status, lines):
    def fail(options, show):
        raise error

    monkeypatch.setattr(runner, "run", fail)
    assert neural_style.main(NEEDED) == status
    err = capsys.readouterr().err
    if lines is None:
        assert err.startswith("neural_style: error: this Python, ")
    else:
        assert err.splitlines() == [f"neural_style: {line}" for line in lines]


def test_quiet_says_errors_only(monkeypatch, capsys):
    def run(options, show):
        logger.info("a note")
        logger.warning("a warning")
        logger.error("a mistake")
        return 0

    monkeypatch.setattr(runner, "run", run)
    assert neural_style.main([*NEEDED, "--quiet"]) == 0
    assert capsys.readouterr().err == "neural_style: error: a mistake\n"
    assert neural_style.main(NEEDED) == 0
    assert capsys.readouterr().err.splitlines() == [
        "neural_style: a note",
        "neural_style: warning: a warning",
        "neural_style: error: a mistake",
    ]


class FakeRunner:
    """Returns statuses in turn; a negative one is an interrupt during the picture."""

    def __init__(self, statuses, interrupts):
        self.statuses, self.interrupts, self.plans = iter(statuses), interrupts, []

    def run(self, plan):
        self.plans.append(plan)
        status = next(self.statuses)
        self.interrupts.status = max(0, -status)
        return max(0, status)


@pytest.mark.parametrize(
    ("statuses", "bad", "existing", "status", "said"),
    [
        ([0, 0, 0], (), (), 0, "3 done"),
        ([0, 1, 0], (), (), 1, "2 done, 1 failed"),
        ([0, 0], ("b",), (), 1, "2 done, 1 failed"),
        ([], ("a", "b", "c"), (), 1, "0 done, 3 failed"),
        ([0], (), ("a", "c"), 0, "1 done, 2 skipped"),
        ([0, -130], (), (), 0, "1 done, 2 not started or not finished"),
        ([-130], (), ("a",), 0, "0 done, 1 skipped, 2 not started or not finished"),
        ([1, -143], (), (), 1, "0 done, 1 failed, 2 not started or not finished"),
    ],
    ids=str,
)
def test_a_batch_is_counted(tmp_path, monkeypatch, logged, statuses, bad, existing, status, said):
    monkeypatch.chdir(tmp_path)
    for name in existing:
        (tmp_path / f"{name}.png").touch()

    def make_plan(job, options, network_for, claims):
        if job.content in bad:
            mistakes = Mistakes()
            mistakes.add_file(f"cannot read {job.content}")
            raise mistakes
        return job.content

    monkeypatch.setattr(plan, "make_plan", make_plan)
    batch = [jobs.Job(name, ["s"], f"{name}.png", None, None, None, None, skip_existing=True) for name in "abc"]
    options, interrupts = argparse.Namespace(skip_existing=True), SimpleNamespace(status=0)
    fake = FakeRunner(statuses, interrupts)
    assert runner.run_batch(batch, options, None, None, fake, interrupts) == status
    assert logged[-1] == ("info", said)
    made = [name for name in "abc" if name not in (*bad, *existing)][: len(statuses)]
    assert fake.plans == made
    assert [("info", f"picture {number} of 3: {name}.png") in logged for number, name in enumerate("abc", 1)] == [
        name not in existing and (name in made or name in bad) for name in "abc"
    ]
    assert [("error", f"cannot read {name}") in logged for name in "abc"] == [name in bad for name in "abc"]


@pytest.mark.parametrize(
    ("flags", "counts", "widths"),
    [
        ("", (60, 50, 40, 30), 4),  # 90 px of the longer side, times 1.414 three times, is 255
        ("--iterations 9", (9, 7, 5, 4), 4),
        ("--scales 2", (40, 30), 2),
        ("--scales 60 100", (50, 40, 30), 3),
        ("--scale-iterations 5 3", (5, 5, 5, 3), 4),
        ("--smallest-scale 200", (30,), 1),
    ],
)
def test_flags_override_what_belongs_to_them_in_a_preset(flags, counts, widths):
    settings, mistakes = settings_of("--preset", "painterly", *flags.split())
    assert not mistakes
    scales = make_schedule(settings, 180, 256).scales
    assert tuple(scale.iterations for scale in scales) == counts
    assert len(scales) == widths


def test_a_blend_of_content_layers_overrides_the_layers_of_a_preset():
    settings, mistakes = settings_of("--preset", "painterly", "--content-weight-blend", "0.25")
    assert not mistakes
    assert settings.content_layer_weights == pytest.approx({"relu4_2": 0.075, "relu5_2": 0.225})
