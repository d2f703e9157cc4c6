"""The maker of the embedded network: a VGG-19 and pictures -> a VGG-19 of half the width that sees nearly the same.

    tools/make_pocket.py NETWORK.mat PICTURES... -o networks/pocket-vgg19.mat

No training by gradients: each layer keeps the channels that best stand for all, and its kernel is a ridge regression
from what the narrow network has so far onto what the full network says there. The same input gives the same bytes.
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import images
import weights
from layers import CONVOLUTIONS

LAYERS = CONVOLUTIONS[: CONVOLUTIONS.index("conv5_2") + 1]
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # before their ReLU
CONTENT_LAYERS = ("conv4_2", "conv5_2")
SIDE = 288  # px of a calibration crop
SHORT_SIDES = (288, 576)  # px of the picture that a crop is cut from
SAMPLES = 324  # positions of each crop that are looked at; all there are in block 5
CROPS = 640
BATCH = 8
RIDGE = 1e-3  # of the mean square of the features
RELAXATIONS = (1.7,) * 11 + (1.0,)
LEVELS = 127  # of 8 bits with a sign
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png"}


def main(arguments=None):
    options = parser().parse_args(arguments)
    network = weights.load(options.network)
    crops = calibration_crops(picture_files(options.pictures), options.crops, seed=0)
    judged = calibration_crops(picture_files(options.judge), len(options.judge) * 16, seed=1)
    pocket = make(network, np.concatenate([crops, judged]), judged=len(judged))
    Path(options.output).write_bytes(mat_file(pocket))
    return 0


def parser():
    result = argparse.ArgumentParser(description="Make a VGG-19 of half the width.")
    result.add_argument("network", help="the full network, in any layout that the program reads")
    result.add_argument("pictures", nargs="+", help="files, or directories of them, to calibrate with")
    result.add_argument("-o", "--output", required=True, help="the file to write")
    result.add_argument("--crops", type=int, default=CROPS, help=f"how many crops of the pictures (default {CROPS})")
    result.add_argument(
        "--judge", nargs="*", default=[], help="pictures to report errors on; the file is the same without"
    )
    return result


def picture_files(paths):
    """The picture files among and in `paths`, those of a directory sorted by name."""
    files = []
    for path in map(Path, paths):
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        files += [file for file in found if file.suffix.lower() in PICTURE_SUFFIXES]
    return files


def calibration_crops(files, count, *, seed):
    """`count` crops of the pictures in turn, each bent in its own way: float32 [count, SIDE, SIDE, 3], RGB, 0..255."""
    rng = np.random.default_rng(seed)
    pictures = [images.read(file) for file in files]
    crops = np.empty((count, SIDE, SIDE, 3), np.float32)
    for index in range(count):
        crops[index] = augment(cut(pictures[index % len(pictures)], rng), rng)
        if rng.random() < 0.15:  # a double exposure: what a picture looks like half way through
            other = cut(pictures[rng.integers(len(pictures))], rng)
            crops[index] += (other - crops[index]) * rng.uniform(0.2, 0.8)
        if rng.random() < 0.25:
            crops[index] += rng.normal(0, 10 ** rng.uniform(0, 1.6), crops[index].shape)
    return crops


def cut(picture, rng):
    """A random square of the picture at a random size, perhaps mirrored or lying: [SIDE, SIDE, 3]."""
    height, width = picture.shape[:2]
    side = int(min(height, width) * SIDE / rng.uniform(*SHORT_SIDES))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = images.resize(picture[top : top + side, left : left + side], SIDE, SIDE)
    square = square[:, ::-1] if rng.random() < 0.5 else square
    square = square[::-1] if rng.random() < 0.2 else square
    return square.transpose(1, 0, 2) if rng.random() < 0.2 else square


def augment(square, rng):
    """Other gamma, contrast, brightness and colours; not clipped, since an optimised picture is not either."""
    square = 255 * (square.clip(0, 255) / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.6:
        colours = np.eye(3) + rng.normal(0, 0.2, (3, 3))
        colours /= colours.sum(axis=1, keepdims=True)  # grey stays grey
        square = square @ colours
        square = square * rng.uniform(0.8, 1.2, 3)
    if rng.random() < 0.15:
        square = square[..., rng.permutation(3)]
    if rng.random() < 0.5:
        square = 127 + (square - 127) * np.exp(rng.uniform(-0.9, 0.3)) + rng.uniform(-30, 30)
    return square


def make(network, crops, *, judged=0):
    """The narrow network. The last `judged` of the crops [N, SIDE, SIDE, 3] serve for the printed errors only."""
    batches = [crop - network.mean_pixel for crop in np.split(crops, range(BATCH, len(crops), BATCH))]
    report(f"{len(crops)} crops through the full network")
    teacher = teach(network, batches)
    convolutions, mixing = {}, np.eye(3)
    for name in LAYERS:
        kernel, bias = network.convolutions[name]
        batches = pooled(batches) if begins_block(name) else batches
        goal = teacher.pop(name)
        fitted = goal[: len(goal) - judged]
        kept = choose(second_moment(fitted), importance(network, name), kernel.shape[-1] // 2)
        patches = sample_patches(batches, len(goal[0]))
        weight = fit(
            patches[: len(fitted)].reshape(-1, patches.shape[-1]),
            fitted[..., kept].reshape(-1, len(kept)),
            prior=np.vstack([narrowed(kernel[..., kept], mixing), bias[kept]]),
        )
        features = relu(patches @ weight.astype(np.float32))
        mixing = mix(features[: len(fitted)], relu(fitted))
        scale = amplitudes(name, features[: len(fitted)], relu(fitted), mixing)
        convolutions[name] = new_kernel, new_bias = quantised(weight * scale, kernel.shape[:2])
        mixing /= scale[:, np.newaxis]
        describe(name, features, goal, kept, mixing * scale[:, np.newaxis], judged, scale)
        for index, batch in enumerate(batches):  # in place: the first layers of all crops are gigabytes
            batches[index] = convolve(batch, new_kernel, new_bias, activate=True)
    return weights.Network(convolutions, network.mean_pixel)


def begins_block(name):
    return name.endswith("_1") and name != "conv1_1"


def teach(network, batches):
    """What the full network says before each ReLU: name -> [N, samples, channels]."""
    heard = {name: [] for name in LAYERS}
    for batch in batches:
        for name in LAYERS:
            batch = pooled([batch])[0] if begins_block(name) else batch
            before = convolve(batch, *network.convolutions[name], activate=False)
            rows, columns = positions(before.shape[1])
            heard[name].append(before[:, rows, columns])
            batch = relu(before)
    return {name: np.concatenate(parts) for name, parts in heard.items()}


def positions(side):
    """Rows and columns of the sampled positions in a square layer: the same in all crops, so that crops compare."""
    chosen = np.random.default_rng(side).choice(side * side, min(SAMPLES, side * side), replace=False)
    return np.divmod(np.sort(chosen), side)


def sample_patches(batches, samples):
    """The zero-padded 3x3 surroundings of the sampled positions and a one: [N, samples, 9 C + 1]."""
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
    """left' right in float64, of float32 blocks: as exact as needed and twice as fast."""
    return sum(
        (left[start : start + block].T @ right[start : start + block]).astype(np.float64)
        for start in range(0, len(left), block)
    )


def importance(network, name):
    """(what the next layer makes of each channel, the weight of the channels themselves)."""
    own = 1.0 if name in STYLE_LAYERS + CONTENT_LAYERS else 0.25
    following = CONVOLUTIONS[CONVOLUTIONS.index(name) + 1]
    kernel = network.convolutions[following][0].astype(np.float64)
    return np.einsum("hwio,hwjo->ij", kernel, kernel, optimize=True), own


def choose(moment, wanted, count):
    """The channels to keep, sorted: greedily those that leave least of the others unexplained.

    R is the second moment of what the kept channels do not predict linearly; channel j would take R_j R_j' / R_jj off,
    which matters as much as N, what is made of the channels, says.
    """
    following, own = wanted
    norm = np.sum(moment * following) or 1.0
    matters = following / norm + own * np.eye(len(moment)) / np.trace(moment)
    left, kept = moment.copy(), []
    floor = 1e-9 * np.trace(moment) / len(moment)  # a dead channel, or one already explained
    for _ in range(count):
        gain = np.sum((left @ matters) * left, axis=0) / np.maximum(np.diag(left), floor)
        gain[kept] = -1
        best = int(np.argmax(gain))
        kept.append(best)
        left -= np.outer(left[best], left[best]) / max(left[best, best], floor)
    return np.sort(kept)


def narrowed(kernel, mixing):
    """The full kernel [3, 3, in, out] where its input is mixed [narrow, in] of narrow channels: [9 narrow, out]."""
    return np.einsum("hwio,ni->hwno", kernel, mixing, optimize=True).reshape(-1, kernel.shape[-1])


def fit(patches, before, *, prior):
    """The weight [9 C + 1, out] that best gives `before` the ReLU from patches: ridge regression towards `prior`.

    What the ReLU cuts is free: where the target is negative any negative prediction will do, so the target becomes
    min(prediction, 0) and the regression is repeated, over-relaxed. The prior, the full kernel seen through `mix`,
    is what the regression falls back on where the calibration says little.
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
    """The mixing B [narrow, full] with full features ~ narrow features B."""
    features, full = (array.reshape(-1, array.shape[-1]) for array in (features, full))
    moment = product(features, features)
    moment += 1e-3 * np.trace(moment) / len(moment) * np.eye(len(moment))
    return scipy.linalg.solve(moment, product(features, full), assume_a="pos")


def amplitudes(name, features, full, mixing):
    """The factor of each narrow channel. A ReLU network is homogeneous, so it is ours to choose.

    In the layers of the losses a channel counts as much as all the full channels it stands for, and the losses between
    pairs of crops are on average the full network's, so that the usual loss weights keep their meaning.
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
    """Kernel and bias of 8 bits per output channel. Steps are powers of two: the low bytes are zero and compress."""
    kernel, bias = weight[:-1], weight[-1]
    step = 2.0 ** np.ceil(np.log2(np.abs(kernel).max(axis=0) / LEVELS))
    kernel = (np.round(kernel / step) * step).reshape(*shape, -1, kernel.shape[-1])
    return kernel.astype(np.float32), bias.astype(np.float32)


def describe(name, features, goal, kept, mixing, judged, scale):
    """Print the relative errors, of calibration crops and judged ones."""
    parts = []
    for label, part in (("fit", slice(None, len(goal) - judged)), ("judged", slice(len(goal) - judged, None))):
        if len(goal[part]):
            mine, full = features[part], relu(goal[part])
            grams = [(gram(a), gram(b[:, kept])) for a, b in zip(mine, full, strict=True)]
            errors = (
                relative(mine, full[..., kept]),
                relative(mine @ mixing.astype(np.float32), full),
                np.median([relative(a, b) for a, b in grams]),
            )
            parts.append(f"{label} kept {errors[0]:.3f} all {errors[1]:.3f} gram {errors[2]:.3f}")
    report(f"{name}: {'; '.join(parts)}; scale {np.median(scale):.3f}")


def relative(value, truth):
    return np.linalg.norm(value - truth) / np.linalg.norm(truth)


def mat_file(network):
    """The bytes of a MatConvNet file."""
    layers = []
    for name, (kernel, bias) in network.convolutions.items():
        if begins_block(name):
            layers.append(
                {
                    "name": f"pool{int(name[4]) - 1}",
                    "type": "pool",
                    "method": "max",
                    "pool": [2.0, 2.0],
                    "stride": [2.0, 2.0],
                    "pad": [0.0, 1.0, 0.0, 1.0],
                }
            )
        stored = cell([np.asfortranarray(kernel.transpose(1, 0, 2, 3)), bias[:, np.newaxis]])  # width first
        layers.append({"name": name, "type": "conv", "weights": stored, "pad": [1.0] * 4, "stride": [1.0, 1.0]})
        layers.append({"name": name.replace("conv", "relu"), "type": "relu"})
    average = network.mean_pixel.reshape(1, 1, 3)
    contents = {"layers": cell(layers), "meta": {"normalization": {"averageImage": average}}}
    file = io.BytesIO()
    scipy.io.savemat(file, contents, do_compression=True)
    header = b"MATLAB 5.0 MAT-file, half-width VGG-19 by tools/make_pocket.py".ljust(116)
    return header + file.getvalue()[116:]  # scipy writes the date there


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
