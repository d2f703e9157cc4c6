"""The optimisers, on functions whose course is known."""

from itertools import islice, pairwise

import numpy as np
import pytest
import scipy.optimize
import tensorflow.compat.v1 as tf
from scipy import fft

import optimizers


def quadratic(image):
    """Half the squared distance from 100 with a curvature that grows from 1 to 3."""
    curvature = np.linspace(1, 3, image.size, dtype=image.dtype).reshape(image.shape)
    difference = image - 100
    return {"total": float((curvature * difference**2).sum() / 2)}, curvature * difference


def test_adam_by_hand():
    # The first step of Adam is the learning rate in every coordinate, against the gradient's sign.
    start = np.array([[[90.0, 110.0, 100.5]]], np.float32)
    path = optimizers.Adam(quadratic, start, learning_rate=2, beta1=0.9, beta2=0.999, epsilon=1e-8)
    images = [image for image, _ in islice(path, 2)]
    np.testing.assert_array_equal(images[0], start)
    np.testing.assert_allclose(images[1], [[[92.0, 108.0, 98.5]]], rtol=1e-6)


def test_adam_is_tensorflows_own(random):
    start = random.uniform(0, 255, (5, 4, 3)).astype(np.float32)
    constants = {"learning_rate": 7, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.1}
    path = [image for image, _ in islice(optimizers.Adam(quadratic, start, **constants), 30)]
    with tf.Graph().as_default():
        variable = tf.Variable(start)
        curvature = np.linspace(1, 3, start.size, dtype=np.float32).reshape(start.shape)
        loss = tf.reduce_sum(curvature * tf.square(variable - 100)) / 2
        step = tf.train.AdamOptimizer(*constants.values()).minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for image in path:
                np.testing.assert_allclose(image, session.run(variable), rtol=1e-5)
                session.run(step)


def test_one_evaluation_for_each_image():
    calls = []

    def evaluate(image):
        calls.append(image)
        return quadratic(image)

    path = optimizers.Adam(evaluate, np.zeros((2, 2, 3), np.float32), learning_rate=1, beta1=0, beta2=0, epsilon=1)
    for count, (image, losses) in enumerate(islice(path, 5), start=1):
        assert len(calls) == count
        assert calls[-1] is image
        assert losses == quadratic(image)[0]


def test_images_are_not_overwritten(random):
    start = random.uniform(0, 255, (3, 3, 3)).astype(np.float32)
    first, copy = start, start.copy()
    path = optimizers.Adam(quadratic, start, learning_rate=5, beta1=0.9, beta2=0.999, epsilon=1e-8)
    pairs = [(image, image.copy()) for image, _ in islice(path, 4)]
    np.testing.assert_array_equal(first, copy)
    for image, copy in pairs:
        np.testing.assert_array_equal(image, copy)


def test_adam_goes_on_from_its_state(random):
    start = random.uniform(0, 255, (4, 3, 3)).astype(np.float32)
    constants = {"learning_rate": 7, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.1}
    whole = [image for image, _ in islice(optimizers.Adam(quadratic, start, **constants), 9)]
    first = optimizers.Adam(quadratic, start, **constants)
    *_, (image, _) = islice(first, 4)
    state = first.state()
    assert {name: array.shape for name, array in state.items()} == {
        "first_moment": start.shape, "second_moment": start.shape, "beta1_power": (), "beta2_power": ()
    }  # fmt: skip
    first.close()
    rest = [image for image, _ in islice(optimizers.Adam(quadratic, image, **constants, state=state), 6)]
    np.testing.assert_array_equal(rest, whole[3:])


def rosenbrock(image):
    """The extended Rosenbrock function of pairs of values, in units of 100 pixels: a curved valley."""
    x, y = image.ravel()[::2] / 100, image.ravel()[1::2] / 100
    gradient = np.empty(image.size, image.dtype)
    gradient[::2] = (-400 * x * (y - x**2) - 2 * (1 - x)) / 100
    gradient[1::2] = 200 * (y - x**2) / 100
    total = float((100 * (y - x**2) ** 2 + (1 - x) ** 2).sum())
    return {"total": total}, gradient.reshape(image.shape)


def counted(evaluate):
    def counting(image):
        counting.calls += 1
        return evaluate(image)

    counting.calls = 0
    return counting


@pytest.mark.parametrize("function", [quadratic, rosenbrock])
def test_lbfgs_needs_no_more_evaluations_than_scipys(random, function):
    calls = 0, 0
    for start in random.uniform(-200, 200, (6, 6, 5, 2)):
        scipys = counted(function)
        result = scipy.optimize.minimize(
            lambda flat, scipys=scipys: (lambda pair: (pair[0]["total"], pair[1].ravel()))(
                scipys(flat.reshape(6, 5, 2))
            ),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxcor": 10, "ftol": 1e-12, "gtol": 0},
        )
        ours = counted(function)
        for _, losses in optimizers.LBFGS(ours, start, memory=10):
            if losses["total"] <= max(result.fun, 1e-9):
                break
        assert losses["total"] <= max(result.fun, 1e-9)
        calls = calls[0] + ours.calls, calls[1] + scipys.calls
    assert calls[0] <= 1.1 * calls[1]


def test_lbfgs_follows_the_textbook(random):
    # Two iterations by explicit matrices: H' = (I - s y'/(y's)) H (I - y s'/(y's)) + s s'/(y's), H = (y's)/(y'y) I.
    start = random.uniform(0, 255, (2, 2, 3))
    (x0, _), (x1, _), (x2, _) = islice(optimizers.LBFGS(quadratic, start, memory=5), 3)
    g0, g1 = (quadratic(x)[1].ravel() for x in (x0, x1))
    s, y = (x1 - x0).ravel(), g1 - g0
    left = np.eye(s.size) - np.outer(s, y) / (s @ y)
    inverse = (s @ y) / (y @ y) * left @ left.T + np.outer(s, s) / (s @ y)
    direction, step = -inverse @ g1, (x2 - x1).ravel()
    np.testing.assert_allclose(step / np.linalg.norm(step), direction / np.linalg.norm(direction), rtol=1e-9)


def test_lbfgs_lowers_the_loss_at_every_iterate_and_ends_at_the_minimum(random):
    evaluate = counted(quadratic)
    iterates = list(optimizers.LBFGS(evaluate, random.uniform(0, 255, (5, 4, 3)).astype(np.float32), memory=5))
    totals = [losses["total"] for _, losses in iterates]
    assert all(later < earlier for earlier, later in pairwise(totals))
    np.testing.assert_allclose(iterates[-1][0], 100, atol=1e-3)
    assert evaluate.calls < 100


def test_lbfgs_passes_over_trials_that_are_not_finite(random):
    def walled(image):
        if (image > 120).any():
            return {"total": np.nan}, np.full_like(image, np.nan)
        return quadratic(image)

    start = random.uniform(-300, 0, (3, 3, 3))
    *_, (image, losses) = islice(optimizers.LBFGS(walled, start, memory=5, first_change=900.0), 60)
    np.testing.assert_allclose(image, 100, atol=1e-3)
    assert np.isfinite(losses["total"])


def test_lbfgs_in_a_box_finds_the_least_within_it(random):
    # The minimum of a quadratic with coupled pixels under bounds, found by SciPy.
    mixing = random.normal(0, 1, (12, 12))
    curvature, goal = mixing @ mixing.T + np.eye(12), random.uniform(-200, 450, 12)

    def evaluate(image):
        slope = curvature @ (image.ravel() - goal)
        return {"total": float(slope @ (image.ravel() - goal)) / 2}, slope.reshape(image.shape)

    start = random.uniform(0, 255, (2, 2, 3))
    images = [image for image, _ in islice(optimizers.LBFGS(evaluate, start, memory=10, box=True), 200)]
    assert all(image.min() >= 0 and image.max() <= 255 for image in images)
    best = scipy.optimize.minimize(
        lambda flat: (evaluate(flat)[0]["total"], evaluate(flat)[1]), start.ravel(), jac=True, bounds=[(0, 255)] * 12
    )
    assert evaluate(images[-1])[0]["total"] == pytest.approx(best.fun, rel=1e-6)
    assert (best.x == 0).any()
    assert (best.x == 255).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_lbfgs_hands_on_a_start_that_is_not_finite(bad):
    path = optimizers.LBFGS(lambda image: ({"total": bad}, image), np.zeros((1, 1, 3)), memory=3)
    assert not np.isfinite(next(path)[1]["total"])


def test_lbfgs_remembers_the_last_pairs_only(random):
    # Against the two loops of Nocedal and Wright 2006, algorithm 7.4, on the last three of seven pairs.
    memory, count, curvature = 3, 7, np.linspace(1, 30, 24).reshape(2, 4, 3)
    pairs, known, gradient = optimizers.Pairs(memory, (2, 4, 3), np.float64), [], random.normal(0, 1, (2, 4, 3))
    for _ in range(count):
        direction, before = random.normal(0, 1, (2, 2, 4, 3))
        pairs.append(direction, 0.5, before, before + curvature * 0.5 * direction)
        known = [*known, (0.5 * direction, curvature * 0.5 * direction)][-memory:]
        expected, weights = -gradient, []
        for s, y in reversed(known):
            weights.append(np.vdot(s, expected) / np.vdot(s, y))
            expected = expected - weights[-1] * y
        expected = expected * np.vdot(s := known[-1][0], y := known[-1][1]) / np.vdot(y, y)
        for (s, y), weight in zip(known, reversed(weights), strict=True):
            expected = expected + (weight - np.vdot(y, expected) / np.vdot(s, y)) * s
        np.testing.assert_allclose(pairs.newton_step(gradient), expected, rtol=1e-9)
        assert len(pairs) == len(known)


def test_lbfgs_does_not_remember_where_the_loss_bends_down(random):
    pairs, direction = optimizers.Pairs(2, (2, 2, 3), np.float64), random.normal(0, 1, (2, 2, 3))
    zero = np.zeros_like(direction)
    pairs.append(direction, 1.0, zero, -direction)
    assert len(pairs) == 0
    for length in (1.0, 2.0):
        pairs.append(direction, length, zero, direction)
    pairs.append(direction, 3.0, zero, -direction)  # in the place of the first, which is gone
    assert len(pairs) == 1
    np.testing.assert_allclose(pairs.newton_step(direction), -2 * direction)
    for _ in range(2):
        pairs.append(direction, 3.0, zero, direction)
    assert len(pairs) == 2
    np.testing.assert_allclose(pairs.newton_step(direction), -3 * direction)


def test_spectral_coordinates(random):
    one, other = random.normal(0, 1, (2, 12, 17, 3))
    spectral = optimizers.Spectral(one.shape, 0.35)
    linear = 2 * spectral.image(one) + spectral.image(other)
    np.testing.assert_allclose(spectral.image(2 * one + other), linear, atol=1e-5)
    # The change of the loss is the same in both: the one map is the other's transpose.
    assert np.vdot(one, spectral.image(other)) == pytest.approx(np.vdot(spectral.gradient(one), other))
    plain = optimizers.Spectral(one.shape, 0)
    np.testing.assert_allclose(plain.image(plain.gradient(one)), one, atol=1e-6)
    # A constant picture has the frequency 1 / 17, floored: it is raised by 17^0.35 each way.
    np.testing.assert_allclose(spectral.image(spectral.gradient(np.ones_like(one))), 17**0.7, rtol=1e-5)


def test_spectral_evens_out_a_smooth_problem(random):
    # Curvature that rises with frequency, as that of the loss does: what is left after 15 iterations.
    shape = (24, 24, 3)
    frequency = np.hypot(*np.meshgrid(np.arange(24), np.arange(24)))[:, :, None] / 24
    curvature = np.maximum(frequency, 1 / 24) ** 1.4

    def smooth(image):
        spectrum = fft.dctn(image, axes=(0, 1), norm="ortho")
        gradient = fft.idctn(curvature * spectrum, axes=(0, 1), norm="ortho")
        return {"total": float(np.vdot(image, gradient)) / 2}, gradient

    start = random.normal(0, 50, shape)
    left = {}
    for exponent in (0.0, 0.7):
        path = optimizers.LBFGS(smooth, start, memory=5, coordinates=optimizers.Spectral(shape, exponent))
        *_, (_, losses) = islice(path, 15)
        left[exponent] = losses["total"]
    assert left[0.7] < left[0.0] / 10
