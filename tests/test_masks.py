"""Masks: each style in its region, content where it matters, and that white masks change nothing."""

import numpy as np
import pytest
from PIL import Image

import images
import masks
import oracle
from settings import Settings
from stylize import Masks, Objective


def evaluated(network, settings, content, styles, image, given=masks.EVERYWHERE):
    with Objective(network, settings, given) as objective:
        objective.aim(content, styles, given)
        return objective.evaluate(image)


def pictures(random, size=(37, 53), count=4):
    return random.uniform(0, 255, (count, *size, 3)).astype(np.float32)


def test_a_mask_is_the_luma_of_a_picture():
    picture = np.array([[[255, 255, 255], [0, 0, 0], [0, 255, 0]]], np.float32)
    np.testing.assert_allclose(masks.from_picture(picture), [[1, 0, 0.587]], atol=1e-6)


def test_a_mask_over_the_cells_of_a_layer_is_not_shifted():
    mask = np.zeros((5, 6), np.float32)
    mask[:, 3:] = 1
    np.testing.assert_array_equal(masks.over_cells(mask, 1), mask)
    np.testing.assert_array_equal(masks.over_cells(mask, 2), [[0, 0.5, 1]] * 3)
    np.testing.assert_array_equal(masks.over_cells(mask, 4), [[0.25, 1]] * 2)
    ramp = np.arange(6, dtype=np.float32)[np.newaxis] / 5
    np.testing.assert_allclose(masks.over_cells(ramp, 4), [[(0 + 1 + 2 + 3) / 20, (4 + 5) / 10]], rtol=1e-6)


def test_a_resized_mask_stays_within_its_range(random):
    mask = (random.uniform(0, 1, (40, 60)) > 0.5).astype(np.float32)
    small = masks.resized(mask, 17, 25)
    assert small.shape == (17, 25)
    assert small.min() >= 0
    assert small.max() <= 1
    assert masks.resized(mask, 40, 60) is mask
    np.testing.assert_allclose(masks.resized(np.ones((40, 60), np.float32), 13, 9), 1, atol=1e-6)


def test_white_masks_change_nothing(tiny, random):
    content, one, two, image = pictures(random)
    settings, white = Settings(content_weight_blend=0.5, style_blend_weights=(1, 3)), np.ones(content.shape[:2], "f4")
    plain, slope = evaluated(tiny, settings, content, [one, two], image)
    given = Masks((white, white), white, (white, white))
    masked, same = evaluated(tiny, settings, content, [one, two], image, given)
    assert masked == pytest.approx(plain, rel=1e-6)
    assert np.linalg.norm(same - slope) <= 1e-5 * np.linalg.norm(slope)


def test_masked_losses_are_those_of_their_definition(tiny, random):
    content, one, two, image = pictures(random)
    regions = random.uniform(0, 1, (2, *content.shape[:2])).astype(np.float32)
    sources, weight = random.uniform(0, 1, (2, *content.shape[:2])), random.uniform(0, 1, content.shape[:2])
    given = Masks(tuple(regions), weight.astype("f4"), tuple(sources.astype("f4")))
    settings = Settings(style_blend_weights=(1, 3))
    losses, _ = evaluated(tiny, settings, content, [one, two], image, given)
    net, goal, *manners = (oracle.numpy_layers(picture, tiny, "max") for picture in (image, content, one, two))
    matters = masks.over_cells(weight, 8)[:, :, np.newaxis]
    expected = 5 * (matters * (net["relu4_2"] - goal["relu4_2"]) ** 2).mean()
    assert losses["content"] == pytest.approx(expected, rel=1e-4)
    style = 0
    for block, layer in enumerate(oracle.STYLE_LAYERS):
        for share, manner, region, source in zip((0.25, 0.75), manners, regions, sources, strict=True):
            gram, target = (
                np.einsum("hw,hwc,hwd->cd", m := masks.over_cells(mask, 2**block), features, features)
                / (m.sum() * features.shape[-1])
                for features, mask in ((net[layer], region), (manner[layer], source))
            )
            style += 500 / 5 * share * ((gram - target) ** 2).mean()
    assert losses["style"] == pytest.approx(style, rel=1e-4)


def test_the_gradient_of_masked_losses(random):
    import tiny_networks

    content, one, two, image = pictures(random, (20, 24)).astype(np.float64)
    network = tiny_networks.tiny_network(np.float64)
    given = Masks(tuple(random.uniform(0, 1, (2, 20, 24))), random.uniform(0, 1, (20, 24)))
    direction = random.normal(0, 1, image.shape)
    with Objective(network, Settings(pooling="avg"), given) as objective:
        objective.aim(content, [one, two], given)
        _, gradient = objective.evaluate(image)
        ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-4, -1e-4))
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-4, rel=1e-5)


def test_each_style_pulls_in_its_region_only(tiny, random):
    content, one, two, image = pictures(random, (40, 160))
    left = np.zeros((40, 160), np.float32)
    left[:, :64] = 1
    settings = Settings(content_weight=0, tv_weight=0, style_layers=("relu1_1", "relu2_1"))
    sides, mirrored = Masks(styles=(left, 1 - left)), Masks(styles=(1 - left, left))
    with Objective(tiny, settings, sides) as objective:
        slopes = []
        for styles, given in (([one, two], sides), ([one, one], sides), ([two, one], mirrored)):
            objective.aim(content, styles, given)
            slopes.append(objective.evaluate(image)[1])
    changed = np.abs(slopes[0] - slopes[1]).max(axis=(0, 2)) > 0
    assert not changed[:60].any()  # two pixels see the first cells of the right half
    assert changed[70:].all()
    np.testing.assert_allclose(slopes[2], slopes[0], rtol=1e-4, atol=1e-7)


def test_complementary_masks_of_one_style_are_none_but_at_the_border(tiny, random):
    # Of a picture that repeats, both halves have the statistics of the whole.
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
    mask_file("left.png", (80, 60), 40)  # of twice the content's size
    Image.fromarray(255 - np.asarray(Image.open("left.png"))).save("right.png")
    mask_file("part.png", (240, 180), 130)
    both = ["--styles", "style.png", "other.png"]
    runs = {
        "plain": both,
        "masked": [*both, "--style-masks", "left.png", "right.png"],
        "swapped": ["--styles", "other.png", "style.png", "--style-masks", "right.png", "left.png"],
        "source": ["--style-source-masks", "part.png"],
        "matter": ["--content-mask", "left.png"],
        "scales": [*both, "--style-masks", "left.png", "right.png", "--scales", 2, "--tile-size", 16],
    }
    for name, arguments in runs.items():
        status, _, err = command(*arguments, output=f"{name}.png", iterations=5)
        assert status == 0, err
    out = {name: images.read(f"{name}.png") for name in runs}
    assert np.abs(out["masked"] - out["plain"]).max() > 2
    assert np.abs(out["masked"] - out["swapped"]).max() <= 1
    assert out["scales"].shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("--style-masks black.png", 1, "cannot use black.png: the mask is black everywhere; white is where it counts"),
        ("--style-masks left.png left.png", 2, "--style-masks takes one picture for each style: 1, not 2"),
        (
            "--style-source-masks left.png left.png",
            2,
            "--style-source-masks takes one picture for each style: 1, not 2",
        ),
        ("--content-mask wide.png", 1, "cannot use wide.png: a mask of 80x30 for a picture of 40x30 pixels"),
        ("--content-mask missing.png", 1, "cannot read missing.png: "),
        ("--content-mask left.png --output left.png --overwrite", 2, "left.png is an input of this run"),
    ],
)
def test_masks_that_cannot_be(command, arguments, status, message):
    mask_file("left.png", (40, 30), 20)
    mask_file("wide.png", (80, 30), 20)
    mask_file("black.png", (40, 30), 0)
    code, _, err = command(*arguments.split())
    assert code == status
    assert message in err
    assert len(err.splitlines()) == 1
