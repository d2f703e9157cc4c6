"""Adam: steps by hand and by the formulas of the paper, the box, and resuming from a snapshot."""

from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from brushwork.optimizers.adam import Adam
from tests.optimizers.functions import quadratic, recorded

CONSTANTS = {"learning_rate": 7, "betas": (0.8, 0.95), "epsilon": 0.1}
SIGNS_ONLY = {"betas": (0, 0), "epsilon": 1e-8}  # each step is the learning rate times the sign of the gradient


def images(count, *arguments, **options):
    with closing(Adam(*arguments, **options)) as optimizer:
        return [image for image, _ in islice(optimizer, count)]


def test_the_first_step_is_the_learning_rate_against_the_sign_of_the_gradient():
    start = np.array([[[90.0, 110.0, 100.5]]], np.float32)
    first, second = images(2, quadratic, start, learning_rate=2, betas=(0.9, 0.999), epsilon=1e-8)
    np.testing.assert_array_equal(first, start)
    np.testing.assert_allclose(second, [[[92.0, 108.0, 98.5]]], rtol=1e-6)


def test_steps_by_the_formulas_of_the_paper(random):
    # Kingma and Ba 2015, section 2: m, v without correction, and the step size with both corrections.
    start = random.uniform(0, 255, (5, 4, 3)).astype(np.float32)
    expected, m, v = start.astype(np.float64), 0.0, 0.0
    for t, image in enumerate(images(30, quadratic, start, **CONSTANTS), start=1):
        np.testing.assert_allclose(image, expected, atol=0.01)  # 30 steps of 7, in float32
        gradient = quadratic(expected)[1]
        m, v = 0.8 * m + 0.2 * gradient, 0.95 * v + 0.05 * gradient**2
        expected = expected - 7 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t) * m / (np.sqrt(v) + 0.1)


def test_one_evaluation_for_each_image():
    evaluated = []
    with closing(Adam(recorded(quadratic, evaluated), np.zeros((2, 2, 3), np.float32), **CONSTANTS)) as optimizer:
        for count, (image, losses) in enumerate(islice(optimizer, 5), start=1):
            assert len(evaluated) == count
            assert evaluated[-1] is image
            assert losses == quadratic(image)[0]


def test_a_failed_evaluation_leaves_the_moments_of_the_last_item(random):
    def failing(image):
        if len(evaluated) == 3:
            raise InterruptedError
        return evaluated.append(image) or quadratic(image)

    start, evaluated = random.uniform(0, 255, (3, 3, 3)).astype(np.float32), []
    with closing(Adam(failing, start, **CONSTANTS)) as optimizer:
        list(islice(optimizer, 3))
        expected = optimizer.snapshot()
        with pytest.raises(InterruptedError):
            next(optimizer)
        for when in ("before", "after"):
            assert optimizer.snapshot().keys() == expected.keys(), when
            for name, array in optimizer.snapshot().items():
                np.testing.assert_array_equal(array, expected[name], err_msg=f"{name}, {when} closing")
            optimizer.close() if when == "before" else None


def test_images_are_not_overwritten(random):
    start = random.uniform(0, 255, (3, 3, 3)).astype(np.float32)
    copies = []
    path = images(4, lambda image: copies.append(image.copy()) or quadratic(image), start, **CONSTANTS)
    assert path[0] is start
    np.testing.assert_array_equal(path, copies)
    assert all(image.dtype == np.float32 for image in path)


@pytest.mark.parametrize(
    ("box", "expected"), [(True, [[0, 255, 98], [2, 253, 100]]), (False, [[-1, 256, 98], [1, 254, 100]])]
)
def test_the_box_ends_each_step_and_the_next_begins_there(box, expected):
    # Two steps of 2, there and back, of pixels 1 and 254 beside one that meets no bound.
    gradients = iter(np.array([[[[1, -1, 1]]], [[[-1, 1, -1]]], [[[1, 1, 1]]]], np.float32))
    start = np.array([[[1, 254, 100]]], np.float32)
    path = images(3, lambda _: ({"total": 0.0}, next(gradients)), start, learning_rate=2, **SIGNS_ONLY, box=box)
    np.testing.assert_allclose(np.reshape(path[1:], (2, 3)), expected, atol=1e-4)  # a unit of 255 is 1.5e-5


@pytest.mark.parametrize("closed", [False, True])
def test_it_resumes_from_its_snapshot(random, closed):
    start = random.uniform(0, 255, (4, 3, 3)).astype(np.float32)
    whole = images(9, quadratic, start, **CONSTANTS)
    first = Adam(quadratic, start, **CONSTANTS)
    *_, (image, _) = islice(first, 4)
    if closed:
        first.close()
    snapshot = first.snapshot()
    first.close()
    assert {name: array.shape for name, array in snapshot.items()} == {
        "first_moment": start.shape, "second_moment": start.shape, "beta1_power": (), "beta2_power": ()
    }  # fmt: skip
    np.testing.assert_array_equal(images(6, quadratic, image, **CONSTANTS, resume=snapshot), whole[3:])


def test_the_snapshot_has_the_moments_of_the_paper():
    gradient = np.array([[[1, -2, 3]]], np.float32)
    optimizer = Adam(lambda _: ({"total": 0.0}, gradient), gradient, **CONSTANTS)
    *_, _ = islice(optimizer, 2)  # one step
    optimizer.close()
    expected = {"first_moment": 0.2 * gradient, "second_moment": 0.05 * gradient**2}
    expected |= {"beta1_power": 0.8**2, "beta2_power": 0.95**2}
    for name, array in optimizer.snapshot().items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5)
