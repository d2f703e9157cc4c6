"""The tools that make pictures of pictures: the gallery of the documents, and sheets for blind judgements."""

import runpy
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.helpers.command import ROOT, pixels
from tools import compare, gallery


def test_the_gallery_paints_what_is_missing(command, tmp_path, monkeypatch):
    small = f"--network {tmp_path}/net.mat --width 24 --iterations 1"
    monkeypatch.setattr(gallery, "PICTURES", {"one": ("tubingen", "starry-night", small)})
    done = []
    monkeypatch.setattr(subprocess, "run", lambda line, **_: done.append(command(*line[2:], defaults=False)))
    flags = ["--pictures", str(tmp_path / "none"), "--output", str(tmp_path / "gallery")]
    assert gallery.main(flags) == gallery.main(flags) == 0
    assert [status for status, *_ in done] == [0]
    assert pixels(tmp_path / "gallery" / "one.jpg").shape == (16, 24, 3)  # of chelsea.jpg, the stand-in
    gallery.main([*flags, "one"])
    assert len(done) == 2
    with pytest.raises(SystemExit):
        gallery.main([*flags, "two"])


def test_a_sheet_has_both_results_of_a_pair_and_a_key(tmp_path):
    for number, name in enumerate(("a/x-y", "b/x-y", "photos/x", "paintings/y")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pixels = np.full((20, 30, 3), 60 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    inputs = ["--contents", str(tmp_path / "photos/x.png"), "--styles", str(tmp_path / "paintings/y.png")]
    output = tmp_path / "sheet.png"
    assert compare.main([str(tmp_path / "a"), str(tmp_path / "b"), *inputs, "--output", str(output)]) == 0
    levels = {tuple(color) for color in np.asarray(Image.open(tmp_path / "sheet-1.png")).reshape(-1, 3)}
    assert levels >= {(60 * number,) * 3 for number in range(4)}
    key = (tmp_path / "sheet.key.txt").read_text()
    assert {word for word in key.replace(",", "").split() if "/" in word} == {
        f"{tmp_path}/{side}/x-y.png" for side in "ab"
    }


@pytest.mark.exhaustive
def test_the_drawn_styles_are_those_of_the_examples(tmp_path):
    runpy.run_path(str(ROOT / "examples" / "draw_styles.py"))["main"](tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == ["brush-strokes.jpg", "stained-glass.jpg", "woodcut.jpg"]
    for name in drawn:
        assert np.abs(pixels(tmp_path / name) - pixels(ROOT / "examples" / name)).mean() < 2, name
