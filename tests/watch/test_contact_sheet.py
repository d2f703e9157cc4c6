"""The contact sheet: which pictures, in which order, and what is written below them."""

import numpy as np
import pytest

from brushwork.pictures import read, sizes
from brushwork.watch import contact_sheet
from brushwork.watch.contact_sheet import Shot
from tests.watch.steps import iterations, run


def flat(value, height=12, width=18):
    return np.full((height, width, 3), value, np.float32)


def shots_of(last):
    shots = []
    assert iterations(contact_sheet.collect_shots(run(ends=(last,)), last, shots)) == list(range(last + 1))
    return shots


@pytest.mark.parametrize(
    ("last", "due"),
    [(100, [20, 40, 60, 80]), (10, [2, 4, 6, 8]), (7, [1, 3, 4, 6]), (3, [1, 2]), (1, []), (0, [])],
)
def test_pictures_on_the_way_are_evenly_spread(last, due):
    shots = shots_of(last)
    assert [caption for caption, _ in shots] == [f"iteration {iteration}" for iteration in due]
    for iteration, (_, picture) in zip(due, shots, strict=True):
        assert picture.shape == (240, 360, 3)
        np.testing.assert_allclose(picture, iteration, atol=1e-3)  # each pixel has its iteration's number


def test_the_order_is_inputs_run_result():
    # Eight flat pictures in two rows of four, each of 240 by 240 px, 12 apart, with 22 px for captions.
    inputs = [(f"input {value}", flat(value, 9, 9)) for value in (10, 40, 70)]
    shots = [Shot(f"iteration {value}", flat(value, 240, 240)) for value in (100, 130, 160, 190)]
    sheet = contact_sheet.sheet(inputs, shots, flat(220, 480, 480))
    assert sheet.shape == (12 + 2 * (240 + 22 + 12), 12 + 4 * (240 + 12), 3)
    assert sheet.dtype == np.float32
    for number, value in enumerate((10, 40, 70, 100, 130, 160, 190, 220)):
        row, column = divmod(number, 4)
        top, left = 12 + row * 274, 12 + column * 252
        np.testing.assert_array_equal(sheet[top : top + 240, left : left + 240], value)
        caption = sheet[top + 240 : top + 262, left : left + 240]
        assert caption.min() < 128
        assert caption.max() == 255
    for gap in (sheet[:12], sheet[274:286], sheet[548:], *(sheet[:, left : left + 12] for left in range(0, 1020, 252))):
        assert (gap == 255).all()


def test_captions_are_those_given(monkeypatch):
    captions = []
    monkeypatch.setattr(contact_sheet, "_shortened", lambda caption, *_: captions.append(caption) or "")
    contact_sheet.sheet(
        [("content: a.png", flat(1)), ("style: b.png", flat(2))], [Shot("iteration 2", flat(3))], flat(4)
    )
    assert captions == ["content: a.png", "style: b.png", "iteration 2", "result"]


def test_rows_of_pictures_of_several_widths():
    # The wider row is the second: 3 * 480 px against 4 * 120.
    narrow, wide = [("a", flat(10, 20, 10))] * 4, [("b", flat(20, 10, 20))] * 2
    sheet = contact_sheet.sheet([*narrow, *wide], [], flat(30, 10, 20))
    assert sheet.shape == (12 + 2 * 274, 12 + 3 * (480 + 12), 3)
    assert (sheet[12:252, 12 + 4 * 132 :] == 255).all()
    assert (sheet[286:526, 12 + 2 * 492 : 12 + 2 * 492 + 480] == 30).all()


@pytest.mark.parametrize("caption", ["style: " + "m" * 25 + ".png", "style: " + "very " * 40 + "long.png"])
def test_a_caption_is_no_wider_than_its_picture(caption):
    sheet = contact_sheet.sheet([(caption, flat(10, 9, 9))], [], flat(20, 9, 9))
    assert sheet[252:274, 12:252].min() < 128
    assert (sheet[252:274, 252:264] == 255).all()


def test_letters_that_the_font_may_not_have_are_question_marks():
    one, other = (contact_sheet.sheet([(caption, flat(9))], [], flat(9)) for caption in ("\N{SNOWMAN}.png", "?.png"))
    np.testing.assert_array_equal(one, other)


def test_pictures_beyond_the_range_are_clipped_before_they_are_resized():
    image = np.concatenate([flat(-2000, 9, 4), flat(3000, 9, 5)], axis=1)
    one, other = (contact_sheet.sheet([("a", each)], [], each) for each in (image, np.clip(image, 0, 255)))
    np.testing.assert_array_equal(one, other)
    assert (one[12:252, 12], one[12:252, 251]) == (pytest.approx(0), pytest.approx(255))


def test_the_command_makes_one(command):
    status, _, err = command("--styles", "style.png", "other.png", "--contact-sheet", "sheet.png", iterations=10)
    assert status == 0, err
    assert "wrote sheet.png" in err
    sheet = read.image("sheet.png")
    # content, two styles, four on the way and the result: two rows of four
    assert sheet.shape[0] == 12 + 2 * (240 + 22 + 12)
    left = 12
    for name, width in (("content", 320), ("style", 320), ("other", 181)):  # each at the content's width, 40 px
        thumbnail = sizes.resize(sizes.resize_to_width(read.image(f"{name}.png"), 40), 240, width)
        np.testing.assert_allclose(sheet[12:252, left : left + width], thumbnail, atol=1)
        left += width + 12
    result = sizes.resize(read.image("out.png"), 240, 320)
    np.testing.assert_allclose(sheet[286:526, 12 + 3 * 332 :][:, :320], result, atol=2)


def test_the_command_makes_one_of_a_short_run(command):
    assert command("--contact-sheet", "sheet.jpg", iterations=0)[0] == 0
    assert read.image("sheet.jpg").shape[0] == 240 + 22 + 24
    status, _, err = command("--contact-sheet", "sheet.xyz", output="b.png")
    assert (status, "cannot write sheet.xyz: unknown picture format" in err) == (1, True)
