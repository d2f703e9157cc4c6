"""The distribution: its modules, data and commands are installed, and every package that is imported is declared."""

import ast
import re
import sys

import pytest

from tests.helpers.command import ROOT

tomllib = pytest.importorskip("tomllib")  # Python 3.11
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = {"brushwork", "neural_style", "stylize", "vgg", "tests", "tools"}
# imported name -> distribution, where they differ
DISTRIBUTIONS = {"PIL": "pillow", "pillow_heif": "pillow-heif", "pillow_jxl": "pillow-jxl-plugin"}
DISTRIBUTIONS |= {"cv2": "opencv-python-headless", "axe_playwright_python": "axe-playwright-python"}
RUN = {"pytest-xdist", "ruff", "tensorboard"}  # without an import
TO_MAKE_LITE = {"onnx", "onnxruntime"}  # tools/make_lite says how to install them


def names(requirements):
    """The distributions that requirements name, with those of this project's own extras."""
    extras, found = PROJECT["project"]["optional-dependencies"], set()
    for requirement in requirements:
        name, own = re.match(r"([\w-]+)(?:\[([\w,-]+)\])?", requirement).groups()
        if name == PROJECT["project"]["name"]:
            found = found.union(*(names(extras[extra]) for extra in own.split(",")))
        else:
            found.add(name)
    return found


def imported(*folders):
    """The distributions that the Python files of folders import, anywhere in their text; by default the root's."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")] or list(ROOT.glob("*.py"))
    found = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
            found.add(node.args[0].value.partition(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - OWN - set(sys.stdlib_module_names)}


REQUIRED = names((ROOT / "requirements.txt").read_text().split())
EXTRAS = {name: names(needed) for name, needed in PROJECT["project"]["optional-dependencies"].items()}


def test_a_requirement_is_split_into_its_extras():
    assert names(["numpy>=1.26", "brushwork[heif]"]) == {"numpy", "pillow-heif"}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    program, studio = imported() | imported("brushwork"), imported("brushwork/studio")
    optional = set().union(*(EXTRAS[name] for name in ("cluster", "formats", "plots", "studio", "video")))
    assert REQUIRED <= program <= REQUIRED | optional
    assert studio <= REQUIRED | EXTRAS["studio"]
    of_tests = imported("tests", "tools", "examples") - TO_MAKE_LITE
    assert of_tests <= REQUIRED | EXTRAS["test"]
    assert EXTRAS["test"] <= program | of_tests | RUN


def test_all_modules_and_the_networks_are_installed():
    project = PROJECT["tool"]["setuptools"]
    assert sorted(project["py-modules"]) == sorted(path.stem for path in ROOT.glob("*.py"))
    assert project["packages"]["find"]["include"] == ["brushwork*"]
    assert all((path.parent / "__init__.py").exists() for path in (ROOT / "brushwork").rglob("*.py"))
    assert "pocket-vgg19.mat" in project["package-data"]["brushwork.network"]
    assert "lite.npz" in project["package-data"]["brushwork.preview"]


def test_the_command_has_two_names():
    assert PROJECT["project"]["scripts"] == dict.fromkeys(("brushwork", "neural-style"), "neural_style:main")
