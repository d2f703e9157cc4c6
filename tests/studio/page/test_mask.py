"""Masks: drawn with the mouse and the keyboard over photographs of any size."""

import shlex

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.exhaustive
LEVEL = """([x, y]) => {
  const board = document.querySelector("#mask");
  return board.getContext("2d").getImageData(Math.floor(x * board.width), Math.floor(y * board.height), 1, 1).data[0];
}"""
WHITE = """() => {
  const board = document.querySelector("#mask");
  const { data } = board.getContext("2d").getImageData(0, 0, board.width, board.height);
  return data.filter((level, place) => place % 4 === 0 && level).length;
}"""


def test_a_mask_is_drawn_with_the_mouse_and_used(page, files):
    page.choose("styles", files[2])
    page.page.click("#styles .mask >> nth=0")
    board = page.page.locator("#mask").bounding_box()
    x, y, width, height = (board[side] for side in ("x", "y", "width", "height"))
    page.page.evaluate("() => { document.querySelector('#brush').value = 40; }")
    page.page.mouse.move(x + width * 0.1, y + height * 0.1)
    page.page.mouse.down()
    page.page.mouse.move(x + width * 0.1, y + height * 0.9, steps=5)
    page.page.mouse.up()
    page.page.click("#usemask")
    page.until_text("#chosen .mask", "Change")
    assert page.page.locator("#chosen input[type=range]").count() == 0  # the mask decides
    page.paint()
    page.until_status("done")
    command = shlex.split(page.text("#command"))
    masks = command[command.index("--style-masks") + 1 :][:2]
    left, right = (np.array(Image.open(path).convert("L").resize((96, 64)), float) for path in masks)
    assert left[:, :20].mean() > 200
    assert left[:, -20:].mean() < 5
    np.testing.assert_allclose(right, 255 - left, atol=2)


def test_an_empty_mask_is_refused(page):
    page.page.click("#styles .mask")
    page.page.click("#usemask")
    assert "Nothing is drawn" in page.text("#maskline")
    assert page.page.is_visible("#masks")
    page.page.click("#fill")
    assert page.text("#maskline") == ""
    page.page.click("#usemask")
    page.until_text("#chosen .mask", "Change")


def test_the_board_has_a_usable_size_for_a_tiny_photograph(page, tmp_path):
    Image.new("RGB", (20, 10), (90, 120, 30)).save(tmp_path / "tiny.png")
    page.choose("content", tmp_path / "tiny.png")
    page.page.click("#styles .mask")
    box = page.page.locator("#mask").bounding_box()
    assert box["width"] > 500
    assert box["height"] == pytest.approx(box["width"] / 2, abs=1)
    assert page.page.evaluate("() => document.querySelector('#mask').width") == 1024


def test_arrows_move_and_the_space_bar_draws(page):
    page.page.click("#styles .mask")
    page.page.focus("#mask")
    for _ in range(4):
        page.page.keyboard.press("ArrowLeft")
    assert page.page.evaluate(WHITE) == 0
    page.page.keyboard.press("Space")
    assert page.page.evaluate(LEVEL, [0.5 - 4 / 24, 0.5]) == 255
    assert page.page.evaluate(LEVEL, [0.5 + 4 / 24, 0.5]) == 0
    for _ in range(8):
        page.page.keyboard.press("Shift+ArrowRight")
    assert page.page.evaluate(LEVEL, [0.5 + 3 / 24, 0.5]) == 255
    page.page.keyboard.press("Control+z")
    page.page.keyboard.press("Escape")
    assert page.text("#chosen .mask").startswith("Draw")


def test_a_stroke_is_undone_and_a_mask_cancelled(page):
    page.page.click("#styles .mask")
    assert page.page.inner_text("#rest") == "The rest stays like the photograph."
    assert page.page.evaluate(LEVEL, [0.01, 0.01]) == 0
    board = page.page.locator("#mask").bounding_box()
    page.page.mouse.click(board["x"] + 3, board["y"] + 3)
    assert page.page.evaluate(LEVEL, [0.005, 0.005]) == 255
    page.page.click("#undo")
    assert page.page.evaluate(LEVEL, [0.005, 0.005]) == 0
    page.page.click("#cancel")
    assert page.page.inner_text("#chosen .mask").startswith("Draw")
    assert page.page.evaluate("() => document.activeElement.matches('#chosen .mask')")
