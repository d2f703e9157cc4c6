"""What a run takes, what is free, and what follows."""

import pytest

from brushwork.engine import memory
from brushwork.engine.memory import Workload
from brushwork.network import layers
from brushwork.network.layers import CONVOLUTIONS
from brushwork.settings import NEAREST_LAYERS, Settings
from tests.helpers import tiny_networks

SIZE = (600, 800)


@pytest.fixture
def network():
    return tiny_networks.tiny_network()


def workload(network, precision="float32", size=SIZE, styles=None, masks=0, **settings):
    """A Workload with one style of the content's size, or with `styles`."""
    return Workload(network, Settings(**settings), precision, size, [size] if styles is None else styles, masks)


def needed(network, tile_size, size=SIZE, **settings):
    return memory.estimate(workload(network, size=size, **settings), tile_size)


def chosen(network, monkeypatch, free, size=SIZE, **settings):
    monkeypatch.setattr(memory, "available", lambda: free / memory.SHARE)
    return memory.tile_size_for(workload(network, size=size, **settings))


def test_the_bytes_of_a_layer(network):
    # relu1_1 and relu1_2 of 2 channels, pool1 of 2 at a quarter of the positions, relu2_1 of 3 at a quarter.
    channels = [network.convolutions[name][0].shape[-1] for name in ("conv1_1", "conv1_2", "conv2_1")]
    expected = channels[0] + channels[1] + channels[1] / 4 + channels[2] / 4
    assert memory._stored(network, ["relu1_1", "relu2_1"]) == expected


def test_more_takes_more(network):
    assert needed(network, None) > needed(network, 256) > needed(network, 128) > memory.PROCESS
    assert needed(network, None, size=(601, 800)) > needed(network, None)
    assert needed(network, 128, optimizer="lbfgs", lbfgs_memory=20) > needed(network, 128)
    half = memory.estimate(workload(network, "bfloat16"), None)
    assert half < needed(network, None)


def test_transformed_kernels_take_four_times_as_much(network, monkeypatch):
    plain, half = (memory.estimate(workload(network, kind), None) for kind in ("float32", "bfloat16"))
    monkeypatch.setattr(layers, "WIDE", 1)
    built = CONVOLUTIONS[: CONVOLUTIONS.index("conv5_1") + 1]
    kernels = sum(network.convolutions[name][0].nbytes for name in built)
    assert memory.estimate(workload(network), None) - plain == pytest.approx(3 * kernels)
    assert memory.estimate(workload(network, "bfloat16"), None) == half


def test_the_largest_tile_that_fits(network, monkeypatch):
    assert chosen(network, monkeypatch, needed(network, None)) is None
    assert chosen(network, monkeypatch, needed(network, 384)) == 384
    assert chosen(network, monkeypatch, needed(network, 384) - 1e3) == 256
    assert chosen(network, monkeypatch, needed(network, 64), tile_size=64) == 64
    assert chosen(network, monkeypatch, needed(network, None), tile_size="none") is None


@pytest.mark.parametrize(
    ("settings", "free", "remedy"),
    [
        ({"tile_size": "none"}, {}, "--tile-size 384 would fit"),
        ({"tile_size": 2048}, {}, "--tile-size 384 would fit"),
        ({"optimizer": "lbfgs", "lbfgs_memory": 100}, {"optimizer": "lbfgs", "lbfgs_memory": 3}, "--lbfgs-memory 3"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_what_would(network, monkeypatch, settings, free, remedy):
    free = needed(network, 384, **free)
    with pytest.raises(memory.DoesNotFit, match=remedy):
        chosen(network, monkeypatch, free, **settings)


def test_a_picture_that_does_not_fit_has_a_width_that_does(network, monkeypatch):
    free = needed(network, 128)
    with pytest.raises(memory.DoesNotFit) as refusal:
        chosen(network, monkeypatch, free, size=(6000, 8000))
    width = int(str(refusal.value).split("--width ")[1].split()[0])
    fitting = [each for each in range(400, 8000, 400) if needed(network, 128, size=(each * 3 // 4, each)) <= free]
    assert width == pytest.approx(fitting[-1], abs=1)  # of twentieths of the picture's width, the largest that fits
    with pytest.raises(memory.DoesNotFit, match="not even a small picture"):
        chosen(network, monkeypatch, 1e6)


# The tiny network has 2, 3, 4, 6 and 8 channels in its blocks of 2, 2, 4, 4 and 4 convolutions.
KERNELS_TO_RELU4_2 = 9 * (3 * 2 + 2 * 2 + 2 * 3 + 3 * 3 + 3 * 4 + 3 * 4 * 4 + 4 * 6 + 6 * 6)  # numbers
KERNELS_TO_RELU5_1 = KERNELS_TO_RELU4_2 + 9 * (2 * 6 * 6 + 6 * 8)
# Per pixel: each ReLU and each pooling layer to relu5_1, a quarter of the positions after each pooling.
STORED = (2 + 2 + 2 / 4) + (3 + 3 + 3 / 4) / 4 + (4 * 4 + 4 / 4) / 16 + (4 * 6 + 6 / 4) / 64 + 8 / 256
STYLES = 2 + 3 / 4 + 4 / 16 + 6 / 64 + 8 / 256  # per pixel: relu1_1 to relu5_1


@pytest.mark.parametrize(
    ("settings", "precision", "tile_size", "regions", "images", "number", "area"),
    [
        ({}, "float32", None, 0, 11, 4, 600 * 800),
        ({}, "bfloat16", None, 2, 11 + 2, 2, 600 * 800),
        ({}, "float32", 128, 0, 11, 4, (128 + 160) ** 2),  # 80 px of margin on each side
        ({}, "float32", 512, 1, 11 + 1, 4, 600 * (512 + 160)),  # no tile is higher than the picture
        ({"optimizer": "lbfgs"}, "float32", None, 0, 8 + 20, 4, 600 * 800),
        ({"optimizer": "lbfgs", "lbfgs_memory": 3}, "float32", None, 0, 8 + 6, 4, 600 * 800),
    ],
    ids=str,
)
def test_an_estimate_by_hand(network, settings, precision, tile_size, regions, images, number, area):
    own = sum(kernel.nbytes for kernel, _ in network.convolutions.values())
    expected = memory.PROCESS + own + KERNELS_TO_RELU5_1 * number
    expected += 12 * (images * 600 * 800 + 30 * 40 + 50 * 60)  # float32 of three channels
    expected += number * 6 / 64 * 600 * 800  # relu4_2 of the content
    expected += number * (1.75 * STORED + regions * STYLES) * area
    expected += 4 * 10 * max(1, regions) * (2**2 + 3**2 + 4**2 + 6**2 + 8**2)  # matrices of the style layers
    styles = [(30, 40), (50, 60)]
    given = workload(network, precision, styles=styles, masks=regions, **settings)
    found = memory.estimate(given, tile_size)
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_nearest_loss_takes_its_compared_positions(network):
    # 600x800 px are compared every 4 px in relu2_1, and every 8 px in the others: 30,000 and 7,500 positions.
    settings = {"style_loss": ("wasserstein", "nearest"), "style_layers": NEAREST_LAYERS, "content_weight": 0}
    with_it, without = (
        memory.estimate(workload(network, **settings | {"style_loss": losses}), None)
        for losses in (settings["style_loss"], "wasserstein")
    )
    assert with_it - without == pytest.approx(2 * 4 * (30000 * 3 + 7500 * (4 + 6 + 6)), rel=1e-9)


def test_what_limits_the_memory_is_named(network, monkeypatch):
    monkeypatch.setattr(memory.limits, "reason", lambda: "of 3.0 are left by ulimit -v")
    with pytest.raises(memory.DoesNotFit, match=r"and 0\.0 GB of 3\.0 are left by ulimit -v; not even a small picture"):
        chosen(network, monkeypatch, 1e6)


def test_the_numbers_of_the_model():
    assert (memory.PROCESS, memory.EVALUATION, memory.SHARE, memory.MATRICES) == (720e6, 1.75, 0.85, 10)
    assert memory.TILE_SIZES == (2048, 1536, 1024, 768, 512, 384, 256, 128)


@pytest.mark.parametrize(("steps", "allowed"), [(0, None), (1, 2048), (4, 768), (8, 128)])
def test_tile_sizes_are_tried_from_the_largest(network, monkeypatch, steps, allowed):
    sizes = (None, *memory.TILE_SIZES)
    size = 3000, 4000
    limit = needed(network, sizes[steps], size)
    monkeypatch.setattr(memory, "available", lambda: limit / 0.85 * (1 + 1e-9))
    assert memory.tile_size_for(workload(network, size=size)) == allowed


def test_each_scale_has_tiles_for_its_own_pictures(network, monkeypatch):
    asked = []

    def tile_size_for(workload):
        asked.append(workload)
        return len(asked)

    monkeypatch.setattr(memory, "tile_size_for", tile_size_for)
    given = workload(network, "bfloat16", (80, 60), [(40, 20), (12, 100)], 2, scales=(3,))
    found = memory.tile_sizes(given)
    assert found == [1, 2, 3]
    expected = [((20, 15), [(10, 5), (3, 25)]), ((40, 30), [(20, 10), (6, 50)]), ((80, 60), [(40, 20), (12, 100)])]
    assert asked == [Workload(network, given.settings, "bfloat16", *shapes, 2) for shapes in expected]


def test_masks_take_memory_in_the_choice_of_tiles(network, monkeypatch):
    free = needed(network, None)
    monkeypatch.setattr(memory, "available", lambda: free / 0.85 * (1 + 1e-9))
    assert memory.tile_size_for(workload(network)) is None
    assert memory.tile_size_for(workload(network, masks=1)) is not None
