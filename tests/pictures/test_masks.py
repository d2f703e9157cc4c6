"""Masks: each style in its region, weights of the content, and white masks that have no effect."""

import numpy as np
import pytest
from PIL import Image

from brushwork.pictures import masks, read, sizes
from brushwork.pictures.masks import Masks
from stylize import Settings
from tests.helpers import tiny_networks
from tests.helpers.objectives import shared
from tests.helpers.tiny_networks import FEW_LAYERS
from tests.reference import classic
from tests.reference.layers import numpy_layers

# A float32 sum over the 37 * 53 positions of relu1_1 is wrong by at most 1961 * 2^-24 = 1.2e-4 of its terms, and a loss
# is a square of differences of such sums. A mask that is misplaced by one position changes both by percents.
TOLERANCE = 1e-3


def evaluated(network, settings, content, styles, image, given=masks.NO_MASKS):
    with shared(network, settings, given) as objective:
        objective.set_targets(content, styles, given)
        return objective.evaluate(image)


def pictures(random, size=(37, 53), count=4):
    return random.uniform(0, 255, (count, *size, 3)).astype(np.float32)


def test_a_mask_is_the_luma_of_a_picture():
    picture = np.array([[[255, 255, 255], [0, 0, 0], [0, 255, 0], [100, 100, 100]]], np.float32)
    mask = masks.from_image(picture)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, [[1, 0, 0.587, 100 / 255]], atol=1e-6)


def test_a_mask_from_a_picture_is_within_its_range():
    picture = np.array([[[255, 255, 255], [300, 300, 300], [-20, -20, -20]]], np.float32)
    np.testing.assert_array_equal(masks.from_image(picture).clip(0, 1), masks.from_image(picture))
    np.testing.assert_array_equal(masks.from_image(picture)[0, 1:], [1, 0])


def test_average_pool_by_hand():
    mask = np.zeros((5, 6), np.float32)
    mask[:, 3:] = 1
    np.testing.assert_array_equal(masks.average_pool(mask, 1), mask)
    np.testing.assert_array_equal(masks.average_pool(mask, 2), [[0, 0.5, 1]] * 3)
    np.testing.assert_array_equal(masks.average_pool(mask, 4), [[0.25, 1]] * 2)
    ramp = np.arange(6, dtype=np.float32)[np.newaxis] / 5
    np.testing.assert_allclose(masks.average_pool(ramp, 4), [[(0 + 1 + 2 + 3) / 20, (4 + 5) / 10]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 5), (16, 33), (1, 9), (31, 2)])
@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
def test_average_pool_of_cells_that_are_cut_off(random, shape, stride):
    mask = random.uniform(0, 1, shape).astype(np.float32)
    height, width = (-(-side // stride) for side in shape)
    expected = [
        [mask[y * stride : (y + 1) * stride, x * stride : (x + 1) * stride].mean() for x in range(width)]
        for y in range(height)
    ]
    cells = masks.average_pool(mask, stride)
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells, expected, rtol=1e-5)


def test_a_resized_mask_stays_within_its_range(random):
    mask = (random.uniform(0, 1, (40, 60)) > 0.5).astype(np.float32)
    image = sizes.resize(np.repeat(mask[:, :, np.newaxis], 3, axis=2) * 255, 17, 25)
    np.testing.assert_allclose(masks.resize(mask, 17, 25), image[:, :, 0] / 255, atol=1e-6)
    assert masks.resize(mask, 40, 60) is mask
    np.testing.assert_allclose(masks.resize(np.ones((40, 60), np.float32), 13, 9), 1, atol=1e-6)


def test_the_masks_of_a_smaller_scale(random):
    """Masks of the content are resized to its size, each source mask to the size of its style."""
    content, *styles = (random.uniform(0, 1, shape).astype(np.float32) for shape in ((20, 30), (24, 8), (10, 50)))
    scaled = Masks((content, 1 - content), content**2, tuple(styles)).resize((10, 15), [(12, 4), (7, 25)])
    np.testing.assert_array_equal(scaled.styles[0], masks.resize(content, 10, 15))
    np.testing.assert_array_equal(scaled.styles[1], masks.resize(1 - content, 10, 15))
    np.testing.assert_array_equal(scaled.content, masks.resize(content**2, 10, 15))
    np.testing.assert_array_equal(scaled.sources[0], masks.resize(styles[0], 12, 4))
    np.testing.assert_array_equal(scaled.sources[1], masks.resize(styles[1], 7, 25))
    assert masks.NO_MASKS.resize((10, 15), [(12, 4)]) == masks.NO_MASKS


def test_white_masks_change_nothing(tiny, random):
    content, one, two, image = pictures(random)
    settings, white = Settings(**FEW_LAYERS, style_blend_weights=(1, 3)), np.ones(content.shape[:2], "f4")
    plain, slope = evaluated(tiny, settings, content, [one, two], image)
    given = Masks((white, white), white, (white, white))
    masked, same = evaluated(tiny, settings, content, [one, two], image, given)
    assert masked == pytest.approx(plain, rel=TOLERANCE)
    assert np.linalg.norm(same - slope) <= TOLERANCE * np.linalg.norm(slope)


def test_masked_losses_are_those_of_their_definition(tiny, random):
    content, one, two, image = pictures(random)
    regions = random.uniform(0, 1, (2, *content.shape[:2])).astype(np.float32)
    sources, weight = random.uniform(0, 1, (2, *content.shape[:2])), random.uniform(0, 1, content.shape[:2])
    given = Masks(tuple(regions), weight.astype("f4"), tuple(sources.astype("f4")))
    settings = Settings(style_blend_weights=(1, 3))
    losses, _ = evaluated(tiny, settings, content, [one, two], image, given)
    net, goal, *manners = (numpy_layers(picture, tiny, "max") for picture in (image, content, one, two))
    matters = masks.average_pool(weight, 8)[:, :, np.newaxis]
    expected = 5 * (matters * (net["relu4_2"] - goal["relu4_2"]) ** 2).mean()
    assert losses["content"] == pytest.approx(expected, rel=TOLERANCE)
    style = 0
    for block, layer in enumerate(classic.STYLE_LAYERS):
        for share, manner, region, source in zip((0.25, 0.75), manners, regions, sources, strict=True):
            gram, target = (
                np.einsum("hw,hwc,hwd->cd", m := masks.average_pool(mask, 2**block), features, features)
                / (m.sum() * features.shape[-1])
                for features, mask in ((net[layer], region), (manner[layer], source))
            )
            style += 500 / 5 * share * ((gram - target) ** 2).mean()
    assert losses["style"] == pytest.approx(style, rel=TOLERANCE)


def test_the_gradient_of_masked_losses(random):
    content, one, two, image = pictures(random, (20, 24)).astype(np.float64)
    network = tiny_networks.tiny_network(np.float64)
    given = Masks(tuple(random.uniform(0, 1, (2, 20, 24))), random.uniform(0, 1, (20, 24)))
    direction = random.normal(0, 1, image.shape)
    with shared(network, Settings(pooling="avg"), given) as objective:
        objective.set_targets(content, [one, two], given)
        _, gradient = objective.evaluate(image)
        ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-4, -1e-4))
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-4, rel=1e-5)


def test_each_style_pulls_in_its_region_only(tiny, random):
    content, one, two, image = pictures(random, (40, 160))
    left = np.zeros((40, 160), np.float32)
    left[:, :64] = 1
    settings = Settings(content_weight=0, tv_weight=0, style_layers=("relu1_1", "relu2_1"))
    sides, mirrored = Masks(styles=(left, 1 - left)), Masks(styles=(1 - left, left))
    with shared(tiny, settings, sides) as objective:
        slopes = []
        for styles, given in (([one, two], sides), ([one, one], sides), ([two, one], mirrored)):
            objective.set_targets(content, styles, given)
            slopes.append(objective.evaluate(image)[1])
    changed = np.abs(slopes[0] - slopes[1]).max(axis=(0, 2)) > 0
    assert not changed[:60].any()  # two pixels see the first cells of the right half
    assert changed[70:].all()
    assert np.linalg.norm(slopes[2] - slopes[0]) <= TOLERANCE * np.linalg.norm(slopes[0])


def test_complementary_masks_of_one_style_have_no_effect_inside(tiny, random):
    # Both halves of a periodic picture have the statistics of the whole.
    half, _, _, style = pictures(random, (64, 256))
    image = np.concatenate([half, half], axis=1)
    left = np.zeros(image.shape[:2], np.float32)
    left[:, :256] = 1
    settings = Settings(content_weight=0, tv_weight=0)
    _, plain = evaluated(tiny, settings, image, [style], image)
    _, masked = evaluated(tiny, settings, image, [style, style], image, Masks(styles=(left, 1 - left)))
    inside = np.r_[100:156, 356:412]
    error = np.linalg.norm((masked - plain)[:, inside]) / np.linalg.norm(plain[:, inside])
    assert error < 0.1
    assert np.linalg.norm((masked - plain)[:, 246:266]) / np.linalg.norm(plain[:, 246:266]) > error


def mask_file(name, size, split):
    array = np.zeros((size[1], size[0]), np.uint8)
    array[:, :split] = 255
    Image.fromarray(array).save(name)


def test_the_command_with_masks(command):
    mask_file("left.png", (80, 60), 40)  # twice the size of the content
    Image.fromarray(255 - np.asarray(Image.open("left.png"))).save("right.png")
    both = ["--styles", "style.png", "other.png"]
    runs = {
        "plain": both,
        "masked": [*both, "--style-masks", "left.png", "right.png"],
        "swapped": ["--styles", "other.png", "style.png", "--style-masks", "right.png", "left.png"],
    }
    for name, arguments in runs.items():
        status, _, err = command(*arguments, output=f"{name}.png", iterations=3)
        assert status == 0, err
    out = {name: read.image(f"{name}.png") for name in runs}
    # The order of the styles changes the rounding only.
    assert 10 * np.abs(out["masked"] - out["swapped"]).mean() < np.abs(out["masked"] - out["plain"]).mean()


def test_the_masks_of_the_command(command, plans):
    """Each mask is read from its own file and resized to its own picture, in the order of the flags."""
    mask_file("one.png", (80, 60), 30)  # twice the size of the content
    mask_file("two.png", (40, 30), 10)
    mask_file("matter.png", (20, 15), 5)
    Image.new("RGB", (30, 60)).save("tall.png")
    mask_file("wide.png", (240, 180), 130)  # the aspect ratio of style.png
    mask_file("narrow.png", (15, 30), 4)  # the aspect ratio of tall.png
    flags = "--styles style.png tall.png --style-masks one.png two.png --style-source-masks wide.png narrow.png"
    status, _, err = command(*flags.split(), "--content-mask", "matter.png", "--style-size", "original")
    assert status == 0, err
    plan = plans[0]
    found = [*plan.masks.styles, plan.masks.content, *plan.masks.sources]
    shapes = [(30, 40)] * 3 + [(180, 240), (60, 30)]
    for name, mask, shape in zip(("one", "two", "matter", "wide", "narrow"), found, shapes, strict=True):
        np.testing.assert_allclose(mask, masks.resize(masks.from_image(read.image(f"{name}.png")), *shape), atol=1e-6)
    assert plan.masks.content[:, 0] == pytest.approx(1, abs=0.01)  # white has weight 1
    assert command("--style-masks", "one.png", "--network", "net.mat")[0] == 0
    assert (len(plans[1].masks.styles), plans[1].masks.content, plans[1].masks.sources) == (1, None, ())


@pytest.mark.parametrize(("size", "fits"), [((40, 30), True), ((39, 30), True), ((80, 60), True), ((80, 62), True)])
def test_the_proportions_of_a_mask_may_differ_by_a_rounded_side(command, plans, size, fits):
    mask_file("mask.png", size, 9)
    assert (command("--content-mask", "mask.png")[0] == 0) is fits


def test_a_style_is_measured_anew_under_another_mask(tiny, random):
    content, style, image = pictures(random, (16, 20), 3)
    left = np.zeros((16, 20), np.float32)
    left[:, :8] = 1
    settings, found = Settings(content_weight=0, style_layers=("relu1_1", "relu3_1")), []
    given = [Masks(sources=(mask,)) for mask in (left, 1 - left, left)]
    with shared(tiny, settings, given[0]) as objective:
        for each in given:
            objective.set_targets(content, [style], each)
            found.append(objective.evaluate(image)[0]["style"])
    alone = [evaluated(tiny, settings, content, [style], image, each)[0]["style"] for each in given[:2]]
    assert found == [alone[0], alone[1], alone[0]]
    assert alone[0] != alone[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("--style-masks black.png", 1, "cannot use black.png: the mask is black everywhere; "),
        ("--style-masks left.png left.png", 2, "--style-masks takes one picture for each style: 1, not 2"),
        (
            "--style-source-masks left.png left.png",
            2,
            "--style-source-masks takes one picture for each style: 1, not 2",
        ),
        ("--content-mask high.png", 1, "cannot use high.png: a mask of 40x32 for a picture of 40x30 pixels"),
        ("--content-mask black.png", 1, "cannot use black.png: the mask is black everywhere; "),
        ("--style-source-masks black.png", 1, "cannot use black.png: the mask is black everywhere; "),
        ("--style-source-masks wide.png", 1, "cannot use wide.png: a mask of 80x30 for a picture of 40x30 pixels"),
        ("--content-mask wide.png", 1, "cannot use wide.png: a mask of 80x30 for a picture of 40x30 pixels"),
        ("--content-mask missing.png", 1, "cannot read missing.png: "),
        ("--content-mask left.png --output left.png --overwrite", 2, "left.png is an input of this run"),
    ],
)
def test_masks_that_cannot_be(command, arguments, status, message):
    mask_file("left.png", (40, 30), 20)
    mask_file("wide.png", (80, 30), 20)
    mask_file("high.png", (40, 32), 20)
    mask_file("black.png", (40, 30), 0)
    code, _, err = command(*arguments.split())
    assert code == status
    assert message in err
    assert len(err.splitlines()) == 1


def alpha_mask(mode, inside, outside):
    """A mask that is `inside` in the left half and `outside` in the right one, saved with its transparency."""
    picture = Image.new("RGBA", (40, 30), outside)
    picture.paste(inside, (0, 0, 20, 30))
    if mode == "P":  # a palette with a transparent entry
        index = Image.new("P", (40, 30), 1)
        index.putpalette([*inside[:3], *outside[:3]])
        index.paste(0, (0, 0, 20, 30))
        index.save("mask.png", transparency=1)
    else:
        picture.convert(mode).save("mask.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("hidden", [(255, 255, 255, 0), (0, 0, 0, 0), (90, 90, 90, 0)])
@pytest.mark.parametrize("flag", ["--style-masks", "--content-mask"])
def test_transparent_pixels_of_a_mask_are_black(command, plans, mode, hidden, flag):
    alpha_mask(mode, (255, 255, 255, 255), hidden)
    status, _, err = command(flag, "mask.png")
    assert (status, err) == (0, "")
    given = plans[0].masks
    mask = given.content if flag == "--content-mask" else given.styles[0]
    np.testing.assert_allclose(mask, np.repeat([[1.0] * 20 + [0.0] * 20], 30, axis=0), atol=1e-6)


def test_half_transparent_white_is_one_half(command, plans):
    alpha_mask("RGBA", (255, 255, 255, 255), (255, 255, 255, 102))
    assert command("--content-mask", "mask.png")[0] == 0
    np.testing.assert_allclose(plans[0].masks.content[0], [1.0] * 20 + [0.4] * 20, atol=1e-6)


@pytest.mark.parametrize(
    ("inside", "outside", "message"),
    [
        ((0, 0, 0, 255), (0, 0, 0, 0), "the mask is black or transparent everywhere; paint white where it applies"),
        ((255, 255, 255, 0), (255, 255, 255, 0), "the mask is black or transparent everywhere; paint white"),
        ((0, 0, 0, 255), (2, 2, 2, 255), "the mask is black everywhere; paint white where it applies"),
    ],
)
def test_a_mask_without_white_is_refused(command, plans, inside, outside, message):
    alpha_mask("RGBA", inside, outside)
    status, _, err = command("--style-masks", "mask.png")
    assert (status, plans) == (1, [])
    assert f"error: cannot use mask.png: {message}" in err


@pytest.mark.parametrize("flag", ["--style-masks", "--content-mask"])
def test_a_white_mask_gives_a_warning(command, plans, flag):
    alpha_mask("RGBA", (255, 255, 255, 255), (254, 254, 254, 255))
    status, _, err = command(flag, "mask.png")
    assert (status, len(plans)) == (0, 1)
    assert err == (
        "neural_style: warning: mask.png is white everywhere, so this mask applies everywhere;"
        " paint black where it does not\n"
    )
