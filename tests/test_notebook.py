"""examples/notebook.ipynb: it has no stored outputs, and runs from its first cell to the last."""

import json
import os
import re
import sys

import pytest

from brushwork.presets import PRESETS
from brushwork.settings import Settings
from tests.helpers.command import ROOT

PATH = ROOT / "examples" / "notebook.ipynb"
CELLS = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
CODE = {cell["id"]: "".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"}
SMALL = {"WIDTH": 40, "SHOW_EVERY": 2, "PRESET": "painterly"}
FEW = {"scale_iterations": (3,), "smallest_scale": 16, "style_layers": ("relu1_1", "relu2_1")}
FEW |= {"content_layers": ("relu2_1",), "precision": "float32"}


def test_nothing_that_a_run_leaves_is_stored():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS if "outputs" in cell)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)


def test_its_files_and_presets_exist():
    for name in re.findall(r'"([\w-]+\.jpg)"', CODE["choices"]):
        assert (ROOT / "examples" / name).exists()
    named = re.findall(r'"([a-z]+)"', CODE["choices"].splitlines()[1])
    assert set(named) == set(PRESETS)
    text = "".join(line for cell in CELLS for line in cell["source"])
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", text):
        assert (PATH.parent / link).exists(), link
    changes = re.findall(r'\{"(\w+)": ([^}]+)\}', CODE["choices"] + "".join(CELLS[-1]["source"]))
    assert len(changes) == 4
    for name, value in changes:
        Settings(**{name: json.loads(value)})


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning", "ignore::UserWarning")
def test_it_runs_and_shows_the_picture_as_it_grows(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    notebook = nbformat.read(PATH, as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    for name, value in (SMALL | {"CHANGES": FEW}).items():
        cell.source, count = re.subn(
            rf"^{name} = .*$", lambda _, line=f"{name} = {value!r}": line, cell.source, flags=re.M
        )
        assert count == 1, name
    cell.source = re.sub(r'"([\w-]+\.jpg)"', lambda name: repr(str(ROOT / "examples" / name[1])), cell.source)
    updates = []
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.on_cell_executed = lambda cell, **_: None
    process = client.process_message

    def watched(message, *others):
        updates.append(message["msg_type"])
        return process(message, *others)

    client.process_message = watched
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute(env=environment)
    outputs = {cell["id"]: cell.get("outputs", []) for cell in notebook.cells}
    pictures = {
        name: [each for each in found if "image/png" in each.get("data", {})] for name, found in outputs.items()
    }
    assert {name: len(found) for name, found in pictures.items() if found} == {
        "pictures": 2,
        "run": 1,
        "loss": 1,
        "result": 1,
    }
    assert updates.count("update_display_data") >= 3
    assert any(re.match(r"\d+ iterations, loss .+ -> .+", each.get("text", "")) for each in outputs["run"])
    assert (tmp_path / "painted.png").stat().st_size > 1000
