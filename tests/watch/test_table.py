"""The table of the losses and its plot."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.watch import table
from brushwork.watch.table import Paths, Row
from tests.watch.steps import Clock, iterations, run

NAMES, TABLE = ("content", "style", "tv", "total"), Paths(table=Path("table.txt"))


def row(iteration, *losses):
    return Row(iteration, dict(zip(NAMES, losses, strict=True)))


ROWS = [row(0, 1.0, 20.0, 300.0, 321.0), row(5, 0.5, 2.0, 30.0, 32.5)]


def record(steps, every, last, paths=TABLE, **options):
    return table.record_losses(steps, every, last, paths, **options)


def test_text():
    assert table.text(ROWS) == b"# itr content style tv total\n0 1 20 300 321\n5 0.5 2 30 32.5\n"


def test_text_has_nine_digits():
    ((_, *losses),) = np.loadtxt(io.BytesIO(table.text([row(7, 1 / 3, 2e9 / 3, 1e-9 / 3, 0)])), ndmin=2)
    np.testing.assert_allclose(losses, [1 / 3, 2e9 / 3, 1e-9 / 3, 0], rtol=5e-9)


def test_a_further_term_has_a_column_of_its_own():
    rows = [*ROWS, Row(6, {"temporal": 4.0, "total": 4.5})]
    text = table.text(rows)
    assert text.splitlines()[0] == b"# itr content style tv total temporal"
    expected = [[0, 1, 20, 300, 321, np.nan], [5, 0.5, 2, 30, 32.5, np.nan], [6, np.nan, np.nan, np.nan, 4.5, 4]]
    np.testing.assert_array_equal(np.loadtxt(io.BytesIO(text)), expected)


def test_the_columns_are_those_of_the_head(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert iterations(record(run(ends=(7,)), 3, 7)) == list(range(8))
    head, *_ = Path("table.txt").read_text().splitlines()
    assert head == "# itr " + " ".join(NAMES)
    # content 10, style 100, tv 1000, total 1110 times one more than the iteration
    assert np.loadtxt("table.txt").tolist() == [
        [0, 10, 100, 1000, 1110], [3, 40, 400, 4000, 4440], [6, 70, 700, 7000, 7770], [7, 80, 800, 8000, 8880]
    ]  # fmt: skip


def test_it_is_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clock, written = Clock(), []
    monkeypatch.setattr(table, "time", clock.time)
    for step in record(run(ends=(9,), clock=clock, durations=[2]), 1, 9):
        rows = np.loadtxt("table.txt", ndmin=2)[:, 0].tolist() if Path("table.txt").exists() else []
        if rows and rows[-1] == step.iteration:
            written.append(step.iteration)
            assert rows == list(range(step.iteration + 1))
    assert written == [2, 5, 8]  # more than 5 seconds each
    assert np.loadtxt("table.txt")[:, 0].tolist() == list(range(10))


def test_a_run_that_stops_has_its_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def diverging():
        yield from run(ends=(3,))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(record(diverging(), 1, 9))
    assert np.loadtxt("table.txt")[:, 0].tolist() == [0, 1, 2, 3]


def test_a_run_without_a_step_leaves_an_earlier_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.txt").write_bytes(table.text(ROWS))
    with pytest.raises(MemoryError):
        list(record(failing(), 1, 9, Paths("table.txt", "plot.png")))
    assert Path("table.txt").read_bytes() == table.text(ROWS)
    assert not Path("plot.png").exists()


def failing():
    yield from ()
    raise MemoryError


def test_rows_of_a_run_that_is_continued(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    list(record(run(ends=(5,)), 1, 5))
    before = table.rows_before("table.txt", 3)
    assert before == [row(0, 10, 100, 1000, 1110), row(1, 20, 200, 2000, 2220), row(2, 30, 300, 3000, 3330)]
    list(record(run(first=3, ends=(6,)), 1, 6, rows=before))
    assert np.loadtxt("table.txt")[:, 0].tolist() == list(range(7))
    assert len(before) == 3


@pytest.mark.parametrize(
    ("contents", "rows"),
    [
        (None, []),
        ("", []),
        ("total temporal\n0 1 2\n", []),  # no header of ours
        ("# itr content style tv total\n0 1 2 3 4\n\n2 5 6 7 8\n", []),
        ("# itr content style tv total\n0 1 2 3 4\n1 2 3\n2 5 6 7 8\n", [row(0, 1, 2, 3, 4), row(2, 5, 6, 7, 8)]),
        ("# itr total temporal\n0 1 2\n", [Row(0, {"total": 1, "temporal": 2})]),
        ("# itr\nmy shopping list\n", []),
        ("\N{SNOWMAN}", []),
    ],
)
def test_rows_of_a_file_that_is_no_table(tmp_path, contents, rows):
    if contents is not None:
        (tmp_path / "table.txt").write_text(contents, encoding="utf-8")
    assert table.rows_before(tmp_path / "table.txt", 9) == rows


def test_what_cannot_be_written_is_reported_and_the_run_goes_on(tmp_path, logged):
    directory = tmp_path / "missing"
    paths = Paths(directory / "table.txt", directory / "plot.png")
    assert iterations(record(run(ends=(2,)), 1, 2, paths)) == [0, 1, 2]
    assert logged == [("error", f"cannot write {path}: No such file or directory; going on") for path in paths]


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    list(record(run(ends=(2,)), 1, 2, Paths(plot=tmp_path / "plot.png")))
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]
    with Image.open(tmp_path / "plot.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (800, 500))


def test_curves(monkeypatch):
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []
    monkeypatch.setattr(figures.Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    table.plot([row(0, 1.0, 20.0, 0.0, 21.0), row(5, 0.5, 2.0, 0.0, 2.5), Row(6, {"total": 2.0, "temporal": 1.5})])
    (axes,) = drawn[0].axes
    curves = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert curves == {
        "content": [[0, 1], [5, 0.5]],
        "style": [[0, 20], [5, 2]],
        "total": [[0, 21], [5, 2.5], [6, 2]],
        "temporal": [[6, 1.5]],
    }
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["content", "style", "total", "temporal"]
