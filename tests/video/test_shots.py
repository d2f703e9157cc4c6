"""Shots: where a film can be divided, so that no frame changes."""

import numpy as np
import pytest

from brushwork.losses.temporal import Predecessor
from brushwork.video.following import Following
from brushwork.video.shots import beginnings
from tests.video.test_flow import texture

LENGTHS = 3, 1, 4  # of the shots, each a pan of 2 px a frame


@pytest.fixture
def contents():
    scenes = [texture(48, 90, seed=seed) for seed in (3, 12, 21)]
    pans = zip(scenes, LENGTHS, strict=True)
    return [scene[:, 2 * number : 2 * number + 72] for scene, length in pans for number in range(length)]


def test_a_shot_begins_at_each_cut(contents):
    assert [index for index, begins in enumerate(beginnings(contents, (1,))) if begins] == [0, 3, 4]


@pytest.mark.parametrize("reach", [(1,), (1, 3), (2,), (2, 4)])
def test_a_shot_begins_where_all_frames_before_are_forgotten(contents, reach):
    """Also if frames are compared with the second one before: a shot of one frame is not noticed then."""
    following, expected = Following(reach, Predecessor()), []
    for number, content in enumerate(contents):
        following.relate(content)
        expected.append(not following._finished)
        following.add(content, np.zeros_like(content), number)
    assert list(beginnings(contents, reach)) == expected
    assert 1 < sum(expected) < len(expected)


def test_a_clip_without_cuts_is_one_shot(contents):
    assert list(beginnings(contents[4:], (1,))) == [True, False, False, False]
    assert list(beginnings([], (1,))) == []
