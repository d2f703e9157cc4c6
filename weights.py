"""The file of weights: a path -> `Network`, the convolutions of a VGG-19 by name and its mean pixel.

Layouts (recognised by content, every field read by its name): the three generations of MatConvNet's
`imagenet-vgg-verydeep-19.mat`, and the convolution-only HDF5 file of Keras. Fully connected layers are left out.
"""

import re
from dataclasses import dataclass

import numpy as np

import files
import matlab
from layers import CONVOLUTIONS

KERAS_MEAN_PIXEL = (123.68, 116.779, 103.939)  # RGB; the Keras file does not hold it
# Bounds on what a crafted file can make us do: channels of any layer, bytes of all, items of a file and their depth.
MAX_CHANNELS, MAX_BYTES, MAX_ITEMS, MAX_DEPTH = 4096, 400_000_000, 5000, 8


class NetworkError(Exception):
    """A file that holds no VGG-19 this program can use; its text is one sentence for the user."""


@dataclass(frozen=True)
class Network:
    """The convolutions of a VGG-19 (Simonyan and Zisserman 2014), in the network's order.

    convolutions: name, such as "conv3_1", -> (kernel [3, 3, in, out], bias [out]), float32; the first takes RGB.
    mean_pixel: [3], RGB, 0..255, to be subtracted from a picture.
    """

    convolutions: dict[str, tuple[np.ndarray, np.ndarray]]
    mean_pixel: np.ndarray


def load(path):
    """Read the network in the file `path`; raise NetworkError, in one sentence, if there is none to be had."""
    try:
        with files.open_regular(path) as file:
            head = file.read(128)
        if head.startswith(b"MATLAB 5.0"):
            matlab.check(path)
            convolutions, mean_pixel = _read_matconvnet(path)
        elif head.startswith(b"\x89HDF\r\n\x1a\n"):
            convolutions, mean_pixel = _read_keras(path)
        elif head.startswith(b"MATLAB 7.3"):
            raise NetworkError("a MATLAB 7.3 file; save it again in MATLAB with -v7")
        else:
            raise NetworkError("not a MATLAB or HDF5 file")
        return checked(convolutions, mean_pixel)
    except (NetworkError, matlab.MatlabError) as error:
        raise NetworkError(f"cannot read network {path}: {error}") from None
    except OSError as error:
        reason = error.strerror or "damaged or truncated"
        raise NetworkError(f"cannot read network {path}: {reason}") from None
    except Exception as error:  # scipy and h5py raise every type there is when a file is mangled
        raise NetworkError(f"cannot read network {path}: damaged or truncated ({type(error).__name__})") from None


def _read_matconvnet(path):
    """MatConvNet's layout, old or new -> (convolutions, mean pixel)."""
    from scipy.io import loadmat  # here because it takes longer to import than --help may

    # Not simplify_cells: it would squeeze a kernel of one channel out of shape.
    contents = loadmat(path, variable_names=["layers", "meta", "normalization"])
    if "layers" not in contents:
        raise NetworkError("a MATLAB file without a network: it has no variable 'layers'")
    convolutions = {}
    for layer in contents["layers"].ravel():
        name = str(_field(layer, "name").item())
        if name in CONVOLUTIONS:
            convolutions[name] = _matconvnet_convolution(layer)
    normalization = contents.get("normalization")
    if normalization is None and "meta" in contents:
        normalization = _field(contents["meta"], "normalization")
    if normalization is None:
        raise NetworkError("a MATLAB file without the network's mean: it has no 'normalization'")
    average = np.asarray(_field(normalization, "averageImage"), np.float64)
    if average.size % 3 or not average.size:
        raise NetworkError("its averageImage is not a colour picture")
    return convolutions, average.reshape(-1, 3).mean(axis=0)  # three values, or a picture [224, 224, 3] of them


def _matconvnet_convolution(layer):
    """One convolutional layer of a MatConvNet file -> (kernel [height, width, in, out], bias [out])."""
    if "weights" in layer.dtype.names:
        kernel, bias = _field(layer, "weights").ravel()
    else:  # the oldest files
        kernel, bias = _field(layer, "filters"), _field(layer, "biases")
    kernel = kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim))  # MATLAB drops trailing axes of length one
    return kernel.transpose(1, 0, 2, 3), bias.reshape(-1)  # stored [width, height, in, out]


def _field(struct, name):
    """The field `name` of a 1x1 MATLAB struct as scipy reads it."""
    if name not in (struct.dtype.names or ()):
        raise NetworkError(f"a MATLAB file of another kind: it has no field '{name}'")
    return struct[name].ravel()[0]


def _read_keras(path):
    """Keras' layout -> (convolutions, mean pixel): for each layer blockB_convC a 4-D kernel and a 1-D bias."""
    import h5py

    convolutions, bytes_left = {}, MAX_BYTES
    with h5py.File(path, "r") as file:
        for path_in_file, item in _items(file, h5py):
            found = re.search(r"(?:^|/)block(\d)_conv(\d)/", path_in_file)
            if found and item.ndim in (1, 4):
                bytes_left -= item.nbytes
                if max(item.shape) > MAX_CHANNELS or bytes_left < 0:
                    raise NetworkError(f"its {path_in_file} has the impossible shape {item.shape}")
                pair = convolutions.setdefault("conv{}_{}".format(*found.groups()), {})
                pair[item.ndim] = item[()]
    convolutions = {name: (pair[4], pair[1]) for name, pair in convolutions.items() if len(pair) == 2}
    if "conv1_1" in convolutions:
        kernel, bias = convolutions["conv1_1"]
        convolutions["conv1_1"] = kernel[:, :, ::-1], bias  # trained on BGR
    return convolutions, np.array(KERAS_MEAN_PIXEL)


def _items(file, h5py):
    """Yields (path, dataset) of an HDF5 file, without recursion and links: a crafted one may be nested without end."""
    groups, seen = [("", file)], 0
    while groups:
        path, group = groups.pop()
        seen += len(group)
        if seen > MAX_ITEMS or path.count("/") > MAX_DEPTH:
            raise NetworkError(f"not a network: it has more than {MAX_ITEMS} items, or they are too deep")
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                item = group[name]
                if isinstance(item, h5py.Dataset):
                    yield f"{path}{name}", item
                elif isinstance(item, h5py.Group):
                    groups.append((f"{path}{name}/", item))


def checked(convolutions, mean_pixel):
    """The Network of these arrays, in order, if they fit together; NetworkError otherwise."""
    present = [name for name in CONVOLUTIONS if name in convolutions]
    if not present:
        raise NetworkError("it holds no layer named conv1_1 (MatConvNet) or block1_conv1 (Keras)")
    missing = next((name for name in CONVOLUTIONS[: len(present)] if name not in convolutions), None)
    if missing:
        kind = "a VGG-16 network" if missing == "conv3_4" else "not a VGG-19 network"
        raise NetworkError(f"{kind}: it has no layer {missing}")
    channels, checked = 3, {}
    for name in present:
        checked[name] = kernel, bias = tuple(np.ascontiguousarray(array, np.float32) for array in convolutions[name])
        if kernel.ndim != 4 or kernel.shape[:2] != (3, 3):
            raise NetworkError(f"{name} has a kernel of shape {kernel.shape}, not 3x3")
        if kernel.shape[2] != channels:
            raise NetworkError(f"{name} expects {kernel.shape[2]} input channels, got {channels}")
        channels = kernel.shape[3]
        if bias.shape != (channels,):
            raise NetworkError(f"{name} has {channels} kernels but {bias.size} biases")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise NetworkError(f"{name} has weights that are not finite")
    mean_pixel = np.asarray(mean_pixel, np.float32)
    if not np.isfinite(mean_pixel).all():
        raise NetworkError("its mean pixel is not finite")
    return Network(checked, mean_pixel)
