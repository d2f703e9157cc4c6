"""The presets: settings to begin with, and what each is for. Flags of the command line override them."""

from collections.abc import Mapping
from typing import Any

from brushwork.settings import MOST_SCALES

_KERAS = (
    {"long_side": 512, "initial": "content", "content_weight": 1e3, "content_weight_blend": 0.0, "style_weight": 1e-2}
    | {"normalization": "positions", "tv_weight": 0.0}
    | {"box": True, "learning_rate": 5.0, "beta1": 0.99, "epsilon": 1e-1}
)
# Name -> the settings that differ from the defaults.
PRESETS = {
    "classic": {},
    "painterly": {
        "initial": "content",
        "content_weight": 0.3,
        "content_layers": ("relu4_2:1", "relu3_1:0.5"),
        "content_detail": 0.75,
        "content_palette": 1.0,
        "content_transport": 1.0,
        "style_weight": 1.0,
        "style_loss": ("wasserstein:1", "nearest:0.8"),
        "nearest_layers": ("relu1_1", "relu2_1"),
        "style_margin": 0.05,
        "tv_weight": 2e-5,
        "padding": "replicate",
        "scale_factor": 1.414,
        "smallest_scale": 90,
        "scale_iterations": (60, 50, 40, 30),
        "optimizer": "lbfgs",
        "precision": "auto",
    },
    "fast": {
        "initial": "content",
        "optimizer": "lbfgs",
        "iterations": 150,
        "precision": "auto",
        "padding": "replicate",
    },
    "keras": _KERAS,
    "tensorflow": _KERAS
    | {"content_weight": 1e4, "tv_weight": 30.0, "tv_norm": "absolute", "learning_rate": 5.1, "epsilon": 0.1 / 255}
    | {"keep": "last"},
    # The figures of the paper have alpha / beta = 1e-3 and 1e-4.
    "gatys": {"long_side": 512, "content_weight": 1.0, "style_weight": 1e3, "normalization": "sums", "tv_weight": 0.0}
    | {"pooling": "avg", "optimizer": "lbfgs", "keep": "last"},
}
PURPOSES = {  # what each preset is for
    "painterly": "a painting: large strokes, and the style's own shapes; the best-looking one",
    "fast": "the classic look in fewer steps",
    "classic": "the defaults of the classic TensorFlow program, from noise",
    "keras": "the Keras notebook of 2018",
    "tensorflow": "the TensorFlow tutorial",
    "gatys": "the paper: Gatys, Ecker and Bethge 2015",
}


def preset_values(name: str, given: Mapping[str, Any], begun: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings of a preset, without those that the given settings replace.

    begun: the settings of a run that began with this preset, to be used instead: those of presets change with versions.
    """
    values = dict(PRESETS[name] if begun is None else begun)
    if "iterations" in given:
        values.pop("scale_iterations", None)
    if "content_weight_blend" in given:
        values.pop("content_layers", None)
    if scales := given.get("scales"):
        values.pop("smallest_scale", None)
        count = scales[0] if len(scales) == 1 and scales[0] <= MOST_SCALES else len(scales) + 1
        values |= {key: values[key][-count:] for key in ("scale_iterations",) if key in values}
    return values
