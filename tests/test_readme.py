"""The commands of README and docs/ run as they are printed, with a small network and few iterations."""

import os
import re
import runpy
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

import neural_style
from brushwork.pictures import read, write
from brushwork.settings import Settings
from brushwork.studio import command as studio_command
from stylize import make_objective, make_terms
from tests.helpers import documents
from tests.helpers.command import FAST, ROOT
from tests.helpers.documents import DOCS, README
from tests.helpers.tiers import spot_checks
from tests.reference.layers import numpy_layers

TEXT = "\n".join([README, *DOCS.values()])
# Those of recipes.md are in test_recipes.
ALL = documents.commands(README, *(text for name, text in DOCS.items() if name != "recipes.md"))
COMMANDS = [line for line in ALL if not line.startswith(("studio", "worker", "--cluster"))]
SMALL = ("--network", "net.mat", "--iterations", "2", "--width", "40", "--overwrite", *FAST.split())
SHORT = {"--scales": ("--scale-iterations", "2", "1", "1")}


@pytest.fixture
def pictures(folder):
    """The files that the commands name."""
    documents.make_pictures(30, 40)


def test_there_are_commands():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command(command, pictures, line):
    arguments = shlex.split(line)
    if "--resume" in arguments or "--settings-from" in arguments:
        earlier = ["--content", "photo.jpg", "--styles", "painting.jpg", "--output", "out.jpg", *SMALL]
        assert command(*earlier, "--state", "out.state", defaults=False)[0] == 0
        more = ["--network", "net.mat"] if "--settings-from" in arguments else []
    else:
        more = [*SMALL, *SHORT.get("--scales" if "--scales" in arguments else "", ())]
    status, _, err = command(*arguments, *more, defaults=False)
    assert status == 0, err
    assert "wrote " in err


def test_the_studio_takes_its_commands():
    lines = [shlex.split(line)[1:] for line in ALL if line.startswith("studio")]
    assert ["--open"] in lines
    for words in [*lines, shlex.split(re.search(r"`(--host .*?)`", DOCS["studio.md"].partition("## Who")[2])[1])]:
        studio_command.parse(words)
    flags = re.findall(r"^\| `(--[a-z]+)", DOCS["studio.md"], re.M)
    assert flags == ["--port", "--open", "--folder", "--network", "--host"]


def test_the_gallery():
    from tools import gallery

    text = DOCS["options.md"] + DOCS["recipes.md"]
    shown = re.findall(r"\]\(\.\./examples/gallery/([\w.-]+)\.jpg", text)
    assert set(shown) == set(gallery.PICTURES)
    for name in {*shown, *re.findall(r"examples/gallery/([\w.-]+)\.jpg", README)} - {"studio"}:
        assert (ROOT / "examples" / "gallery" / f"{name}.jpg").exists(), name
        *_, flags = gallery.PICTURES[name]
        own = flags.removeprefix(gallery.PAINTERLY).replace("examples/gallery/", "").partition(" --width")[0]
        own = own.partition(" --iterations")[0].strip()
        assert f"`{own or '--preset painterly'}`" in text, name
        given = ["--content", "a", "--styles", "b", "--output", "c"]
        assert neural_style.make_parser().parse_args([*flags.split(), *given])


@pytest.mark.parametrize("name", spot_checks(["README", "python.md"], keep=(0,)))
def test_a_program_in_python(pictures, capsys, name):
    """With a tenth of the iterations, in another directory."""
    text = (DOCS | {"README": README})[name]
    program, count = re.subn(r"iterations=50\b", "iterations=5", re.search(r"```python\n(.*?)```", text, re.S)[1])
    assert count == 1
    Path("program.py").write_text(program)
    runpy.run_path("program.py")
    assert [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()] == [*range(6)]
    assert read.image("out.jpg").shape == (30, 40, 3)


def test_the_term_of_your_own(tiny, random):
    block = next(text for text in re.findall(r"```python\n(.*?)```", DOCS["python.md"], re.S) if "(Term)" in text)
    assert len([line for line in block.partition("class ")[2].splitlines() if line]) <= 15
    names = {}
    exec(block, names)
    content, style, image, picture = random.uniform(0, 255, (4, 20, 30, 3)).astype(np.float32)
    mask = random.uniform(0, 1, (20, 30, 1)).astype(np.float32)
    terms = [*make_terms(Settings()), names["Likeness"](picture, mask, 0.1)]
    with make_objective(tiny, Settings(), terms=terms) as objective:
        objective.set_targets(content, [style])
        losses, _ = objective.evaluate(image)
    assert losses["likeness"] == pytest.approx(0.1 * np.sum(mask * np.abs(image - picture)), rel=1e-5)
    assert losses["total"] == pytest.approx(
        sum(losses[name] for name in ("content", "style", "tv", "likeness")), rel=1e-5
    )


def test_the_style_loss_of_your_own(tiny, random):
    blocks = re.findall(r"```python\n(.*?)```", DOCS["python.md"], re.S)
    made, used = (next(text for text in blocks if part in text) for part in ("(StyleTerm)", "Means(settings"))
    settings = Settings(content_weight=0, tv_weight=0, style_layers=("relu1_1",), style_weight=3)
    names = {"settings": settings, "network": tiny, "make_terms": make_terms, "make_objective": make_objective}
    exec(made + used, names)
    content, image = random.uniform(0, 255, (2, 20, 30, 3)).astype(np.float32)
    styles = random.uniform(0, 255, (2, 24, 16, 3)).astype(np.float32)
    means = [numpy_layers(picture, tiny, "max")["relu1_1"].mean(axis=(0, 1)) for picture in (image, *styles)]
    with names["objective"] as objective:
        objective.set_targets(content, styles)
        losses, _ = objective.evaluate(image)
    expected = 3 * np.mean((means[0] - (means[1] + means[2]) / 2) ** 2)
    assert losses["total"] == losses["style"] == pytest.approx(expected, rel=1e-4)


def test_all_commands_of_readme_are_those_of_its_environment():
    text = re.sub("```.*?```", "", README.replace("\\\n", " "), flags=re.S)
    first = re.findall(r"^    (\S+)", text, re.M)
    assert {word for word in first if not word.startswith(".venv/bin/")} == {"git", "cd", "make", "python3"}


def test_make_does_what_readme_says():
    makefile = " ".join((ROOT / "Makefile").read_text().replace("\\\n", " ").split())
    demo = next(line for line in COMMANDS if "demo.jpg" in line)
    assert f"neural-style {' '.join(shlex.split(demo))} --overwrite" in makefile
    assert "make test" in README
    assert "-m pytest" in makefile


def test_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.encode()) < 7000
    for name, text in {"README.md": README, **{f"docs/{name}": text for name, text in DOCS.items()}}.items():
        for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", text):
            link = "".join(target)
            assert link.startswith("https://") or ((ROOT / name).parent / link).exists(), (name, link)


def test_every_file_and_room_of_the_program_is_named():
    rooms = [f"brushwork/{path.name}/" for path in (ROOT / "brushwork").iterdir() if (path / "__init__.py").exists()]
    for name in (*(path.name for path in ROOT.glob("*.py")), *rooms):
        assert f"`{name}`" in README, name


def test_every_flag_named_is_a_flag(command):
    _, out, _ = command("--help", defaults=False)
    known = set(re.findall(r"--[a-z0-9-]+", out)) | {"--logdir"}
    known |= {"--port", "--open", "--folder", "--host", "--token"}  # of the studio
    known |= {"--workers"}  # of the worker
    known |= {"--scheduler-file", "--tls-ca-file", "--tls-cert", "--tls-key", "--nthreads", "--memory-limit"}  # of dask
    known |= {"--no-dashboard", "--nodes", "--ntasks-per-node", "--cpus-per-task"}  # of dask and srun
    known |= {"--publish", "--rm", "--tag", "--user", "--volume"}  # of docker
    known |= {"--sizes", "--rounds", "--content", "--style", "--size", "--iterations"}  # of the measuring tools
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXT)) <= known


def test_each_exit_status(command, pictures, monkeypatch):
    good = ["--content", "photo.jpg", "--styles", "painting.jpg", "--output", "out.jpg", *SMALL]
    assert command(*good, defaults=False)[0] == 0
    before = set(os.listdir())
    assert command(*good, "--initial", "missing.jpg", defaults=False)[0] == 1
    assert command(*good, "--width", 0, defaults=False)[0] == 2
    assert set(os.listdir()) == before
    rows = re.findall(r"^\| ([0-9, ]+) \|", README, re.M)
    assert rows == ["0", "1", "2", "130, 143, 129"]  # the interrupts are in test_state


def test_the_picture_of_a_process_that_cannot_write_is_beside_its_state(command, pictures, monkeypatch):
    save = write.save

    def failing(path, image, **options):
        if path == "gone/out.jpg":
            shutil.rmtree("gone", ignore_errors=True)
        save(path, image, **options)

    Path("gone").mkdir()
    Path("states").mkdir()
    monkeypatch.setattr(write, "save", failing)
    flags = ["--content", "photo.jpg", "--styles", "painting.jpg", "--output", "gone/out.jpg", *SMALL]
    status, _, err = command(*flags, "--state", "states/run.state", defaults=False)
    assert status == 1
    found = re.search(r"cannot write gone/out.jpg: No such file or directory; wrote (\S+/states/\S+\.jpg) instead", err)
    assert found, err
    assert read.image(found[1]).shape == (30, 40, 3)
    assert "its state is in states/run.state" in err
