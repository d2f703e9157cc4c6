"""What an instant picture is made of: blends of styles, strength, masks, colours."""

import numpy as np
import pytest

from brushwork.pictures import colors
from brushwork.pictures.masks import Masks
from brushwork.preview import weights
from brushwork.preview.network import make_preview, open_network, steps
from brushwork.preview_settings import PreviewSettings


@pytest.fixture(scope="module")
def painter():
    with open_network(weights.load()) as painter:
        yield painter


@pytest.fixture(scope="module")
def pictures():
    """A content and two styles, of different colours and textures."""
    random = np.random.default_rng(4)
    content = random.random((6, 7, 3)).repeat(4, axis=0).repeat(4, axis=1)
    stripes = np.arange(60)[:, np.newaxis, np.newaxis] % 10 / 10 * np.array([1, 0.5, 0.1]) * np.ones((60, 50, 1))
    noise = random.random((40, 80, 3)) * np.array([0.2, 0.4, 1])
    return [255 * picture.astype(np.float32) for picture in (content, stripes, noise)]


def settings(**values):
    return PreviewSettings(**values)


def of_vector(painter, content, vector):
    generator = painter._transformer.run(painter._session, content, vector)
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def test_styles_are_blended_by_their_vectors(painter, pictures):
    content, *styles = pictures
    first, second = map(painter.vector, styles)
    image = make_preview(painter, content, styles, settings(style_blend_weights=(3.0, 1.0)))
    # The vector is summed in another order.
    np.testing.assert_allclose(image, of_vector(painter, content, 0.75 * first + 0.25 * second), atol=0.05)
    assert np.abs(image - make_preview(painter, content, styles, settings())).max() > 1
    only = make_preview(painter, content, styles, settings(style_blend_weights=(0.0, 1.0)))
    np.testing.assert_array_equal(only, make_preview(painter, content, styles[1:], settings()))


def test_strength_mixes_in_the_contents_own_vector(painter, pictures):
    content, style, _ = pictures
    own, vector = painter.vector(content), painter.vector(style)
    for strength in (0, 0.3, 1):
        image = make_preview(painter, content, [style], settings(instant_strength=strength))
        expected = of_vector(painter, content, strength * vector + (1 - strength) * own)
        np.testing.assert_allclose(image, expected, atol=0.05)


def test_masks_put_each_style_in_its_place(painter, pictures):
    content, *styles = pictures
    one, other = (make_preview(painter, content, [style], settings()) for style in styles)
    left = np.zeros(content.shape[:2], np.float32)
    left[:, :14] = 1
    both = make_preview(painter, content, styles, settings(), Masks((left, 1 - left)))
    np.testing.assert_allclose(both, np.where(left[:, :, np.newaxis] > 0, one, other), atol=1e-3)
    half = np.full_like(left, 0.5)
    soft = make_preview(painter, content, styles, settings(style_blend_weights=(3.0, 1.0)), Masks((half, half)))
    np.testing.assert_allclose(soft, 0.75 * one + 0.25 * other, atol=1e-3)
    some = make_preview(painter, content, styles[:1], settings(), Masks((0.25 * left,)))
    expected = content + 0.25 * left[:, :, np.newaxis] * (one - content)
    np.testing.assert_allclose(some, expected, atol=1e-3)


def test_colours(painter, pictures):
    content, style, _ = pictures
    plain = make_preview(painter, content, [style], settings())
    luma = make_preview(painter, content, [style], settings(colors="luma", color_strength=0.5))
    expected = plain + 0.5 * (colors.transfer_luma(content, plain) - plain)
    np.testing.assert_allclose(luma, expected, atol=1e-3)
    matched = make_preview(painter, content, [style], settings(colors="match"))
    recolored = colors.match_mean_and_covariance(style, content)
    np.testing.assert_array_equal(matched, make_preview(painter, content, [recolored], settings()))


def test_a_picture_can_be_left_half_way(painter, pictures):
    content, style, _ = pictures
    generator = steps(painter, content, [style], settings())
    assert next(generator) is None
    generator.close()


def test_what_a_call_cannot_honour_is_refused(painter, pictures):
    content, *styles = pictures
    with pytest.raises(ValueError, match="style_blend_weights takes one number for each style: 2, not 1"):
        make_preview(painter, content, styles, settings(style_blend_weights=(1.0,)))
    with pytest.raises(ValueError, match="no style picture"):
        make_preview(painter, content, [], settings())
    with pytest.raises(ValueError, match="between 0 and 1"):
        settings(instant_strength=1.5)
