"""Colours: luma transfer, and matching the colours of one picture to another."""

import numpy as np
from PIL import Image
from scipy.linalg import sqrtm

from brushwork.pictures import colors


def texture(random, size, mean, mixing):
    """A picture with approximately this mean and the covariance mixing' mixing; some values exceed 0..255."""
    return (random.normal(0, 1, (*size, 3)) @ np.array(mixing) + mean).astype(np.float32)


def test_match_mean_and_covariance(random):
    style = texture(random, (40, 30), (90, 60, 200), [[30, 5, 1], [0, 20, 9], [0, 0, 12]])
    content = texture(random, (50, 35), (120, 130, 100), [[10, 2, 8], [0, 44, 3], [0, 0, 25]])
    matched = colors.match_mean_and_covariance(style, content)
    assert matched.dtype == np.float32
    assert matched.shape == style.shape
    before, flat, wanted = (picture.reshape(-1, 3).astype(np.float64) for picture in (style, matched, content))
    # Computed in float64; float32 rounds each result, of up to 512, by at most 2^-16.
    np.testing.assert_allclose(flat.mean(axis=0), wanted.mean(axis=0), atol=2**-15)
    np.testing.assert_allclose(np.cov(flat.T), np.cov(wanted.T), rtol=1e-4)
    linear = sqrtm(np.cov(wanted.T)) @ np.linalg.inv(sqrtm(np.cov(before.T)))
    np.testing.assert_allclose(flat - flat.mean(axis=0), (before - before.mean(axis=0)) @ linear.T, atol=2**-14)
    np.testing.assert_allclose(colors.match_mean_and_covariance(style, style), style, atol=2**-15)


def test_match_mean_and_covariance_by_hand():
    # Three uncorrelated channels: each is stretched by the ratio of the deviations about its mean.
    axes = np.concatenate([np.eye(3), -np.eye(3)]).reshape(2, 3, 3)
    style, content = 100 + axes * (1, 2, 4), 50 + axes * (3, 3, 2)
    np.testing.assert_allclose(colors.match_mean_and_covariance(style, content), content, atol=1e-3)


def test_matching_with_grey_is_finite_and_gives_grey(random):
    grey = np.repeat(random.uniform(0, 255, (20, 20, 1)), 3, axis=2).astype(np.float32)
    colored = texture(random, (20, 20), (120, 130, 100), [[30, 2, 8], [0, 44, 3], [0, 0, 25]])
    assert np.isfinite(colors.match_mean_and_covariance(grey, colored)).all()
    # The deviation between the channels becomes that of _sqrt, 0.01, and no pixel is further away than 20 deviations.
    assert np.ptp(colors.match_mean_and_covariance(colored, grey), axis=2).max() < 20 * 0.01 * 2


def test_matching_a_picture_of_one_colour_gives_the_mean(random):
    reference = random.uniform(0, 255, (20, 20, 3))
    matched = colors.match_mean_and_covariance(np.full((9, 8, 3), 77.0), reference)
    np.testing.assert_allclose(matched, np.broadcast_to(reference.mean(axis=(0, 1)), (9, 8, 3)), rtol=1e-6)


def test_color_transfers_by_name():
    named = {"match": colors.match_mean_and_covariance, "histogram": colors.match_histograms}
    assert named == colors.COLOR_TRANSFERS


def test_match_histograms_permutes_the_values_of_an_equally_large_picture(random):
    """If values are distinct, the n-th smallest becomes the n-th smallest of the reference."""
    style, content = (random.permutation(600 * 3).reshape(20, 30, 3).astype(np.float32) / 8 for _ in range(2))
    matched = colors.match_histograms(style, content)
    assert matched.dtype == np.float32
    for channel in range(3):
        before, after, wanted = (picture[:, :, channel].ravel() for picture in (style, matched, content))
        np.testing.assert_array_equal(np.argsort(after), np.argsort(before))
        np.testing.assert_allclose(np.sort(after), np.sort(wanted), rtol=1e-6)


def test_match_histograms_by_hand():
    """Equal values stay equal: quantiles 1/4 (of 0, 0) and 3/4 (of 9, 9) between 1/8, 3/8, 5/8 and 7/8."""
    style = np.repeat(np.array([[0, 9], [9, 0]], np.float32)[:, :, np.newaxis], 3, axis=2)
    content = np.arange(12, dtype=np.float32).reshape(2, 2, 3) * 10  # channels 0 30 60 90, 10 40 70 100, ...
    expected = np.array([15, 25, 35]) + np.array([[0, 60], [60, 0]])[:, :, np.newaxis]
    np.testing.assert_allclose(colors.match_histograms(style, content), expected, rtol=1e-6)


def test_transfer_luma_by_hand():
    content, styled = np.array([[[10, 20, 30.0]]]), np.array([[[110, 20, 30.0]]])
    np.testing.assert_allclose(colors.transfer_luma(content, styled), [[[39.9, 49.9, 59.9]]], rtol=1e-6)


def test_transfer_luma_is_not_clipped():
    content, styled = np.array([[[250, 0, 0.0]]]), np.full((1, 1, 3), 255.0)
    luma = 0.299 * 250
    np.testing.assert_allclose(
        colors.transfer_luma(content, styled), [[[505 - luma, 255 - luma, 255 - luma]]], rtol=1e-6
    )


def test_transfer_luma_of_itself_changes_nothing(random):
    image = random.uniform(0, 255, (5, 6, 3)).astype(np.float32)
    result = colors.transfer_luma(image, image)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, image)


def test_transfer_luma_is_y_of_one_and_cb_cr_of_the_other(random):
    """Against the matrices of JFIF, whose six decimals are accurate to 255 * 5e-7 each."""
    forward = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    backward = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    content, styled = random.uniform(0, 255, (2, 20, 20, 3))
    expected = content @ forward.T
    expected[:, :, 0] = (styled @ forward.T)[:, :, 0]
    np.testing.assert_allclose(colors.transfer_luma(content, styled), expected @ backward.T, atol=1e-3)


def test_transfer_luma_agrees_with_pillow(random):
    """Pillow truncates Y, Cb and the result to 8 bits: errors up to 1 + 1.772 + 1."""
    content, styled = random.integers(90, 166, (2, 20, 20, 3)).astype(np.uint8)
    _, *chroma = Image.fromarray(content).convert("YCbCr").split()
    luma = Image.fromarray(styled).convert("YCbCr").getchannel(0)
    expected = np.asarray(Image.merge("YCbCr", [luma, *chroma]).convert("RGB"), float)
    np.testing.assert_allclose(colors.transfer_luma(content, styled), expected, atol=3.8)
