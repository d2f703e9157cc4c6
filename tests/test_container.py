"""The Dockerfile: what it copies exists and is enough, and the command is run by another user than root."""

import fnmatch
import json
import re
import shlex

import pytest

from tests.helpers.command import ROOT
from tests.helpers.documents import DOCS

tomllib = pytest.importorskip("tomllib")  # Python 3.11
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINES = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ").splitlines()
STEPS = [tuple(line.split(maxsplit=1)) for line in LINES if line.strip()]
COPIED = [word for name, rest in STEPS if name == "COPY" for word in shlex.split(rest)[:-1]]


def values(step):
    return [rest for name, rest in STEPS if name == step]


def is_sent(path):
    """Whether .dockerignore lets a path through: the last line that fits it or a directory of it decides."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    sent, parts = True, path.split("/")
    prefixes = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    for rule in rules:
        pattern = rule.removeprefix("!").replace("**/", "*")
        if any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes):
            sent = rule.startswith("!")
    return sent


def test_only_known_instructions_are_used():
    assert STEPS[0][0] == "FROM"
    assert {name for name, _ in STEPS} <= set("FROM RUN WORKDIR COPY USER EXPOSE ENTRYPOINT CMD".split())


def test_what_is_copied_exists_and_is_sent():
    for pattern in COPIED:
        found = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)]
        assert found, pattern
        assert all(map(is_sent, found)), pattern
    for other in (".git/config", ".venv/bin/python", "tests/conftest.py", "out.png", "brushwork/__pycache__/x.pyc"):
        assert not is_sent(other), other


def test_everything_that_is_installed_is_copied():
    tools = PROJECT["tool"]["setuptools"]
    needed = {f"{name}.py" for name in tools["py-modules"]} | {"brushwork", "pyproject.toml", "requirements.txt"}
    needed |= {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    needed |= {pattern for patterns in tools["data-files"].values() for pattern in patterns}
    assert needed == set(COPIED)


def test_the_extras_and_the_python_exist():
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', " ".join(values("RUN")))
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert "video" in extras  # films, on the page too
    version = re.fullmatch(r"python:3\.(\d+)-slim", values("FROM")[0])[1]
    assert int(version) >= int(re.search(r">=3\.(\d+)", PROJECT["project"]["requires-python"])[1])


def test_the_command_is_run_by_a_user_that_is_made():
    (user,) = values("USER")
    assert any(re.search(rf"\buseradd\b.* {user}$", step) for step in values("RUN"))
    assert user not in ("root", "0")
    names = [name for name, _ in STEPS]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert json.loads(values("ENTRYPOINT")[0])[0] in PROJECT["project"]["scripts"]
    assert values("WORKDIR")[-1] in " ".join(values("RUN")[-1:])  # made by the user, so it can write there


def test_the_documented_volumes_are_directories_of_the_image():
    commands = re.findall(r"docker run (.*?)\n\n", DOCS["studio.md"], re.S)
    assert commands
    for command in commands:
        for place in re.findall(r"--volume \S+?:(/[\w/.-]+)", command.replace('"', "")):
            assert place in values("RUN")[-1]
