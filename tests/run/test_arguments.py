"""The words of a command line as people write them, and a Python that lacks packages."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import brushwork
from brushwork.presets import PRESETS
from brushwork.run import arguments
from brushwork.settings import SETTINGS
from tests.helpers.command import ROOT, words
from tests.helpers.tiers import spot_checks


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        ("--scales 20,30", "scales", (20, 30)),
        ("--scales 20 30", "scales", (20, 30)),
        ("--scales 20, 30", "scales", (20, 30)),
        ("--scales 2 --scale-iterations 5,4", "scale_iterations", (5, 4)),
        ("--style-scales=0.5", "style_scales", (0.5,)),
        ("--style-layers relu1_1:0.3,relu2_1", "style_layers", ("relu1_1:0.3", "relu2_1")),
        ("--content-layers relu1_1, relu2_1", "content_layers", ("relu1_1", "relu2_1")),
        ("--styles style.png other.png --style-blend-weights 0.8,0.2", "style_blend_weights", (0.8, 0.2)),
        ("--style other.png", "seed", 0),
        ("--style=other.png", "seed", 0),
    ],
)
def test_lists_with_commas_and_the_singular(command, plans, flags, name, value):
    status, _, err = command(*words(flags))
    assert status == 0, err
    assert getattr(plans[0].settings, name) == value
    assert plans[0].job.styles[-1] == ("other.png" if "other.png" in flags else "style.png")


@pytest.mark.parametrize("field", [name for name, each in SETTINGS.items() if each.choices])
def test_names_in_any_case(command, plans, field):
    flag = "--" + field.replace("_", "-")
    for choice in SETTINGS[field].choices:
        for text in (choice.upper(), choice.title()):
            assert command(flag, text)[0] == 0
            assert getattr(plans[-1].settings, field) == choice


@pytest.mark.parametrize("text", [text for name in PRESETS for text in (name.upper(), name.title())])
def test_presets_in_any_case(command, plans, text):
    assert command("--preset", text)[0] == 0
    assert plans[0].options.preset == text.lower()


def test_other_words_in_any_case(command, plans):
    assert command("--initial", "Content", "--pairs", "ALL", "--network", "Pocket")[0] == 0
    assert (plans[0].settings.initial, plans[0].options.pairs) == ("content", "all")
    assert plans[0].network.convolutions["conv1_1"][0].shape[-1] == 32


@pytest.mark.parametrize(
    ("flags", "size"), [("--height 15", (15, 20)), ("--height 31", (31, 41)), ("--height 15 --long-side 9", (15, 20))]
)
def test_the_height_is_exact_and_the_width_follows(command, plans, flags, size):
    assert command(*words(flags))[0] == 0
    assert plans[0].content.shape[:2] == size


def test_the_version_needs_no_other_flag(command):
    status, out, err = command("--version", defaults=False)
    assert (status, err) == (0, "")
    assert re.fullmatch(rf"neural-style {brushwork.VERSION} \(Python [\d.]+\S*, TensorFlow [\d.]+\S*\)\n", out)
    assert command("--resume", "missing.state", "--version", defaults=False)[:2] == (0, out)
    assert f'version = {{ attr = "brushwork.VERSION" }}' in (ROOT / "pyproject.toml").read_text()  # noqa: F541


# A Python that lacks packages.


def run_without(packages, *given):
    """The command in a process that cannot import some packages: (status, standard error)."""
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {packages!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import neural_style\n"
        "sys.exit(neural_style.main(sys.argv[1:]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code, *given]
    result = subprocess.run(run, capture_output=True, text=True, env=environment)
    return result.returncode, result.stderr


NEEDED = sorted(set(re.findall(r"^\w+", (ROOT / "requirements.txt").read_text(), re.M)) - {"tqdm", "pooch", "h5py"})


@pytest.mark.parametrize("package", spot_checks(NEEDED, keep=(0,)))
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(folder, package):
    name = {"pillow": "PIL"}.get(package, package)
    flags = "--content content.png --styles style.png --output out.png --network net.mat --iterations 1"
    status, err = run_without([name], *words(flags))
    assert status == 1, err
    (line,) = err.splitlines()[-1:]
    assert line.startswith(f"neural_style: error: this Python, {sys.executable}, has no package {name}")
    assert line.endswith(f"-m pip install {ROOT}") or line.endswith(f"{ROOT}/.venv/bin/pip install {ROOT}")
    assert "Traceback" not in err


def test_help_needs_no_package(folder):
    assert run_without([*NEEDED, "PIL", "h5py"], "--help") == (0, "")


def test_the_python_of_a_system_gets_an_environment(monkeypatch):
    error = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    monkeypatch.setattr(sys, "executable", "/opt/my python")
    monkeypatch.setattr(sys, "prefix", "/venv")
    assert arguments.missing(error).endswith(f"'/opt/my python' -m pip install {ROOT}")
    monkeypatch.setattr(sys, "base_prefix", "/venv")
    environment = f"'/opt/my python' -m venv {ROOT}/.venv && {ROOT}/.venv/bin/pip install {ROOT}"
    assert arguments.missing(error).endswith(environment)


def test_a_package_that_is_broken_is_named():
    error = ImportError("cannot import name 'x' from 'tensorflow'", name="tensorflow")
    assert "cannot import tensorflow: cannot import name 'x' from 'tensorflow'; install it" in arguments.missing(error)


@pytest.mark.parametrize("name", ["brushwork.run.x", "vgg", "stylize", None])
def test_our_own_mistakes_keep_their_traceback(name):
    with pytest.raises(ImportError):
        arguments.missing(ImportError("no", name=name))


def test_an_old_python_is_named(tmp_path):
    code = "import sys; sys.version_info = (3, 9, 1); import neural_style"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    message = f"neural_style: error: this needs Python 3.10 or newer; {sys.executable} is "
    assert (result.returncode, result.stderr[: len(message)]) == (1, message)
    assert len(result.stderr.splitlines()) == 1


def test_notes_about_the_network_come_after_the_checks(command, monkeypatch, folder):
    Path("keras").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "net.mat")
    given = words("--styles style.png --iterations 1 --output {content}.jpg")
    status, _, err = command("--content", "missing.png", *given, defaults=False)
    assert (status, len(err.splitlines()), "using the network" in err) == (1, 1, False)
    status, _, err = command("--content", "missing.png", "content.png", "other.png", *given, defaults=False)
    assert (status, err.count("using the network net.mat")) == (1, 1)
    assert err.index("cannot read missing.png") < err.index("using the network")


def test_messages_are_not_repeated_for_each_picture(command, folder):
    given = words("--styles style.png missing.png --iterations 1 --network net.mat --output {content}.jpg --seed 1")
    _, _, err = command("--content", "content.png", "other.png", *given, defaults=False)
    assert err.count("cannot read missing.png") == 1
    assert "error: cannot make other.jpg for the same reason" in err
    given = words("--styles style.png --iterations 1 --network net.mat --output {content}.jpg --color-strength 0.3")
    status, _, err = command("--content", "content.png", "other.png", *given, defaults=False)
    assert status == 0
    assert err.count("--color-strength has no effect") == 1
    assert err.count("computing in") == 1


@pytest.mark.parametrize("name", ["nope", "nope.mat"])
def test_a_variable_that_names_no_network_is_named(command, monkeypatch, name):
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", name)
    status, _, err = command(*words("--content content.png --styles style.png --output out.jpg"), defaults=False)
    assert (status, len(err.splitlines())) == (1, 1)
    assert err.endswith("; the variable NEURAL_STYLE_NETWORK names it\n")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("--content -photo.png", "-photo.png"),
        ("--content a.png -b.jpg", "-b.jpg"),
        ("--styles -a.png", "-a.png"),
        ("--output -out.png", "-out.png"),
        ("--content -there", "-there"),
    ],
)
def test_a_name_that_begins_with_a_dash(command, arguments, name):
    Path("-there").touch()
    status, _, err = command(*arguments.split())
    assert (status, err) == (
        2,
        f"neural_style: error: {name} begins with a dash, as flags do; write it as ./{name}\n",
    )
    status, _, err = command("--content", "content.png", "-widht", "40")
    assert "did you mean --width?" in err
