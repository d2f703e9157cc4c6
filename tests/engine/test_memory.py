"""What a run takes, what is free, and what follows."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine import memory
from brushwork.network import layers
from brushwork.network.layers import CONVOLUTIONS
from brushwork.settings import Settings
from stylize import Objective
from tests.helpers import oracle, tiny_networks

SIZE = (600, 800)


@pytest.fixture
def network():
    return tiny_networks.tiny_network()


def needed(network, tile_size, size=SIZE, **settings):
    return memory.estimate(network, Settings(**settings), "float32", size, [size], tile_size)


def chosen(network, monkeypatch, free, size=SIZE, **settings):
    monkeypatch.setattr(memory, "available", lambda: free / memory.SHARE)
    return memory.tile_size_for(network, Settings(**settings), "float32", size, [size])


def test_the_bytes_of_a_layer(network):
    # relu1_1 and relu1_2 of 2 channels, pool1 of 2 at a quarter of the positions, relu2_1 of 3 at a quarter.
    channels = [network.convolutions[name][0].shape[-1] for name in ("conv1_1", "conv1_2", "conv2_1")]
    expected = channels[0] + channels[1] + channels[1] / 4 + channels[2] / 4
    assert memory._stored(network, ["relu1_1", "relu2_1"]) == expected


def test_more_takes_more(network):
    assert needed(network, None) > needed(network, 256) > needed(network, 128) > memory.PROCESS
    assert needed(network, None, size=(601, 800)) > needed(network, None)
    assert needed(network, 128, optimizer="lbfgs", lbfgs_memory=20) > needed(network, 128)
    half = memory.estimate(network, Settings(), "bfloat16", SIZE, [SIZE], None)
    assert half < needed(network, None)


def test_transformed_kernels_take_four_times_as_much(network, monkeypatch):
    plain, half = (memory.estimate(network, Settings(), kind, SIZE, [], None) for kind in ("float32", "bfloat16"))
    monkeypatch.setattr(layers, "WIDE", 1)
    built = CONVOLUTIONS[: CONVOLUTIONS.index("conv5_1") + 1]
    kernels = sum(network.convolutions[name][0].nbytes for name in built)
    assert memory.estimate(network, Settings(), "float32", SIZE, [], None) - plain == pytest.approx(3 * kernels)
    assert memory.estimate(network, Settings(), "bfloat16", SIZE, [], None) == half


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
    assert needed(network, 128, size=(round(width * 3 / 4), width)) <= free
    with pytest.raises(memory.DoesNotFit, match="not even a small picture"):
        chosen(network, monkeypatch, 1e6)


def test_what_is_free(monkeypatch, tmp_path):
    machine = memory.available()
    assert 1e8 < machine < 1e14
    own = memory.psutil.Process().memory_info().rss
    files = {"max": "3000000000", "current": "2500000000", "stat": "anon 1\ninactive_file 200000000\nx 3\n"}
    for name, text in files.items():
        Path(tmp_path, name).write_text(text)
    monkeypatch.setattr(memory, "CGROUPS", [[tmp_path / name for name in files]])
    assert memory.available() == pytest.approx(0.7e9 + own, rel=0.05)
    Path(tmp_path, "max").write_text("max\n")
    assert memory.available() == pytest.approx(machine, rel=0.2)


class Scarce:
    """A session that runs out of memory when it is fed a picture or tile of more than so many pixels."""

    def __init__(self, session, image, pixels, error):
        self.session, self.image, self.pixels, self.error = session, image, pixels, error

    def run(self, fetches, feed):
        if self.image in feed and feed[self.image].shape[0] * feed[self.image].shape[1] > self.pixels:
            raise self.error
        return self.session.run(fetches, feed)


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM")], ids=str)
def test_a_run_out_of_memory_goes_on_in_smaller_tiles(tiny, random, error):
    content = random.uniform(0, 255, (300, 400, 3)).astype(np.float32)
    settings = Settings(precision="float32", tile_size="none")
    with Objective(tiny, settings) as plenty:
        plenty.aim(content, [content])
        expected, gradient = plenty.evaluate(content + 9)
    with Objective(tiny, settings) as objective:
        objective.aim(content, [content])
        sweeps = objective._sweeps
        sweeps._session = Scarce(sweeps._session, sweeps.image, 240 * 240, error)
        losses, slope = objective.evaluate(content + 9)
        assert sweeps.tile_size == 96
        assert oracle.main_losses(losses) == pytest.approx(oracle.main_losses(expected), rel=1e-5)
        np.testing.assert_allclose(slope, gradient, rtol=1e-3, atol=1e-4 * np.abs(gradient).max())
        sweeps._session.pixels = 0
        with pytest.raises(memory.DoesNotFit, match="out of memory"):
            objective.evaluate(content)
