"""Words: the settings of a request, as people tell pictures of the same pair apart."""

import pytest

from brushwork.studio.words import words


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "painterly"),
        ({"preset": "fast", "quality": "normal", "settings": {"long_side": 768}}, "fast, 768 px"),
        ({"settings": {"strength": 2, "style_scales": 0.5}}, "painterly, strength \u00d7 2, strokes \u00d7 0.5"),
        ({"settings": {"colors": "luma"}, "quality": "fine"}, "painterly, my colours, fine"),
        ({"settings": {"colors": "luma", "color_strength": 0.5}}, "painterly, my colours 50 %"),
        ({"settings": {"colors": "match"}}, "painterly, colours by match"),
        ({"settings": {"color_strength": 0.5}}, "painterly"),
        ({"settings": {"long_side": 512, "width": "300"}}, "painterly, width 300"),
        (
            {"settings": {"box": True, "deterministic": False, "tv_weight": "3"}},
            "painterly, box, no deterministic, tv-weight 3",
        ),
        ({"settings": {"tv_weight": "", "unknown": 1}, "network": "vgg19"}, "painterly, vgg19"),
        ({"styles": [{"picture": "a", "weight": 1}, {"picture": "b", "weight": 0.25}]}, "painterly, 80 : 20 %"),
        ({"styles": [{"picture": "a", "mask": "m"}, {"picture": "b", "weight": 1}]}, "painterly, 1 mask"),
        ({"styles": [{"picture": "a", "mask": "m", "weight": 2}, {"picture": "b", "mask": "n"}]}, "painterly, 2 masks"),
    ],
    ids=str,
)
def test_words(asked, expected):
    assert ", ".join(words(asked)) == expected
