"""SavedModels: the hub's signature is used, and whatever else is refused in a sentence."""

import io
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.errors import NetworkError
from brushwork.pictures import sizes
from brushwork.preview import store
from brushwork.preview.network import make_preview, open_network
from brushwork.preview_settings import PreviewSettings
from tests.preview import models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def pictures(random):
    return [255 * random.random(size).astype(np.float32) for size in ((21, 26, 3), (40, 30, 3), (20, 60, 3))]


def mean_colour(style):
    return sizes.cover(style, 256, 256).mean(axis=(0, 1)) / 255


@pytest.mark.parametrize("names", [("placeholder", "placeholder_1"), ("style_image", "content_image")])
@pytest.mark.parametrize("options", [{}, {"tags": []}, {"signature": "default"}], ids=["serve", "untagged", "default"])
def test_a_model_of_the_hubs_signature_paints(tmp_path, pictures, names, options):
    function = models.tinted
    if names[0] == "style_image":
        function = lambda style, content, scale: models.tinted(content, style, scale)  # noqa: E731
    models.save(tmp_path / "model", function, names=names, **options)
    content, *styles = pictures
    with open_network(store.resolve(str(tmp_path / "model"))) as painter:
        image = make_preview(painter, content, styles[:1], PreviewSettings())
        np.testing.assert_allclose(image, content * mean_colour(styles[0]), rtol=1e-4, atol=1e-2)
        blend = make_preview(painter, content, styles, PreviewSettings(instant_strength=0.5))
        colour = 0.25 * mean_colour(styles[0]) + 0.25 * mean_colour(styles[1]) + 0.5 * mean_colour(content)
        np.testing.assert_allclose(blend, content * colour, rtol=1e-4, atol=1e-2)


WRONG = {
    "three inputs": ({"names": ("a", "b", "c"), "function": lambda a, b, c, scale: scale * (a + b + c)}, "3 inputs"),
    "two outputs": ({"function": lambda a, b, scale: {"x": scale * a, "y": b}}, "2 outputs"),
    "integers": (
        {"dtype": tf.int32, "function": lambda a, b, scale: tf.cast(scale, tf.int32) * a + tf.reduce_mean(b)},
        r"int32 \[None, None, None, 3\]; it should be float32",
    ),
    "grey": ({"shapes": [[None, None, None, 1]] * 2, "function": models.tinted}, "None, 1]; it should be float32"),
    "no signature": (
        {"signature": "other", "function": models.tinted},
        "no signature named serving_default",
    ),
    "no part": ({"tags": ["train"], "function": models.tinted}, "without a part that can be run"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_model_is_refused(tmp_path, case):
    options, message = WRONG[case]
    options = dict(options)
    models.save(tmp_path / "model", options.pop("function"), **options)
    with pytest.raises(NetworkError, match="cannot use the network .*model: .*" + message):
        open_network(store.resolve(str(tmp_path / "model")))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda content, style, scale: scale * content[:, ::2] + tf.reduce_mean(style), r"gives \[1, 12, 28, 3\] for"),
        (lambda content, style, scale: content / (scale - 1) + tf.reduce_mean(style), "not finite"),
        (lambda content, style, scale: scale * content + style, "--instant-network failed: "),
    ],
    ids=["smaller", "not finite", "shapes"],
)
def test_what_a_model_gives_is_checked(tmp_path, pictures, function, message):
    models.save(tmp_path / "model", function)
    with (
        open_network(store.resolve(str(tmp_path / "model"))) as painter,
        pytest.raises(NetworkError, match=message),
    ):
        make_preview(painter, *pictures[:1], pictures[1:2], PreviewSettings())


def reads(path):
    return tf.reduce_sum(tf.cast(tf.strings.length(tf.io.read_file(str(path))), tf.float32))


OUTSIDE = {
    "ReadFile": lambda content, style, scale: models.tinted(content, style, scale) + reads("/etc/passwd"),
    "WriteFile": lambda content, style, scale: with_control(content, style, scale, tf.io.write_file("written", "x")),
    "RestoreV2": lambda content, style, scale: (
        models.tinted(content, style, scale)
        + tf.raw_ops.RestoreV2(prefix="other", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]
    ),
    "EagerPyFunc|PyFunc": lambda content, style, scale: (
        models.tinted(content, style, scale) + tf.py_func(lambda: np.float32(1), [], tf.float32)
    ),
}


def with_control(content, style, scale, operation):
    with tf.control_dependencies([operation]):
        return models.tinted(content, style, scale)


@pytest.mark.parametrize("operation", OUTSIDE)
def test_a_model_that_reaches_out_is_refused(tmp_path, monkeypatch, operation):
    monkeypatch.chdir(tmp_path)
    models.save(tmp_path / "model", OUTSIDE[operation])
    with pytest.raises(NetworkError, match=f"it has an operation ({operation}), which reaches out of the network"):
        open_network(store.resolve(str(tmp_path / "model")))
    assert not (tmp_path / "written").exists()


def test_an_operation_in_a_function_or_at_the_start_counts(tmp_path):
    @tf.function
    def inner(content):
        return content + reads("/etc/passwd")

    models.save(tmp_path / "inside", lambda content, style, scale: models.tinted(inner(content), style, scale))
    models.save(tmp_path / "start", models.tinted, main=lambda: tf.io.write_file("written", "x"))
    for name, operation in (("inside", "ReadFile"), ("start", "WriteFile")):
        with pytest.raises(NetworkError, match=f"an operation {operation}"):
            open_network(store.resolve(str(tmp_path / name)))


def test_operations_that_are_not_run_do_no_harm(tmp_path, pictures):
    def with_summary(content, style, scale):
        tf.summary.image("content", content)  # in a collection
        tf.io.write_file("written", "x")
        return models.tinted(content, style, scale)

    models.save(tmp_path / "model", with_summary)
    with open_network(store.resolve(str(tmp_path / "model"))) as painter:
        assert make_preview(painter, pictures[0], pictures[1:2], PreviewSettings()).shape == pictures[0].shape


@pytest.mark.exhaustive
def test_a_model_of_tensorflow_2_paints(tmp_path, pictures):
    script = (
        "import sys, tensorflow as tf\n"
        "class Model(tf.Module):\n"
        "    def __init__(self): self.scale = tf.Variable(1.0)\n"
        "    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])] * 2)\n"
        "    def __call__(self, content, style):\n"
        "        return self.scale * content * tf.reduce_mean(style, axis=[1, 2], keepdims=True)\n"
        "model = Model()\n"
        "tf.saved_model.save(model, sys.argv[1], signatures=model.__call__)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "model")], check=True, capture_output=True)
    content, style, _ = pictures
    with open_network(store.resolve(str(tmp_path / "model"))) as painter:
        image = make_preview(painter, content, [style], PreviewSettings())
    np.testing.assert_allclose(image, content * mean_colour(style), rtol=1e-4, atol=1e-2)


def test_damaged_models_are_refused(tmp_path):
    directory = tmp_path / "model"
    with pytest.raises(NetworkError, match="neither a directory nor one of lite and hub"):
        store.resolve(str(directory))
    directory.mkdir()
    with pytest.raises(NetworkError, match="a directory without saved_model.pb"):
        store.resolve(str(directory))
    (directory / "saved_model.pb").write_bytes(b"\xff" * 99)
    os.mkfifo(directory / "pipe")  # TensorFlow would wait for a writer
    with pytest.raises(NetworkError, match="pipe is not a regular file"):
        store.resolve(str(directory))
    (directory / "pipe").unlink()
    with pytest.raises(NetworkError, match="cannot use the network"):
        open_network(store.resolve(str(directory)))
    with pytest.raises(NetworkError, match="not a directory"):
        store.resolve(str(directory / "saved_model.pb"))


def test_the_digest_is_of_the_files(tmp_path):
    for name, factor in (("one", 1), ("two", 2), ("again", 1)):
        models.save(tmp_path / name, lambda a, b, scale, factor=factor: factor * models.tinted(a, b, scale))
    digests = [store.SavedModel(str(tmp_path / name)).digest for name in ("one", "two", "again")]
    assert digests[0] != digests[1]
    (tmp_path / "one" / "assets").mkdir(exist_ok=True)
    (tmp_path / "one" / "assets" / "note").write_text("")
    assert store.SavedModel(str(tmp_path / "one")).digest == digests[0]


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def test_an_archive_is_unpacked_completely_or_not_at_all(tmp_path):
    path, directory = tmp_path / "2.tar.gz", tmp_path / "cache" / "model"
    directory.parent.mkdir()
    for members in (
        {"../outside": b"x"},
        {"./variables/x": b"y"},
        {"/saved_model.pb/../../x": b"z"},
    ):
        archive(path, members)
        with pytest.raises(NetworkError, match="2.tar.gz"):
            store.unpack(path, str(directory))
        assert list(directory.parent.iterdir()) == []
    path.write_bytes(b"no archive")
    with pytest.raises(NetworkError, match="not the archive of a network"):
        store.unpack(path, str(directory))
    archive(path, {"./saved_model.pb": b"1", "./variables/a": b"2", "link": None})
    store.unpack(path, str(directory))
    assert sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()) == [
        "saved_model.pb",
        "variables/a",
    ]


def test_hub_is_downloaded_once(tmp_path, monkeypatch):
    archive(tmp_path / "source.tar.gz", {"saved_model.pb": b"1"})
    fetched = []

    def download(source, what):
        fetched.append(source)
        (tmp_path / "models").mkdir(exist_ok=True)
        target = tmp_path / "models" / source.name
        target.write_bytes((tmp_path / "source.tar.gz").read_bytes())
        return str(target)

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(store.store, "download", download)
    assert store.would_download("hub")
    found = store.resolve("hub")
    assert found == store.resolve("hub")
    assert not store.would_download("hub")
    assert fetched == [store.HUB]
    assert not (tmp_path / "models" / store.HUB.name).exists()


def test_a_failing_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setattr(store.store, "RETRIES", 0)
    with pytest.raises(NetworkError, match=r"cannot download hub: http://127.0.0.1:9: .*--instant-network DIRECTORY"):
        store.resolve("hub")
