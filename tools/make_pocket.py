"""Make the included network: a VGG-19 and calibration pictures -> a VGG-19 of half the width with nearly its features.

    python tools/make_pocket.py NETWORK.mat PICTURES... -o brushwork/network/pocket-vgg19.mat

Nothing is trained by gradients. Each layer keeps the channels from which the others are best predicted, and its kernel
is a ridge regression from the narrow network's features onto the full network's. The same input gives the same bytes.
"""

import argparse
import io
import itertools
import sys
from pathlib import Path

import numpy as np
import scipy.io
import scipy.linalg
import tensorflow as tf

import vgg
from brushwork import files
from brushwork.network.layers import CONVOLUTIONS
from brushwork.pictures import read, sizes

LAYERS = CONVOLUTIONS[: CONVOLUTIONS.index("conv5_2") + 1]
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # before their ReLU
CONTENT_LAYERS = ("conv4_2", "conv5_2")
SIDE = 288  # px of a calibration crop
SHORT_SIDES = (288, 576)  # px; the short side of the picture that a crop is cut from
SAMPLES = 324  # positions of each crop used for the regressions; all that there are in block 5
CROPS = 640
BATCH = 8
RIDGE = 1e-3  # penalty, over the mean square of the features
RELAXATIONS = (1.7,) * 11 + (1.0,)  # of the iterations of `fit`
LEVELS = 127  # of a signed 8-bit number
POOL = {"type": "pool", "method": "max", "pool": [2.0, 2.0], "stride": [2.0, 2.0], "pad": [0.0, 1.0, 0.0, 1.0]}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png"}


def main(arguments=None):
    options = parser().parse_args(arguments)
    network = vgg.load(options.network)
    crops = calibration_crops(picture_files(options.pictures), options.crops, seed=0)
    with files.replacing(options.output) as file:
        file.write(mat_file(make(network, crops)))
    return 0


def parser():
    result = argparse.ArgumentParser(description="Make a VGG-19 of half the width.")
    result.add_argument("network", help="the full network, in any layout that the program reads")
    result.add_argument("pictures", nargs="+", help="files, or directories of them, to calibrate with")
    result.add_argument("-o", "--output", required=True, help="the file to write")
    result.add_argument("--crops", type=int, default=CROPS, help=f"how many crops of the pictures (default {CROPS})")
    return result


def picture_files(paths):
    """The picture files among `paths`; a directory stands for the files in it, sorted by name."""
    result = []
    for path in map(Path, paths):
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        result += [file for file in found if file.suffix.lower() in PICTURE_SUFFIXES]
    return result


def calibration_crops(paths, count, *, seed):
    """`count` crops of the pictures in turn, augmented at random: float32 [count, SIDE, SIDE, 3], RGB, 0..255."""
    rng = np.random.default_rng(seed)
    pictures = [read.image(path) for path in paths]
    crops = np.empty((count, SIDE, SIDE, 3), np.float32)
    for index in range(count):
        crops[index] = augment(cut(pictures[index % len(pictures)], rng), rng)
        if rng.random() < 0.15:  # a double exposure looks like an image half way through a run
            other = cut(pictures[rng.integers(len(pictures))], rng)
            crops[index] += (other - crops[index]) * rng.uniform(0.2, 0.8)
        if rng.random() < 0.25:
            crops[index] += rng.normal(0, 10 ** rng.uniform(0, 1.6), crops[index].shape)
    return crops


def cut(picture, rng):
    """A random square of the picture at a random scale, flipped or transposed at random: [SIDE, SIDE, 3]."""
    height, width = picture.shape[:2]
    side = int(min(height, width) * SIDE / rng.uniform(*SHORT_SIDES))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = sizes.resize(picture[top : top + side, left : left + side], SIDE, SIDE)
    square = square[:, ::-1] if rng.random() < 0.5 else square
    square = square[::-1] if rng.random() < 0.2 else square
    return square.transpose(1, 0, 2) if rng.random() < 0.2 else square


def augment(square, rng):
    """Change gamma, contrast, brightness and colours at random. Not clipped, as an image is not during a run."""
    square = 255 * (square.clip(0, 255) / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.6:
        colors = np.eye(3) + rng.normal(0, 0.2, (3, 3))
        colors /= colors.sum(axis=1, keepdims=True)  # grey stays grey
        square = square @ colors
        square = square * rng.uniform(0.8, 1.2, 3)
    if rng.random() < 0.15:
        square = square[..., rng.permutation(3)]
    if rng.random() < 0.5:
        square = 127 + (square - 127) * np.exp(rng.uniform(-0.9, 0.3)) + rng.uniform(-30, 30)
    return square


def make(network, crops):
    """The narrow network, fitted to crops [N, SIDE, SIDE, 3]. Reports the relative errors of every layer."""
    batches = [crop - network.mean_pixel for crop in np.split(crops, range(BATCH, len(crops), BATCH))]
    report(f"{len(crops)} crops through the full network")
    teacher = teach(network, batches)
    convolutions, mixing = {}, np.eye(3)
    for name in LAYERS:
        kernel, bias = network.convolutions[name]
        batches = pooled(batches) if begins_block(name) else batches
        goal = teacher.pop(name)
        kept = choose(second_moment(goal), importance(network, name), kernel.shape[-1] // 2)
        patches = sample_patches(batches, len(goal[0]))
        weight = fit(
            patches.reshape(-1, patches.shape[-1]),
            goal[..., kept].reshape(-1, len(kept)),
            prior=np.vstack([narrowed(kernel[..., kept], mixing), bias[kept]]),
        )
        features = relu(patches @ weight.astype(np.float32))
        mixing = mix(features, relu(goal))
        scale = amplitudes(name, features, relu(goal), mixing)
        describe(name, features, relu(goal), kept, mixing, scale)
        convolutions[name] = new_kernel, new_bias = quantised(weight * scale, kernel.shape[:2])
        mixing /= scale[:, np.newaxis]
        for index, batch in enumerate(batches):  # in place, because the first layers of all crops take gigabytes
            batches[index] = convolve(batch, new_kernel, new_bias, activate=True)
    return vgg.Network(convolutions, network.mean_pixel)


def begins_block(name):
    return name.endswith("_1") and name != "conv1_1"


def teach(network, batches):
    """The full network's convolutions at the sampled positions, before ReLU: name -> [N, samples, channels]."""
    samples = {name: [] for name in LAYERS}
    for batch in batches:
        for name in LAYERS:
            batch = pooled([batch])[0] if begins_block(name) else batch
            before = convolve(batch, *network.convolutions[name], activate=False)
            rows, columns = positions(before.shape[1])
            samples[name].append(before[:, rows, columns])
            batch = relu(before)
    return {name: np.concatenate(parts) for name, parts in samples.items()}


def positions(side):
    """Rows and columns of the sampled positions in a square layer, the same for all crops."""
    chosen = np.random.default_rng(side).choice(side * side, min(SAMPLES, side * side), replace=False)
    return np.divmod(np.sort(chosen), side)


def sample_patches(batches, samples):
    """The zero-padded 3x3 neighbourhoods of the sampled positions, and a one for the bias: [N, samples, 9 C + 1]."""
    rows, columns = positions(batches[0].shape[1])
    count, channels = sum(map(len, batches)), batches[0].shape[-1]
    patches = np.ones((count, samples, 9 * channels + 1), np.float32)
    first = 0
    for batch in batches:
        padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
        for tap in range(9):
            part = padded[:, rows + tap // 3, columns + tap % 3]
            patches[first : first + len(batch), :, tap * channels : (tap + 1) * channels] = part
        first += len(batch)
    return patches


def convolve(batch, kernel, bias, *, activate):
    before = tf.nn.bias_add(tf.nn.conv2d(batch, kernel, strides=1, padding="SAME"), bias)
    return (tf.nn.relu(before) if activate else before).numpy()


def pooled(batches):
    return [tf.nn.max_pool2d(batch, 2, 2, "SAME").numpy() for batch in batches]


def relu(array):
    return np.maximum(array, 0)


def second_moment(before):
    """M = E[a a'] of the ReLU's outputs a."""
    rows = relu(before).reshape(-1, before.shape[-1])
    return product(rows, rows) / len(rows)


def product(left, right, block=8192):
    """left' right, in float32 within blocks of rows and in float64 over them: exact enough and twice as fast."""
    return sum(
        (left[start : start + block].T @ right[start : start + block]).astype(np.float64)
        for start in range(0, len(left), block)
    )


def importance(network, name):
    """(the second moment of the next layer's kernel over the channels, the weight of the channels themselves)."""
    own = 1.0 if name in STYLE_LAYERS + CONTENT_LAYERS else 0.25
    following = CONVOLUTIONS[CONVOLUTIONS.index(name) + 1]
    kernel = network.convolutions[following][0].astype(np.float64)
    return np.einsum("hwio,hwjo->ij", kernel, kernel, optimize=True), own


def choose(moment, weights, count):
    """The `count` channels to keep, sorted: greedily those that leave the least of all channels unexplained.

    moment: the second moment of all channels; weights: what `importance` returns.
    R is the second moment of what the kept channels do not predict linearly. Keeping channel j as well would reduce it
    by R_j R_j' / R_jj, and the greatest trace of this times `matters` wins.
    """
    following, own = weights
    norm = np.sum(moment * following) or 1.0
    matters = following / norm + own * np.eye(len(moment)) / np.trace(moment)
    left, kept = moment.copy(), []
    floor = 1e-9 * np.trace(moment) / len(moment)  # of channels that are dead or already explained
    for _ in range(count):
        gain = np.sum((left @ matters) * left, axis=0) / np.maximum(np.diag(left), floor)
        gain[kept] = -1
        best = int(np.argmax(gain))
        kept.append(best)
        left -= np.outer(left[best], left[best]) / max(left[best, best], floor)
    return np.sort(kept)


def narrowed(kernel, mixing):
    """The full kernel [3, 3, in, out] for an input mixed from narrow channels, mixing [narrow, in]: [9 narrow, out]."""
    return np.einsum("hwio,ni->hwno", kernel, mixing, optimize=True).reshape(-1, kernel.shape[-1])


def fit(patches, before, *, prior):
    """Ridge regression towards `prior`, from patches [.., 9 C + 1] to `before`, the values before ReLU [.., out].

    Returns the weight [9 C + 1, out]. Where a target is negative, any negative prediction gives the same output of the
    ReLU. So the target becomes min(prediction, 0), and the regression is repeated, over-relaxed. The prior, which is
    the full kernel seen through `mix`, decides where the calibration pictures do not.
    """
    moment = product(patches, patches)
    penalty = np.full(len(moment), RIDGE * np.trace(moment[:-1, :-1]) / (len(moment) - 1))
    penalty[-1] = 0  # the bias is free
    factor = scipy.linalg.cho_factor(moment + np.diag(penalty))
    anchor = penalty[:, np.newaxis] * prior
    weight = scipy.linalg.cho_solve(factor, product(patches, before) + anchor)
    for relaxation in RELAXATIONS:
        prediction = patches @ weight.astype(np.float32)
        target = np.where(before < 0, np.minimum(prediction, 0), before)
        weight += relaxation * (scipy.linalg.cho_solve(factor, product(patches, target) + anchor) - weight)
    return weight


def mix(features, full):
    """The matrix B [narrow, full] of a ridge regression, full features ~ narrow features B."""
    features, full = (array.reshape(-1, array.shape[-1]) for array in (features, full))
    moment = product(features, features)
    moment += 1e-3 * np.trace(moment) / len(moment) * np.eye(len(moment))
    return scipy.linalg.solve(moment, product(features, full), assume_a="pos")


def amplitudes(name, features, full, mixing):
    """The factor of each narrow channel. It is free to choose: the next kernel can undo it, since ReLU is homogeneous.

    In the layers of the losses, a channel weighs as much as all the full channels that it predicts, and the losses
    between pairs of crops are on average those of the full network, so that loss weights keep their meaning.
    """
    if name not in STYLE_LAYERS + CONTENT_LAYERS:
        return np.ones(len(mixing))
    factor = np.sqrt(np.sum(mixing**2, axis=1))
    statistic, power = (gram, 4) if name in STYLE_LAYERS else (np.asarray, 2)
    narrow = pair_losses(features * factor.astype(np.float32), statistic)
    return factor * np.exp(np.mean(np.log(pair_losses(full, statistic) / narrow)) / power)


def gram(features):
    return features.T @ features / features.size


def pair_losses(features, statistic):
    """The mean square difference of the statistic between each crop and the next."""
    values = [statistic(crop) for crop in features]
    return np.array([np.mean((one - other) ** 2) for one, other in itertools.pairwise(values)])


def quantised(weight, shape):
    """(kernel, bias), the kernel in 8 bits per output channel. Steps are powers of two, so that low bytes are zero."""
    kernel, bias = weight[:-1], weight[-1]
    step = 2.0 ** np.ceil(np.log2(np.abs(kernel).max(axis=0) / LEVELS))
    kernel = (np.round(kernel / step) * step).reshape(*shape, -1, kernel.shape[-1])
    return kernel.astype(np.float32), bias.astype(np.float32)


def describe(name, features, full, kept, mixing, scale):
    """Report the relative errors of the kept channels, of all channels as mixed from them, and of Gram matrices."""
    grams = [(gram(mine), gram(theirs[:, kept])) for mine, theirs in zip(features, full, strict=True)]
    errors = (
        relative(features, full[..., kept]),
        relative(features @ mixing.astype(np.float32), full),
        np.median([relative(mine, theirs) for mine, theirs in grams]),
    )
    report("{}: kept {:.3f} all {:.3f} gram {:.3f}; scale {:.3f}".format(name, *errors, np.median(scale)))


def relative(value, truth):
    return np.linalg.norm(value - truth) / np.linalg.norm(truth)


def mat_file(network):
    """The bytes of a MatConvNet file."""
    layers = []
    for name, (kernel, bias) in network.convolutions.items():
        if begins_block(name):
            layers.append({"name": f"pool{int(name[4]) - 1}"} | POOL)
        stored = cell(
            [np.asfortranarray(kernel.transpose(1, 0, 2, 3)), bias[:, np.newaxis]]
        )  # [width, height, in, out]
        layers.append({"name": name, "type": "conv", "weights": stored, "pad": [1.0] * 4, "stride": [1.0, 1.0]})
        layers.append({"name": name.replace("conv", "relu"), "type": "relu"})
    average = network.mean_pixel.reshape(1, 1, 3)
    contents = {"layers": cell(layers), "meta": {"normalization": {"averageImage": average}}}
    file = io.BytesIO()
    scipy.io.savemat(file, contents, do_compression=True)
    header = b"MATLAB 5.0 MAT-file, half-width VGG-19 by tools/make_pocket.py".ljust(116)
    return header + file.getvalue()[116:]  # scipy writes the date in its header


def cell(items):
    """A MATLAB cell array, a row."""
    result = np.empty((1, len(items)), object)
    for index, item in enumerate(items):
        result[0, index] = item
    return result


def report(line):
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
