"""The losses, the objective and the courses of whole runs."""

import numpy as np
import pytest

import stylize as method
import vgg
from brushwork.engine import memory
from brushwork.pictures import saliency, sizes
from brushwork.pictures.colors import transfer_luma
from brushwork.pictures.masks import NO_MASKS
from brushwork.pictures.palette import with_palette
from brushwork.presets import PRESETS
from stylize import Masks, Settings, make_objective, stylize
from tests.helpers import oracle, tiny_networks
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks
from tests.helpers.tiny_networks import FEW_LAYERS
from tests.reference import classic
from tests.reference.classic import Classic
from tests.reference.layers import numpy_layers
from tests.reference.notebook import notebook


def pictures(random, count=2, dtype=np.float32):
    """A content picture and `count` styles of other heights and the same width; smooth, as pictures are."""
    sizes = [(37, 45), *((29 + 8 * index, 45) for index in range(count))]
    coarse = [random.uniform(0, 255, (height // 4 + 1, width // 4 + 1, 3)) for height, width in sizes]
    fine = [np.kron(array, np.ones((4, 4, 1))) for array in coarse]
    fine = [array[:height, :width] for array, (height, width) in zip(fine, sizes, strict=True)]
    return [np.clip(array + random.normal(0, 9, array.shape), 0, 255).astype(dtype) for array in fine]


@pytest.mark.numerical
@pytest.mark.parametrize("pooling", spot_checks(["max", "avg"], keep=(0,)))
def test_objective_gradient_in_float64(random, pooling):
    content, *styles = pictures(random, dtype=np.float64)
    network = tiny_networks.tiny_network(np.float64)
    settings = Settings(pooling=pooling, content_weight_blend=0.5, style_layer_weight_exp=2, tv_weight=3)
    image, direction = content + random.normal(0, 20, content.shape), random.normal(0, 1, content.shape)
    with shared(network, settings) as objective:
        objective.set_targets(content, styles)
        _, gradient = objective.evaluate(image)
        ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-5, -1e-5))
    assert gradient.dtype == np.float64
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


COURSES = [  # every two values of two columns meet: pooling, blend of the content layers, exponent, styles
    ("max", 1.0, 1.0, (1.0,)),
    ("max", 0.5, 0.4, (2.0, 6.0)),
    ("max", 0.0, 1.0, (2.0, 6.0)),
    ("avg", 1.0, 0.4, (2.0, 6.0)),
    ("avg", 0.5, 1.0, (1.0,)),
    ("avg", 0.0, 0.4, (1.0,)),
]


def classic_settings(pooling, blend, exponent, shares):
    case = {"pooling": pooling, "content_weight_blend": blend, "style_layer_weight_exp": exponent}
    return Settings(iterations=20, style_blend_weights=shares, **case)


@pytest.mark.numerical
@pytest.mark.parametrize("case", spot_checks(COURSES, keep=(1,)), ids=map(str, COURSES))
def test_course_of_the_classic_program(tiny, random, case):
    content, *styles = pictures(random, len(case[-1]))
    initial = random.uniform(0, 255, content.shape).astype(np.float32)
    assert_same_course(tiny, content, styles, initial, classic_settings(*case))


@pytest.mark.network
@pytest.mark.parametrize("case", [COURSES[0], COURSES[3]], ids=str)
def test_course_of_the_classic_program_on_the_real_network(real_network, random, case):
    content, *styles = pictures(random, len(case[-1]))
    initial = content + random.normal(0, 20, content.shape).astype(np.float32)
    assert_same_course(vgg.load(real_network), content, styles, initial, classic_settings(*case))


def assert_same_course(network, content, styles, initial, settings):
    """Losses at the start, after one and after twenty iterations are those of the classic loop."""
    with shared(network, settings) as objective:
        steps = list(stylize(objective, content, styles, settings, initial=initial))
    loop = Classic(network, content, styles, initial, settings)
    classic = list(loop.run(20))
    loop.close()
    assert [step.iteration for step in steps] == list(range(21))
    for iteration, tolerance in ((0, 1e-4), (1, 1e-3), (20, 2e-2)):
        for name in ("content", "style", "tv", "total"):
            expected = float(classic[iteration][name])
            assert steps[iteration].losses[name] == pytest.approx(expected, rel=tolerance), (iteration, name)


RECIPES = {
    "keras": {"content_weight": 1e3, "rate": 5.0, "epsilon": 0.1},
    "tensorflow": {"content_weight": 1e4, "rate": 0.02, "epsilon": 0.1, "variation": 30.0},
}


@pytest.mark.numerical
@pytest.mark.parametrize("recipe", spot_checks(RECIPES, keep=(1,)))
def test_a_preset_follows_its_recipe(tiny, random, recipe):
    content, style = (random.uniform(0, 255, (32, 48, 3)).astype(np.float32) for _ in range(2))
    settings = Settings(**PRESETS[recipe] | {"iterations": 10, "keep": "last"})
    with shared(tiny, settings) as objective:
        steps = list(stylize(objective, content, [style], settings))
    expected = notebook(tiny, content, style, 10, **RECIPES[recipe])
    np.testing.assert_allclose([step.losses["total"] for step in steps], expected, rtol=1e-3)
    assert all(step.image.min() >= 0 and step.image.max() <= 255 for step in steps)


@pytest.mark.numerical
def test_the_paper_s_losses(tiny, random):
    # Equations 1, 4, 5 and 7 of Gatys et al. 2015 on the features of an independent network.
    content, style, image = random.uniform(0, 255, (3, 24, 32, 3)).astype(np.float32)
    losses, _ = losses_at(tiny, Settings(**PRESETS["gatys"]), content, [style], image)
    net, goal, manner = (numpy_layers(picture, tiny, "avg") for picture in (image, content, style))
    assert losses["content"] == pytest.approx(((net["relu4_2"] - goal["relu4_2"]) ** 2).sum() / 2, rel=1e-4)
    terms = []
    for layer in classic.STYLE_LAYERS:
        flat, target = (layers[layer].reshape(-1, layers[layer].shape[-1]) for layers in (net, manner))
        terms.append(((flat.T @ flat - target.T @ target) ** 2).sum() / (4 * flat.size**2))
    assert losses["style"] == pytest.approx(1e3 * sum(terms) / 5, rel=1e-4)
    assert losses["tv"] == 0


def test_layers_by_name_are_what_the_shorthands_say():
    short = Settings(content_weight_blend=0.7, style_layer_weight_exp=2)
    names = Settings(
        content_layers=("relu4_2:0.7", "relu5_2:0.3"),
        style_layers=tuple(f"relu{block}_1:{2 ** (block - 1) / 31}" for block in range(1, 6)),
    )
    assert names.content_layer_weights == pytest.approx(
        short.content_layer_weights, rel=1e-12
    )  # all that an objective knows of them
    assert names.style_layer_weights == pytest.approx(short.style_layer_weights, rel=1e-12)
    assert Settings(style_layers=("conv1_1", "relu2_2")).style_layer_weights == {"conv1_1": 250, "relu2_2": 250}
    assert Settings(content_layers=("relu1_2", "relu2_1:0")).content_layer_weights == {"relu1_2": 5}


@pytest.mark.numerical
def test_layers_before_their_relu(tiny, random):
    content, style, image = random.uniform(0, 255, (3, 20, 24, 3)).astype(np.float32)
    settings = Settings(content_layers=("conv2_2",), style_layers=("conv3_1",))
    losses, _ = losses_at(tiny, settings, content, [style], image)
    net, goal, manner = (numpy_layers(picture, tiny, "max") for picture in (image, content, style))
    assert losses["content"] == pytest.approx(5 * ((net["conv2_2"] - goal["conv2_2"]) ** 2).mean(), rel=1e-4)
    flat, target = (layers["conv3_1"].reshape(-1, layers["conv3_1"].shape[-1]) for layers in (net, manner))
    term = ((flat.T @ flat - target.T @ target) ** 2).mean() / flat.size**2
    assert losses["style"] == pytest.approx(500 * term, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_start_by_name_and_a_box(tiny, random, optimizer):
    content, style = random.integers(0, 2, (2, 20, 24, 3)).astype(np.float32) * 255
    common = FEW_LAYERS | {"iterations": 12, "optimizer": optimizer, "learning_rate": 60, "tv_weight": 0}
    for initial, start in (("content", content), ("style", style)):
        settings = Settings(initial=initial, box=True, **common)
        with shared(tiny, settings) as objective:
            steps = list(stylize(objective, content, [style], settings))
        np.testing.assert_allclose(steps[0].image, start, atol=1e-3)
        assert all(step.image.min() >= 0 and step.image.max() <= 255 for step in steps)
        assert 0.01 < (steps[-1].image == 255).mean() < 0.49
    settings = Settings(initial="content", **common)
    with shared(tiny, settings) as objective:
        *_, last = stylize(objective, content, [style], settings)
        with pytest.raises(ValueError, match="x.png"):
            next(stylize(objective, content, [style], Settings(initial="x.png", **common)))
    assert last.image.min() < 0 or last.image.max() > 255


def test_lbfgs_is_handed_the_settings(tiny, random):
    content, style, _ = pictures(random)
    courses = {}
    for pairs in (1, 20):
        settings = Settings(**FEW_LAYERS, iterations=30, optimizer="lbfgs", lbfgs_memory=pairs)
        with shared(tiny, settings) as objective:
            courses[pairs] = [step.losses["total"] for step in stylize(objective, content, [style], settings)]
        assert courses[pairs][-1] < courses[pairs][0] / 3
    assert courses[1][:3] == courses[20][:3]
    assert courses[1][-1] > courses[20][-1]


@pytest.mark.numerical
@pytest.mark.exhaustive
def test_bfloat16_is_near_float32(tiny, random):
    content, *styles = pictures(random)
    image = random.uniform(0, 255, content.shape).astype(np.float32)
    dark = [style / 4 for style in styles]
    exact, gradient = losses_at(tiny, Settings(precision="float32"), content, dark, image)
    losses, rough = losses_at(tiny, Settings(precision="bfloat16"), content, dark, image)
    assert oracle.main_losses(losses) == pytest.approx(oracle.main_losses(exact), rel=oracle.BFLOAT16_LOSS)
    assert losses["style"] != exact["style"]
    assert losses["tv"] == exact["tv"]
    assert rough.dtype == np.float32
    assert np.linalg.norm(rough - gradient) < oracle.BFLOAT16_GRADIENT * np.linalg.norm(gradient)


def losses_at(network, settings, content, styles, image, masks=NO_MASKS):
    with shared(network, settings, masks) as objective:
        objective.set_targets(content, styles, masks)
        return objective.evaluate(image)


@pytest.mark.parametrize("normalization", spot_checks(["classic", "positions", "sums"], keep=(2,)))
def test_the_loss_of_a_blend_is_the_mean_of_the_losses_of_its_styles(random, normalization):
    """In float64: both sides are sums of 2 terms, whose spread is up to a few hundred times their difference."""
    content, one, two = pictures(random, dtype=np.float64)
    settings, found = Settings(**FEW_LAYERS, normalization=normalization, style_blend_weights=(2, 6)), []
    with shared(tiny_networks.tiny_network(np.float64), settings) as objective:
        for styles in ([one, two], [one, one], [two, two]):
            objective.set_targets(content, styles)
            found.append(objective.evaluate(content)[0]["style"])
    assert found[0] == pytest.approx(0.25 * found[1] + 0.75 * found[2], rel=1e-10)
    assert abs(found[1] / found[2] - 1) > 1e-3


def test_tiles_are_chosen_for_the_pictures_and_their_masks(tiny, random, monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "tile_size_for", lambda workload: asked.append(workload) or 16)
    content, *styles = pictures(random)
    given = Masks((np.ones(content.shape[:2], np.float32),) * 2)
    settings = Settings(content_weight=0, style_layers=("relu1_1",))
    with shared(tiny, settings, given, precision="float32") as objective:
        objective.set_targets(content, styles, given)
        assert asked == [memory.Workload(tiny, settings, "float32", (37, 45), [(29, 45), (37, 45)], 2)]
        assert objective._evaluator.tile_size == 16
        objective.set_targets(content, styles, given, tile_size=None)
        assert objective._evaluator.tile_size is None
    assert len(asked) == 1


def test_a_style_in_two_halves_is_the_style(tiny, random):
    content, style, _ = pictures(random)
    one, gradient = losses_at(tiny, Settings(**FEW_LAYERS), content, [style], content)
    halves = Settings(**FEW_LAYERS, style_blend_weights=(3, 1))
    two, same = losses_at(tiny, halves, content, [style, style], content)
    assert one == pytest.approx(two, rel=1e-6)
    np.testing.assert_allclose(gradient, same, rtol=1e-4, atol=1e-4 * abs(gradient).max())


@pytest.mark.parametrize("sources", [False, True])
def test_a_frame_does_not_count_as_style(tiny, random, sources):
    style = random.uniform(0, 255, (40, 40, 3)).astype(np.float32)
    framed = np.pad(style[4:-4, 4:-4], [(4, 4), (4, 4), (0, 0)])
    masks = Masks(sources=(np.ones((40, 40), np.float32),)) if sources else Masks()
    losses = []
    with make_objective(tiny, Settings(**FEW_LAYERS, style_margin=0.1), masks) as objective:
        for each in (style, framed):
            objective.set_targets(style, [each], masks)
            losses.append(objective.evaluate(style)[0]["total"])
    assert (losses[0] == losses[1]) is not sources  # a mask says by itself what counts


def test_the_content_counts_less_where_it_is_smooth(tiny, random):
    content = np.full((48, 96, 3), 128, np.float32)
    content[:, :48] = random.uniform(0, 255, (48, 48, 3))
    noise = 20 * random.choice([-1, 1], content.shape).astype(np.float32)
    noise[:, 16:-16] = 0  # what is left is far from the border between the halves

    def ratio(share):
        """The loss of a change on the smooth half, over that of a change on the other."""
        settings = Settings(**FEW_LAYERS, content_weight=1, style_weight=0, tv_weight=0, content_detail=share)
        halves = noise * (np.arange(96) < 48)[:, np.newaxis], noise * (np.arange(96) >= 48)[:, np.newaxis]
        rough, smooth = (losses_at(tiny, settings, content, [content], content + half)[0]["content"] for half in halves)
        return smooth / rough

    # The detail of the noise is between 0.8 and 1 of its 90th percentile.
    assert ratio(0.75) / ratio(0) == pytest.approx(0.25 / (1 - 0.75 * 0.1), rel=0.1)
    assert ratio(1) / ratio(0) < 0.01


def test_detail_and_a_mask_multiply(tiny, random):
    content, style = pictures(random, 1)
    mask = random.uniform(0, 1, content.shape[:2]).astype(np.float32)
    image = content + random.normal(0, 20, content.shape).astype(np.float32)
    both = losses_at(tiny, Settings(**FEW_LAYERS, content_detail=0.6), content, [style], image, Masks(content=mask))
    product = Masks(content=saliency.content_weights(content, 0.6, mask))
    for one, other in zip(both, losses_at(tiny, Settings(**FEW_LAYERS), content, [style], image, product), strict=True):
        assert one == pytest.approx(other)


def test_the_content_in_the_palette_is_the_start_and_the_target(tiny, random):
    content, style = pictures(random, 1)
    settings = Settings(**FEW_LAYERS, initial="content", iterations=0, content_palette=1, colors="luma")
    with make_objective(tiny, settings) as objective:
        (step,) = stylize(objective, content, [style], settings)
    recolored = with_palette(content, [style], strength=1, blend=[1])
    np.testing.assert_allclose(step.image, recolored, atol=1e-4)
    assert step.losses["content"] == pytest.approx(0, abs=1e-9)
    # The chroma of --colors luma is the photograph's own.
    np.testing.assert_allclose(step.picture(), transfer_luma(content, recolored), atol=1e-3)


def test_order_of_styles_does_not_matter(tiny, random):
    content, *styles = pictures(random)
    there, back = (Settings(**FEW_LAYERS, style_blend_weights=weights) for weights in ((3, 1), (1, 3)))
    there, _ = losses_at(tiny, there, content, styles, content)
    back, _ = losses_at(tiny, back, content, styles[::-1], content)
    assert there == pytest.approx(back, rel=1e-6)


def test_losses_are_zero_where_nothing_is_to_be_done(tiny, random):
    content, *_ = pictures(random)
    losses, _ = losses_at(tiny, Settings(**FEW_LAYERS), content, [content], content)
    assert losses["content"] == 0
    assert losses["style"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("weight", ["content_weight", "style_weight", "tv_weight"])
def test_a_weight_of_zero_takes_its_loss_away(tiny, random, weight):
    content, style, _ = pictures(random)
    image = random.uniform(0, 255, content.shape).astype(np.float32)
    full, _ = losses_at(tiny, Settings(**FEW_LAYERS), content, [style], image)
    losses, _ = losses_at(tiny, Settings(**FEW_LAYERS, **{weight: 0}), content, [style], image)
    name = weight.removesuffix("_weight")
    assert full[name] > 0
    expected = oracle.main_losses(full) | {name: 0, "total": full["total"] - full[name]}
    assert oracle.main_losses(losses) == pytest.approx(expected, rel=1e-5)
    assert not any(layer.startswith(f"{name}/") for layer in losses)


def test_variation_alone_needs_no_layer(tiny, random):
    content, style, _ = pictures(random)
    losses, gradient = losses_at(tiny, Settings(content_weight=0, style_weight=0), content, [style], content)
    variation = sum(np.mean(np.diff(content, axis=axis) ** 2) for axis in (0, 1))
    assert losses == pytest.approx({"content": 0, "style": 0, "tv": 100 * variation, "total": 100 * variation})
    assert np.abs(gradient).max() > 0


def test_layers_of_weight_zero_are_not_computed():
    assert list(Settings(content_weight_blend=0).content_layer_weights) == ["relu5_2"]
    assert Settings(style_layer_weight_exp=0).style_layer_weights == {"relu1_1": 500}
    # A network that ends before the layers of weight zero will do.
    network = tiny_networks.tiny_network(names=("conv1_1",))
    settings = Settings(content_weight=0, style_layer_weight_exp=0)
    picture = np.ones((8, 8, 3), np.float32)
    losses, _ = losses_at(network, settings, picture, [picture], picture + 9)
    assert losses["style"] > 0
    with pytest.raises(KeyError), make_objective(network, Settings()):
        pass


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 2)])
def test_small_pictures(tiny, size):
    picture = np.full((*size, 3), 99, np.float32)
    losses, gradient = losses_at(tiny, Settings(**FEW_LAYERS), picture, [picture], picture + 1)
    assert np.isfinite(list(losses.values())).all()
    assert gradient.shape == picture.shape
    assert np.isfinite(gradient).all()


MEAN = tiny_networks.MEAN_PIXEL.astype(np.float32)


def test_start_is_noise_around_the_mean_pixel():
    content = np.zeros((100, 120, 3), np.float32)
    start = method.start_image(content, None, MEAN, Settings())
    np.testing.assert_allclose(start.mean(axis=(0, 1)), MEAN, atol=0.01)
    np.testing.assert_allclose(start.std(axis=(0, 1)), 0.256, rtol=0.05)
    assert start.dtype == np.float32
    np.testing.assert_array_equal(start, method.start_image(content, None, MEAN, Settings(seed=0)))
    assert (start != method.start_image(content, None, MEAN, Settings(seed=1))).any()


def test_start_is_the_initial_picture(random):
    content, initial = random.uniform(0, 255, (2, 9, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(method.start_image(content, initial, MEAN, Settings()), initial, atol=1e-4)


def test_start_blends_noise_into_initial_or_content(random):
    content, initial = random.uniform(0, 255, (2, 9, 8, 3)).astype(np.float32)
    noise = method.start_image(content, None, MEAN, Settings())
    blended = method.start_image(content, initial, MEAN, Settings(initial_noiseblend=0.25))
    np.testing.assert_allclose(blended, 0.75 * initial + 0.25 * noise, atol=1e-3)
    blended = method.start_image(content, None, MEAN, Settings(initial_noiseblend=0.25))
    np.testing.assert_allclose(blended, 0.75 * content + 0.25 * noise, atol=1e-3)
    whole = method.start_image(content, initial, MEAN, Settings(initial_noiseblend=1))
    np.testing.assert_allclose(whole, noise, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_without_variation_too_a_pixel_that_is_no_number_is_told(tiny, random, bad):
    content, style, image = pictures(random)
    image[3, 4, 1] = bad
    losses, _ = losses_at(tiny, Settings(tv_weight=0), content, [style], image)
    assert not np.isfinite(losses["total"])


@pytest.mark.exhaustive
def test_two_runs_may_take_turns(tiny, random):
    # Generators hold no default graph or session while they wait.
    content, *styles = pictures(random)
    settings = Settings(iterations=2)
    with shared(tiny, settings) as first, make_objective(tiny, settings) as second:
        pairs = zip(stylize(first, content, styles, settings), stylize(second, content, styles, settings), strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one.image, other.image)


def test_the_picture_of_a_step_is_what_the_settings_promise(tiny, random):
    content, style, _ = pictures(random)
    common = {"iterations": 2, "scales": (2,), "learning_rate": 60.0, "keep": "last"}
    for settings in (Settings(**common), Settings(**common, colors="luma", color_strength=0.5)):
        with shared(tiny, settings) as objective:
            for step in stylize(objective, content, [style], settings):
                image = step.image if step.scale else sizes.resample(step.image, *content.shape[:2])
                if settings.colors == "luma":
                    clipped = np.clip(image, 0, 255)
                    luma = (clipped - content) @ [0.299, 0.587, 0.114]
                    image = (clipped + content + luma[:, :, None]) / 2
                np.testing.assert_allclose(step.picture(), image, atol=1e-3)
        assert np.abs(step.image - np.clip(step.image, 0, 255)).max() > 1


@pytest.mark.parametrize("strength", [0, 0.5, 1])
def test_a_style_in_the_colors_of_the_content(random, strength):
    content, style, _ = pictures(random)
    for name, tolerance in (("match", 1e-3), ("histogram", 3)):
        recolored = method.recolor(style, content, Settings(colors=name, color_strength=strength))
        expected = (1 - strength) * style.mean(axis=(0, 1)) + strength * content.mean(axis=(0, 1))
        np.testing.assert_allclose(recolored.mean(axis=(0, 1)), expected, atol=tolerance)
    for settings in (Settings(colors="luma"), Settings(), Settings(colors="match", color_strength=0)):
        assert method.recolor(style, content, settings) is style
    assert np.abs(style.mean(axis=(0, 1)) - content.mean(axis=(0, 1))).max() > 3


def test_styles_are_recolored_by_the_generator(tiny, random):
    content, style, _ = pictures(random)
    settings = Settings(iterations=1, colors="match")
    starts = []
    for given, how in ((style, settings), (method.recolor(style, content, settings), Settings(iterations=1))):
        with shared(tiny, how) as objective:
            starts.append(next(stylize(objective, content, [given], how)).losses)
    assert starts[0] == starts[1]
