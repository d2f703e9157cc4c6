"""Flow, warping, consistency and cuts: on scenes whose motion is known."""

import cv2
import numpy as np
import pytest

from brushwork.losses.temporal import Predecessor
from brushwork.pictures import sizes
from brushwork.video import following
from brushwork.video.consistency import alike, consistency, is_cut
from brushwork.video.flow import flow_between, grey_of, places, warp
from brushwork.video.following import Following
from brushwork.video.uncovered import painted_alike

HEIGHT, WIDTH = 60, 80


def texture(height, width, seed=3):
    """A picture [H, W, 3] with detail at several sizes."""
    random = np.random.default_rng(seed)
    parts = [sizes.resample(random.uniform(0, 255, (height // n, width // n, 3)), height, width) for n in (3, 6, 12)]
    return np.clip(np.mean(parts, axis=0) * 1.6 - 70, 0, 255).astype(np.float32)


def constant(x, y):
    return np.broadcast_to(np.float32([x, y]), (HEIGHT, WIDTH, 2)).copy()


def pan(x, y, seed=3):
    """(a frame, the one before it): the scene moves by (-x, -y), so that pixel p was at p + (x, y)."""
    scene = texture(HEIGHT + abs(y), WIDTH + abs(x), seed)
    return scene[y : y + HEIGHT, x : x + WIDTH], scene[:HEIGHT, :WIDTH]


def test_the_flow_of_a_pan():
    frame, before = pan(3, 1)
    flow = flow_between(grey_of(frame), grey_of(before))
    assert np.abs(np.median(flow, axis=(0, 1)) - (3, 1)).max() < 0.1
    assert np.abs(flow[8:-8, 8:-8] - (3, 1)).mean() < 0.2


def test_the_flow_of_a_zoom_is_right_within_a_fraction_of_a_pixel():
    """Flows at half the size, as of OpenCV's presets, have an error of 0.05 px here."""
    scene, zoom = texture(120, 160), 1.04

    def seen(scale):
        matrix = np.float32([[scale, 0, 40], [0, scale, 30]])
        return cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), None, cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)

    flow, exact = flow_between(grey_of(seen(1)), grey_of(seen(zoom))), places(constant(0, 0)) * (1 / zoom - 1)
    assert np.abs(flow - exact)[8:-8, 8:-8].mean() < 0.03


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (40, 5), (17, 33)])
def test_frames_of_any_size(size):
    grey = grey_of(texture(48, 48)[: size[0], : size[1]])
    flow = flow_between(grey, grey)
    assert flow.shape == (*size, 2)
    assert np.abs(flow).max() < 0.01
    assert consistency(flow, flow).min() == 1


def test_warping_by_whole_pixels_moves_them():
    picture = texture(HEIGHT, WIDTH)
    moved = warp(picture, constant(3, 1))
    np.testing.assert_array_equal(moved[:-6, :-8], picture[1:-5, 3:-5])
    np.testing.assert_array_equal(warp(picture, constant(0, 0)), picture)


def test_repeated_warping_keeps_detail():
    """Eight times by an eighth of a pixel: Lanczos windows keep most of the differences of neighbours."""
    picture, moved = texture(HEIGHT, WIDTH), texture(HEIGHT, WIDTH)
    for _ in range(8):
        moved = warp(moved, constant(0.375, 0))
    before, after = (np.abs(np.diff(each[10:-10, 10:-10], axis=1)).mean() for each in (picture, moved))
    assert 0.9 < after / before < 1.1


def test_what_a_pan_uncovers_is_exactly_where_nothing_was():
    """The flow is known: the last three columns and the last row come from outside; the blur reaches 3 px further."""
    found = consistency(constant(3, 1), constant(-3, -1))
    assert (found[-1] < 0.5).all()
    assert (found[:, -3:] < 0.5).all()
    assert (found[:-5, :-7] == 1).all()
    sharp = found > 0.5
    wanted = np.ones((HEIGHT, WIDTH), bool)
    wanted[-1], wanted[:, -3:] = False, False
    np.testing.assert_array_equal(sharp, wanted)


def test_what_an_object_uncovers():
    """A square moves 6 px to the right over a still scene: behind it is what was hidden."""
    backward, forward = constant(0, 0), constant(0, 0)
    backward[20:40, 36:56] = -6, 0  # where it is now, seen from this frame
    forward[20:40, 30:50] = 6, 0
    found = consistency(backward, forward)
    assert found[22:38, 31:34].max() < 0.03  # uncovered; what is left is the blur
    assert found[24:36, 42:50].min() > 0.99  # the square itself
    assert found[:15].min() == found[45:].min() == 1
    assert found[30, 36] < 0.5  # its edge


def test_a_cut():
    frame, before = pan(3, 1)
    other = texture(HEIGHT, WIDTH, seed=11)

    def cut(one, two):
        one, two = grey_of(one), grey_of(two)
        flow = flow_between(one, two)
        return is_cut(one, two, consistency(flow, flow_between(two, one)) * alike(one, two, flow))

    assert not cut(frame, before)
    assert not cut(frame, frame)
    assert cut(other, before)


def test_a_frame_follows_from_the_one_before():
    frame, before = pan(3, 1)
    predecessor = Predecessor()
    following = Following((1,), predecessor)
    assert not following.relate(before)
    following.add(before, 255 - before, 0)
    assert following.relate(frame)
    consistent = predecessor.consistency > 0.99
    assert consistent.mean() > 0.7
    assert np.abs(predecessor.warped - (255 - frame))[consistent].mean() < 6
    nowhere = predecessor.consistency == 0  # there it has the colours that the painting has elsewhere for the same
    assert np.abs(predecessor.warped - (255 - frame))[nowhere].mean() < 6
    assert not following.relate(texture(HEIGHT, WIDTH, seed=11))
    assert predecessor.warped is None
    assert not following.relate(before)  # all before the cut is forgotten


def test_a_farther_frame_counts_where_the_nearer_does_not():
    """The scene moves by 3 px a frame. The frame before has a patch of another picture, the one before that has not."""
    scene = texture(HEIGHT, WIDTH + 6)
    first, patched, last = (scene[:, each : each + WIDTH].copy() for each in (0, 3, 6))
    patched[20:40, 30:50] = texture(20, 20, seed=9)
    for reach in ((1,), (1, 2)):
        predecessor = Predecessor()
        following = Following(reach, predecessor)
        following.add(first, np.full_like(first, 10), 0)
        following.add(patched, np.full_like(first, 90), 1)
        assert following.relate(last)
        in_patch, outside = predecessor.consistency[25:35, 32:42], predecessor.consistency[:10, 10:-10]
        assert outside.min() > 0.99
        np.testing.assert_allclose(predecessor.warped[:10, 10:-10], 90, atol=1)
        assert bool(in_patch.mean() > 0.9) is (reach == (1, 2))
    assert np.median(predecessor.warped[25:35, 32:42]) == pytest.approx(10, abs=1)


def test_still_places_follow_from_the_key_frame(monkeypatch):
    """The left half is still, and the right half moves by 3 px a frame; every second frame is a key frame."""
    monkeypatch.setattr(following, "KEY_FRAMES", 2)
    still, moving = texture(HEIGHT, 80), texture(HEIGHT, 100, seed=5)
    predecessor = Predecessor()
    frames = Following((1,), predecessor)
    for number, key in enumerate((None, 0, 0, 2, 2)):
        content = np.concatenate([still, moving[:, 3 * number : 3 * number + 80]], axis=1)
        assert frames.relate(content) is (number > 0)
        if number:
            np.testing.assert_allclose(predecessor.warped[10:-10, 10:60], 10 * key, atol=0.5)
            np.testing.assert_allclose(np.median(predecessor.warped[10:-10, 100:140]), 10 * (number - 1), atol=0.5)
        frames.add(content, np.full_like(content, 10 * number), number)


@pytest.mark.parametrize("done", [1, 4, 7, 8])
def test_what_follows_is_the_same_after_an_interrupt(monkeypatch, done):
    """Also behind a cut, which is before frame 7."""
    monkeypatch.setattr(following, "KEY_FRAMES", 3)
    contents = [texture(HEIGHT, WIDTH)] * 7 + [texture(HEIGHT, WIDTH, seed=11)] * 2
    results = [np.full_like(content, 10 * number) for number, content in enumerate(contents)]
    found = []
    for finished in (0, done):
        predecessor = Predecessor()
        frames = Following((1, 2), predecessor)
        for number in range(max(0, finished - frames.memory), 9):
            frames.relate(contents[number])
            if number == 8:
                found.append(predecessor.warped)
            frames.add(contents[number], results[number], number)
    np.testing.assert_array_equal(*found)
    assert found[0][0, 0, 0] == 70


def test_what_looks_different_is_not_consistent():
    """Whatever the flow says: it leads from one patch to the other and back."""
    frame, before = np.full((HEIGHT, WIDTH), 100, np.uint8), np.full((HEIGHT, WIDTH), 100, np.uint8)
    before[20:40, 30:50] = 190
    same = alike(frame, before, constant(0, 0))
    assert (same[24:36, 34:46] == 0).all()
    assert (same[:14] == 1).all()


def test_uncovered_places_get_the_colours_of_the_painting():
    """The painting has a colour map of its own on each half; what is unknown gets that of its half."""
    scene, known = texture(HEIGHT, WIDTH), np.ones((HEIGHT, WIDTH), np.float32)
    painted = np.concatenate([255 - scene[:, :40], 0.5 * scene[:, 40:, ::-1] + 60], axis=1)
    known[20:30, 5:15] = known[20:30, 62:72] = 0
    found = painted_alike(scene, np.where(known[:, :, np.newaxis] > 0, painted, 0), known)
    np.testing.assert_array_equal(found[known > 0], painted[known > 0])
    assert np.abs(found - painted)[known == 0].mean() < 8
    np.testing.assert_array_equal(painted_alike(scene, painted, np.ones_like(known)), painted)
