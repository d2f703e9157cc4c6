"""L-BFGS, on functions with known minima, against the textbook and SciPy."""

from itertools import islice, pairwise

import numpy as np
import pytest
import scipy.optimize

from brushwork.optimizers.coordinates import Spectral
from brushwork.optimizers.lbfgs import LBFGS
from tests.optimizers.functions import quadratic, recorded, rosenbrock

BOX_AND_COORDINATES = [(box, spectral) for box in (False, True) for spectral in (False, True)]


def scipys(function, start):
    """(the minimum, the number of evaluations) of SciPy's L-BFGS-B."""

    def flat(values):
        losses, gradient = function(values.reshape(start.shape))
        return losses["total"], gradient.ravel()

    options = {"maxcor": 10, "ftol": 1e-12, "gtol": 0}
    result = scipy.optimize.minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return result.fun, result.nfev


@pytest.mark.parametrize("function", [quadratic, rosenbrock])
def test_about_as_many_evaluations_as_scipys(random, function):
    counts = np.zeros(2, int)
    for start in random.uniform(-200, 200, (10, 6, 5, 2)):
        least, count = scipys(function, start)
        least, evaluated = max(least, 1e-9), []
        path = islice(LBFGS(recorded(function, evaluated), start, pairs=10), 1000)
        assert any(losses["total"] <= least for _, losses in path)
        counts += len(evaluated), count
    assert counts[0] <= 1.2 * counts[1]


def test_two_steps_of_the_textbook(random):
    # By explicit matrices: H' = (I - s y'/(y's)) H (I - y s'/(y's)) + s s'/(y's), H = (y's)/(y'y) I.
    start = random.uniform(0, 255, (2, 2, 3))
    (x0, _), (x1, _), (x2, _) = islice(LBFGS(quadratic, start, pairs=5), 3)
    g0, g1 = (quadratic(x)[1].ravel() for x in (x0, x1))
    s, y = (x1 - x0).ravel(), g1 - g0
    left = np.eye(s.size) - np.outer(s, y) / (s @ y)
    inverse = (s @ y) / (y @ y) * left @ left.T + np.outer(s, s) / (s @ y)
    direction, step = -inverse @ g1, (x2 - x1).ravel()
    np.testing.assert_allclose(step / np.linalg.norm(step), direction / np.linalg.norm(direction), rtol=1e-9)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize(("options", "change"), [({}, 2), ({"first_change": 7}, 7)])
def test_the_first_trial_is_down_the_gradient_by_the_first_change(random, spectral, options, change):
    start = random.uniform(0, 255, (4, 6, 3))
    coordinates, evaluated = Spectral(start.shape, 0.35) if spectral else None, []
    list(islice(LBFGS(recorded(quadratic, evaluated), start, pairs=5, coordinates=coordinates, **options), 2))
    step, gradient = evaluated[1] - start, quadratic(start)[1]
    assert np.sqrt(np.mean(step**2)) == pytest.approx(change, rel=1e-6)
    downhill = -coordinates.to_pixels(coordinates.gradient(gradient)) if spectral else -gradient
    np.testing.assert_allclose(step, downhill * change / np.sqrt(np.mean(downhill**2)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("box", "spectral"), BOX_AND_COORDINATES)
def test_the_history_holds_the_steps_that_were_made(random, box, spectral):
    # From a start near the bounds to a minimum outside them: with a box, steps are shortened.
    start, goal = random.uniform(0, 255, (4, 6, 3)), random.uniform(-150, 400, (4, 6, 3))
    curvature = random.uniform(1, 9, start.shape)

    def evaluate(image):
        return {"total": float((curvature * (image - goal) ** 2).sum() / 2)}, curvature * (image - goal)

    coordinates = Spectral(start.shape, 0.35) if spectral else None
    optimizer = LBFGS(evaluate, start, pairs=3, coordinates=coordinates, box=box, first_change=5.0)
    before = next(optimizer)[0]
    for image in (image for image, _ in islice(optimizer, 6)):
        assert box == (((image == 0) | (image == 255)).any() and image.min() >= 0 and image.max() <= 255)
        snapshot = optimizer.snapshot()
        step, change = snapshot["pairs"][:, snapshot["order"][-1]].reshape(2, *start.shape)
        np.testing.assert_allclose(coordinates.to_pixels(step) if spectral else step, image - before, atol=1e-9)
        difference = evaluate(image)[1] - evaluate(before)[1]
        np.testing.assert_allclose(change, coordinates.gradient(difference) if spectral else difference, atol=1e-9)
        before = image


@pytest.mark.parametrize(("box", "spectral"), BOX_AND_COORDINATES)
def test_it_resumes_from_its_snapshot(random, box, spectral):
    start = random.uniform(0, 255, (4, 3, 3)).astype(np.float32)
    options = {"pairs": 2, "box": box, "coordinates": Spectral(start.shape, 0.35) if spectral else None}
    whole = [image for image, _ in islice(LBFGS(quadratic, start, **options), 8)]
    first = LBFGS(quadratic, start, **options)
    *_, (image, _) = islice(first, 5)
    first.close()
    snapshot = {name: array.copy() for name, array in first.snapshot().items()}
    assert set(snapshot) == {"pairs", "products", "order"}
    rest = [image for image, _ in islice(LBFGS(quadratic, image, **options, resume=snapshot), 4)]
    np.testing.assert_allclose(rest, whole[4:], rtol=1e-5)


def test_the_loss_falls_at_every_iterate_down_to_the_minimum(random):
    evaluated = []
    start = random.uniform(0, 255, (5, 4, 3)).astype(np.float32)
    iterates = list(islice(LBFGS(recorded(quadratic, evaluated), start, pairs=5), 100))
    totals = [losses["total"] for _, losses in iterates]
    assert all(later < earlier for earlier, later in pairwise(totals))
    np.testing.assert_allclose(iterates[-1][0], 100, atol=1e-3)
    assert len(evaluated) < 100
    assert all(image.dtype == np.float32 for image in evaluated)
    assert iterates[0][0] is start


def test_it_ends_at_once_at_a_minimum():
    ((image, losses),) = LBFGS(quadratic, np.full((2, 2, 3), 100.0), pairs=3)
    assert (image.min(), image.max(), losses["total"]) == (100, 100, 0)


def test_trials_that_are_not_finite_are_rejected(random):
    def walled(image):
        return ({"total": np.nan}, np.full_like(image, np.nan)) if (image > 120).any() else quadratic(image)

    start = random.uniform(-300, 0, (3, 3, 3))
    *_, (image, losses) = islice(LBFGS(walled, start, pairs=5, first_change=900.0), 60)
    np.testing.assert_allclose(image, 100, atol=1e-3)
    assert np.isfinite(losses["total"])


def test_a_search_that_fails_is_repeated_along_the_gradient(random):
    evaluated, failing = [], []

    def evaluate(image):
        evaluated.append(image)
        losses, gradient = quadratic(image)
        return {"total": np.nan if len(evaluated) in failing else losses["total"]}, gradient

    optimizer = LBFGS(evaluate, random.uniform(0, 255, (3, 3, 3)), pairs=5)
    *_, (image, _) = islice(optimizer, 4)
    failing += range(len(evaluated) + 1, len(evaluated) + 21)  # all twenty trials of the next search
    next(optimizer)
    downhill = -quadratic(image)[1]
    step = evaluated[failing[-1]] - image
    np.testing.assert_allclose(step, 2 * downhill / np.sqrt(np.mean(downhill**2)), rtol=1e-9)
    assert optimizer.snapshot()["order"].tolist() == [0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_start_that_is_not_finite_is_an_item(bad):
    path = LBFGS(lambda image: ({"total": bad}, image), np.zeros((1, 1, 3)), pairs=3)
    assert not np.isfinite(next(path)[1]["total"])


@pytest.mark.parametrize("spectral", [False, True])
def test_the_minimum_within_the_box(random, spectral):
    # A quadratic with coupled pixels under bounds, against SciPy.
    mixing = random.normal(0, 1, (12, 12))
    curvature, goal = mixing @ mixing.T + np.eye(12), random.uniform(-200, 450, 12)

    def evaluate(image):
        slope = curvature @ (image.ravel() - goal)
        return {"total": float(slope @ (image.ravel() - goal)) / 2}, slope.reshape(image.shape)

    start = random.uniform(0, 255, (2, 2, 3))
    coordinates = Spectral(start.shape, 0.35) if spectral else None
    images = [image for image, _ in islice(LBFGS(evaluate, start, pairs=10, coordinates=coordinates, box=True), 200)]
    assert all(image.min() >= 0 and image.max() <= 255 for image in images)
    best = scipy.optimize.minimize(
        lambda flat: (evaluate(flat)[0]["total"], evaluate(flat)[1]), start.ravel(), jac=True, bounds=[(0, 255)] * 12
    )
    assert evaluate(images[-1])[0]["total"] == pytest.approx(best.fun, rel=1e-6)
    assert (best.x == 0).any()
    assert (best.x == 255).any()


def test_pixels_at_a_bound_do_not_leave_the_box(random):
    # Descent would move a black and a white pixel out of the box, and all others into it.
    start = random.uniform(50, 200, (4, 6, 3))
    gradient = random.choice([-1.0, 1.0], start.shape)
    start[0, 0, 0], gradient[0, 0, 0] = 0, 1  # descent leads out of the box
    start[1, 2, 0], gradient[1, 2, 0] = 255, -1  # descent leads out of the box
    start[2, 1, 0], gradient[2, 1, 0] = 0, -1
    start[3, 5, 0], gradient[3, 5, 0] = 255, 1
    held = np.zeros(start.shape, bool)
    held[0, 0, 0] = held[1, 2, 0] = True
    coordinates, evaluated = Spectral(start.shape, 0.35), []
    evaluate = recorded(lambda image: ({"total": float(np.vdot(gradient, image))}, gradient), evaluated)
    list(islice(LBFGS(evaluate, start, pairs=5, coordinates=coordinates, box=True, first_change=0.5), 2))
    direction = ~held * -coordinates.to_pixels(coordinates.gradient(gradient * ~held))
    step = direction * 0.5 / np.sqrt(np.mean(direction**2))
    np.testing.assert_allclose(evaluated[1], np.clip(start + step, 0, 255), atol=1e-6)
    assert ((evaluated[1] != start) == ~held).all()
