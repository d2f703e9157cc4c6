"""Imports go one way, down the list in docs/design.md."""

import ast
import re

from tests.helpers.command import ROOT
from tests.helpers.documents import DOCS

LIST = re.search(r"Imports go one way.*?```\n(.*?)```", DOCS["design.md"], re.S)[1]
# {"neural_style": 0, ..., "brushwork.settings": 14, ...}
LINES = {
    name if name in ("neural_style", "stylize", "vgg") else f"brushwork.{name}": number
    for number, line in enumerate(LIST.splitlines())
    for name in line.split(", ")
}


def line_of(module):
    """The number of a module's line; the longest name in the list counts."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(LINES[name] for name in names if name in LINES)


def modules():
    """{name: path} of the program's modules; a package counts as its __init__ module."""
    paths = [ROOT / f"{name}.py" for name in ("neural_style", "stylize", "vgg")]
    paths += (ROOT / "brushwork").rglob("*.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imported(path):
    """Yield the names that a file imports, anywhere in its text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_one_above_it():
    known, upwards, count = modules(), [], 0
    for name, path in known.items():
        for other in set(imported(path)) & set(known) - {"brushwork", name}:
            count += 1
            if line_of(other) < line_of(name):
                upwards.append(f"{name} imports {other}")
    assert upwards == []
    assert count > 150


def test_every_package_and_module_is_in_the_list():
    assert {name for name in modules() if name.count(".") < 2} - {"brushwork"} == set(LINES) - {
        "brushwork.network.layers"
    }
