"""The generator of steps, on an objective whose totals follow a script: what is kept, and what the next scale gets."""

from itertools import islice

import numpy as np
import pytest

import stylize as method
from brushwork.pictures import masks as mask_room
from brushwork.pictures import sizes
from stylize import Diverged, Masks, Settings, stylize
from tests.helpers import tiny_networks

MEAN = tiny_networks.MEAN_PIXEL.astype(np.float32)


class Course:
    """An objective whose total follows a script; it records its targets and what it evaluates."""

    mean_pixel = MEAN

    def __init__(self, totals, slope=np.ones_like):
        self.totals, self.slope = iter(totals), slope
        self.targets, self.evaluated = [], []

    def set_targets(self, content, styles, masks, share, tile_size="auto"):
        self.targets.append((content, styles, masks, tile_size))

    def evaluate(self, image):
        self.evaluated.append(image)
        total = next(self.totals)
        return {"content": 0.0, "style": total, "tv": 0.0, "total": total}, self.slope(image)


def course(totals, **settings):
    objective = Course(totals)
    picture = np.zeros((2, 2, 3), np.float32)
    settings = Settings(**{"iterations": len(totals) - 1} | settings)
    return objective, stylize(objective, picture, [picture], settings)


def test_best_picture_is_kept():
    _, steps = course([9.0, 5.0, 7.0, 3.0, 4.0])
    steps = list(steps)
    kept = [[step.kept is other.image for other in steps].index(True) for step in steps]
    assert kept == [0, 1, 1, 3, 3]
    assert [step.losses["total"] for step in steps] == [9, 5, 7, 3, 4]
    assert [step.lowest for step in steps] == [9, 5, 5, 3, 3]
    for step in steps:
        np.testing.assert_array_equal(step.picture(), step.kept)


def test_of_equal_losses_the_first_picture_is_kept():
    _, steps = course([4.0, 4.0])
    first, second = steps
    assert second.kept is first.image


def test_last_picture_is_kept():
    _, steps = course([9.0, 5.0, 7.0], keep="last")
    steps = list(steps)
    for step in steps:
        assert step.kept is step.image
    assert [step.lowest for step in steps] == [9, 5, 7]


def test_one_evaluation_for_each_step():
    objective, steps = course([3.0, 2.0, 1.0])
    for count, step in enumerate(steps, start=1):
        assert len(objective.evaluated) == count
        assert objective.evaluated[-1] is step.image
    assert len(objective.evaluated) == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run_at_once(bad):
    objective, steps = course([3.0, 2.0, bad, 1.0])
    assert [step.losses["total"] for step in islice(steps, 2)] == [3, 2]
    with pytest.raises(Diverged, match="the loss is not finite at iteration 2$"):
        next(steps)
    assert len(objective.evaluated) == 3


def test_the_iteration_of_a_divergence_is_counted_over_all_scales():
    with pytest.raises(Diverged, match="iteration 2$"):  # the second evaluation of a scale is of its first iteration
        list(course([3.0, 2.0, 1.0, np.nan], scales=(2,), scale_iterations=(1, 5))[1])
    steps = course([3.0, 2.0, 1.0, np.nan], scales=(2,), scale_iterations=(2, 5))[1]
    with pytest.raises(Diverged, match="iteration 2$"):  # the first, of the last iteration before
        list(steps)


PORTRAIT, SCALES = (40, 24), [(10, 6), (20, 12), (40, 24)]


def course_in_scales(totals, counts, **settings):
    """(the objective, the Steps) of a run on a portrait at as many scales as there are counts."""
    content = np.random.default_rng(4).uniform(0, 255, (*PORTRAIT, 3)).astype(np.float32)
    settings = Settings(**{"scales": (len(counts),), "scale_iterations": counts, "initial": "content"} | settings)
    objective = Course(totals)
    return objective, list(stylize(objective, content, [content], settings))


def test_a_scale_that_is_ended_early_is_followed_by_the_next():
    content = np.full((*PORTRAIT, 3), 99, np.float32)
    settings, seen = Settings(scales=(3,), scale_iterations=(4, 3, 2), initial="content"), []
    for step in stylize(Course(np.arange(99.0, 0, -1)), content, [content], settings):
        seen.append((step.scale, step.iteration))
        if step.iteration in (2, 5):
            step.end_scale()
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 5), (2, 8), (2, 9)]


def test_the_steps_of_three_scales_are_counted_without_gaps():
    objective, steps = course_in_scales(np.arange(20.0), (2, 0, 3))
    assert [step.iteration for step in steps] == [0, 1, 2, 3, 4, 5]
    assert [step.scale for step in steps] == [0, 0, 0, 2, 2, 2]
    assert [step.image.shape[:2] for step in steps] == [SCALES[0]] * 3 + [SCALES[2]] * 3
    assert [image.shape[:2] for image in objective.evaluated] == [SCALES[0]] * 3 + [SCALES[1]] + [SCALES[2]] * 4
    assert all(step.picture().shape == (*PORTRAIT, 3) for step in steps)


@pytest.mark.parametrize(("keep", "index"), [("best", 1), ("last", 2)])
def test_the_next_scale_begins_with_the_kept_picture(keep, index):
    objective, steps = course_in_scales([9.0, 2.0, 5.0, 7.0, 6.0], (2, 1), keep=keep)
    assert steps[2].kept is steps[index].image
    start = objective.evaluated[3]
    np.testing.assert_array_equal(start, sizes.resample(steps[index].image, *PORTRAIT))
    assert steps[3].image is objective.evaluated[4]


@pytest.mark.parametrize(
    ("totals", "lowest", "evaluation"),
    [([70.0, 60.0, 80.0], [60, 60], 4), ([70.0, 75.0, 80.0], [70, 70], 3), ([70.0, 75.0, 60.0], [70, 60], 5)],
    ids=str,
)
def test_each_scale_is_judged_by_its_own_losses(totals, lowest, evaluation):
    """A total is of one size: the lowest of the scale before counts no more, and the start of this one does."""
    objective, steps = course_in_scales([9.0, 2.0, 5.0, *totals], (2, 2))
    assert [step.lowest for step in steps] == [9, 2, 2, *lowest]
    assert steps[-1].kept is objective.evaluated[evaluation]


def test_the_moments_of_adam_are_carried_to_the_next_scale():
    """There the gradient is zero, so that only carried moments move the image."""
    objective = Course(np.arange(20.0), lambda image: np.full_like(image, image.shape[0] == 2))
    content, settings = np.full((4, 4, 3), 99, np.float32), Settings(scales=(2,), scale_iterations=(3, 1))
    *_, before, after = stylize(objective, content, [content], settings)
    moved = np.abs(after.image - sizes.resample(before.kept, 4, 4))
    assert 0.1 * settings.learning_rate < moved.min() <= moved.max() < settings.learning_rate


@pytest.mark.parametrize("tile_sizes", [None, (None, 32, 16)])
def test_each_scale_has_pictures_masks_and_tiles_of_its_own(random, tile_sizes):
    shapes = (40, 24), (20, 32), (60, 16)  # of the content and of two styles
    content, *styles = (random.uniform(0, 255, (*shape, 3)).astype(np.float32) for shape in shapes)
    regions = random.uniform(0, 1, (3, *shapes[0])).astype(np.float32)
    sources = tuple(random.uniform(0, 1, shape).astype(np.float32) for shape in shapes[1:])
    given = Masks(tuple(regions[:2]), regions[2], sources)
    settings, objective = Settings(scales=(3,), scale_iterations=(0, 0, 0)), Course(np.arange(9.0))
    list(stylize(objective, content, styles, settings, masks=given, tile_sizes=tile_sizes))
    assert [tile_size for *_, tile_size in objective.targets] == list(tile_sizes or ["auto"] * 3)
    for share, (small, small_styles, small_masks, _) in zip((0.25, 0.5, 1), objective.targets, strict=True):
        of_content, *of_styles = ((round(height * share), round(width * share)) for height, width in shapes)
        np.testing.assert_array_equal(small, sizes.resize(content, *of_content))
        for small_style, style, size in zip(small_styles, styles, of_styles, strict=True):
            np.testing.assert_array_equal(small_style, sizes.resize(style, *size))
        expected = [*((mask, of_content) for mask in regions), *zip(sources, of_styles, strict=True)]
        found = [*small_masks.styles, small_masks.content, *small_masks.sources]
        for mask, (whole, size) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mask, mask_room.resize(whole, *size))


def test_the_initial_picture_is_scaled_as_the_content_is(random):
    content, initial = random.uniform(0, 255, (2, *PORTRAIT, 3)).astype(np.float32)
    objective, settings = Course(np.arange(9.0)), Settings(scales=(2,), iterations=1)
    first = next(stylize(objective, content, [content], settings, initial=initial))
    # The mean pixel is subtracted and added again: two roundings of a number below 256.
    np.testing.assert_allclose(first.image, sizes.resize(initial, *SCALES[1]), rtol=0, atol=2 * 2**-16)


def test_the_start_that_a_function_gives_is_the_result_if_no_step_is_better():
    content = np.full((*PORTRAIT, 3), 9, np.float32)
    settings = Settings(initial="content", scales=(2,), iterations=3, optimizer="lbfgs")
    steps = stylize(Course(range(99)), content, [content], settings, initial=lambda image, scale: image + 5 * scale)
    first, second = steps
    assert (first.scale, second.scale) == (0, 1)
    np.testing.assert_allclose(second.picture(), content + 5, atol=1e-4)


def test_a_start_from_the_style_is_the_first_style_cut_to_the_content(random):
    content, *styles = (random.uniform(0, 255, (*size, 3)).astype(np.float32) for size in ((8, 6), (20, 9), (16, 12)))
    first = next(stylize(Course([1.0]), content, styles, Settings(initial="style")))
    np.testing.assert_allclose(first.image, sizes.cover(styles[0], 8, 6), rtol=0, atol=2 * 2**-16)


def test_a_resumed_run_has_the_scales_that_are_left():
    content, settings = np.full((*PORTRAIT, 3), 9, np.float32), Settings(scales=(3,), scale_iterations=(1, 2, 1))
    *_, at = islice(stylize(Course(np.arange(9.0)), content, [content], settings), 4)
    assert (at.iteration, at.scale) == (3, 1)
    objective = Course(np.arange(9.0))
    steps = list(stylize(objective, content, [content], settings, resume=at.state(), tile_sizes=(16, 32, 48)))
    assert [(step.iteration, step.scale) for step in steps] == [(3, 1), (4, 2)]
    assert [(each[0].shape[:2], each[3]) for each in objective.targets] == [(SCALES[1], 32), (SCALES[2], 48)]


def test_an_image_beyond_its_range_is_clipped_before_it_gets_the_colors_of_the_content():
    content, image = np.zeros((1, 1, 3), np.float32), np.array([[[300.0, -50.0, 100.0]]], np.float32)
    luma = 0.299 * 255 + 0.587 * 0 + 0.114 * 100
    for strength, expected in ((1, [luma] * 3), (0.5, [(255 + luma) / 2, luma / 2, (100 + luma) / 2])):
        settings = Settings(colors="luma", color_strength=strength)
        np.testing.assert_allclose(method.postprocess(image, content, settings), [[expected]], rtol=1e-6)
    for settings in (Settings(), Settings(colors="match"), Settings(colors="luma", color_strength=0)):
        assert method.postprocess(image, content, settings) is image


@pytest.mark.parametrize("box", [False, True])
def test_the_start_is_within_the_box(box):
    content, initial = np.zeros((4, 4, 3), np.float32), np.full((4, 4, 3), 255, np.float32)
    start = method.start_image(content, initial, MEAN, Settings(initial_noiseblend=0.5, box=box))
    np.testing.assert_allclose(start.mean(axis=(0, 1)), (255 + MEAN) / 2, atol=0.2)
    wild = method.start_image(content, initial + 9, MEAN, Settings(box=box))
    np.testing.assert_allclose(wild, 255 if box else 264, rtol=1e-6)
