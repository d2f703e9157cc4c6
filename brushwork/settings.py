"""The settings of a run: every number that shapes the picture, its default and its rule, and the presets.

This is the only home of defaults: the parser, the presets, state files and the metadata of pictures read them here.
"""

import math
from dataclasses import dataclass, fields

from brushwork.network.layers import FEATURES

CHOICES = {
    "style_loss": ("gram", "wasserstein"),
    "normalization": ("classic", "positions", "sums"),
    "tv_norm": ("squares", "absolute"),
    "pooling": ("max", "avg"),
    "padding": ("zero", "replicate"),
    "optimizer": ("adam", "lbfgs"),
    "precision": ("auto", "float32", "bfloat16"),
    "colors": ("style", "luma", "match", "histogram"),
    "keep": ("best", "last"),
}
TILE_GRID = 16  # px: tiles begin at multiples of it, where the pooling windows of all layers begin
SIZES = "width", "height", "long_side", "style_size", "style_scales"  # carried out before the method is called
OF_THE_RUN = (  # what an evaluation of the loss does not depend on
    *(*SIZES, "initial", "initial_noiseblend", "seed", "iterations", "tile_size"),
    *("scales", "scale_factor", "smallest_scale", "scale_iterations"),
    *("optimizer", "learning_rate", "beta1", "beta2", "epsilon", "lbfgs_memory", "box", "keep"),
    *("colors", "color_strength", "instant", "instant_strength"),
)
STARTS = ("noise", "content", "style")
MOST_SCALES = 12  # a single larger number in `scales` is a width
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class Settings:
    """What shapes a picture, besides the pictures and the network. Raises ValueError with all that is wrong.

    Pixel values are on a scale of 0..255. None: the value follows from the pictures or from other settings.
    """

    width: int | None = None  # px of the output; None: the content's, or what long_side makes of it
    height: int | None = None  # px of the output, instead of its width, which follows from the content's proportions
    long_side: int | None = None  # px: a larger content is scaled down to it, unless `width` or `height` is given
    initial: str = "noise"  # the first image: noise, content, style (the first one), or the path of a picture
    style_size: int | str = "content"  # "content": as wide as the content; "original"; or px of the longer side
    style_scales: tuple[float, ...] = ()  # for each style, a factor on its style_size; (): 1
    style_margin: float = 0.0  # share of a style picture's width and height that is left out at each of its sides
    content_weight: float = 5.0
    content_layers: tuple[str, ...] = ()  # NAME or NAME:WEIGHT, weight 1 by default; (): see content_weight_blend
    content_detail: float = 0.0  # how much less the content counts where it is smooth; see pictures.saliency
    content_weight_blend: float = 1.0  # weight of relu4_2 in the content loss; relu5_2 has one minus that
    style_weight: float = 500.0
    strength: float = 1.0  # how much of the style: a factor on style_weight
    style_layers: tuple[str, ...] = ()  # NAME or NAME:WEIGHT, equal weights by default; (): relu1_1 ... relu5_1
    style_loss: str = "gram"  # of Gram matrices; or the Wasserstein distance of features taken as normally distributed
    style_layer_weight_exp: float = 1.0  # weight of each style layer divided by the weight of the one before
    # For a layer with n = h w positions, C channels, features F and target P or A:
    # "classic": G = F'F / (n C), mean((G - A)^2), mean((F - P)^2);
    # "positions" (Keras, TensorFlow): G = F'F / n, otherwise the same;
    # "sums" (Gatys et al. 2015, equations 1 and 4): sum((F'F - A)^2) / (4 C^2 n^2), sum((F - P)^2) / 2.
    normalization: str = "classic"
    style_blend_weights: tuple[float, ...] = ()  # one for each style, divided by their sum; (): equal
    tv_weight: float = 100.0
    tv_norm: str = "squares"  # mean of squared differences; "absolute": sum of absolute ones on a scale of 0..1
    box: bool = False  # clip the image to 0..255 after every step
    pooling: str = "max"
    padding: str = "zero"  # "replicate": continue the picture's border before the network sees it
    initial_noiseblend: float | None = None  # share of noise in the first image; None: 1 if it is noise, else 0
    iterations: int = 1000  # at the first scale
    scales: tuple[int, ...] = (1,)  # their number; or the widths before the last
    scale_factor: float = 2.0  # width of each scale, and of its styles, over that of the one before
    smallest_scale: int | None = None  # px of the longer side: as many scales as are not smaller; None: see `scales`
    # One for each scale, or one for each of the last scales, when all before them have the first number.
    # (): those of the first scale, divided by the growth of the picture's width since then.
    scale_iterations: tuple[int, ...] = ()
    optimizer: str = "adam"
    learning_rate: float = 10.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    lbfgs_memory: int = 10  # pairs of steps and gradient changes in the history of L-BFGS
    precision: str = "float32"  # of convolutions and Gram products; "auto": bfloat16 where that is faster
    tile_size: int | str = "auto"  # px: larger pictures are evaluated in tiles of this side; "none": untiled
    colors: str = "style"  # "luma": the content's chroma; "match", "histogram": see pictures.colors.COLOR_TRANSFERS
    color_strength: float = 1.0  # 0: the colours of "style"; 1: those of `colors`
    keep: str = "best"  # the image of lowest loss, or the last
    instant: bool = False  # one pass through the instant network instead of an optimisation
    instant_strength: float = 1.0  # of an instant picture: the share of the styles' vector; the rest is the content's
    seed: int = 0  # of the noise: equal seeds give equal pictures

    def __post_init__(self):
        if mistakes := list(self._mistakes()):
            raise ValueError("\n".join(mistakes))

    @property
    def content_layer_weights(self):
        """Layer -> weight of its term in the content loss; layers of weight zero are left out."""
        shares = {"relu4_2": self.content_weight_blend, "relu5_2": 1 - self.content_weight_blend}
        shares = _weighted(self.content_layers, 1.0) or shares
        return {
            layer: self.content_weight * share for layer, share in shares.items() if self.content_weight * share > 0
        }

    @property
    def style_layer_weights(self):
        """Layer -> weight of its term in the style loss; layers of weight zero are left out."""
        powers = {layer: self.style_layer_weight_exp**index for index, layer in enumerate(STYLE_LAYERS)}
        shares = _weighted(self.style_layers, 1 / max(1, len(self.style_layers)))
        shares = shares or {layer: power / sum(powers.values()) for layer, power in powers.items()}
        total = self.style_weight * self.strength
        return {layer: total * share for layer, share in shares.items() if total * share > 0}

    @property
    def scale_widths(self) -> tuple[int, ...]:
        """The widths of all scales but the last, px; () if they follow from scale_factor."""
        return self.scales if len(self.scales) > 1 or self.scales[0] > MOST_SCALES else ()

    @property
    def content_normalization(self) -> str:
        """How the content loss is normalised: "mean", "sum" or "relative"; see stylize.Content.

        The Wasserstein distance compares features in units of their root mean square, and so does the content loss
        beside it.
        """
        if self.style_loss == "wasserstein":
            return "relative"
        return "sum" if self.normalization == "sums" else "mean"

    @property
    def scale_count(self) -> int | None:
        """The number of scales; None if it depends on the picture, by `smallest_scale`."""
        if self.smallest_scale:
            return None
        return len(self.scales) + 1 if self.scale_widths else self.scales[0]

    def blend(self, count):
        """The weights of `count` styles; they sum to one."""
        weights = self.style_blend_weights or (1.0,) * count
        return tuple(weight / sum(weights) for weight in weights)

    def _mistakes(self):
        """Yields a sentence for each invalid value, named as on the command line."""
        for name, (holds, meaning) in RULES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not (math.isfinite(number) and holds(number)):
                    yield f"{option(name)} must be {meaning}, not {number:g}"
        for name, (words, least) in PIXELS_OR_WORDS.items():
            value = getattr(self, name)
            if value not in words and not (isinstance(value, int) and value >= least):
                choices = f"{' or '.join(words)}, or a number of pixels, at least {least}"
                yield f"{option(name)} must be {choices}, not {value}"
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                yield f"{option(name)} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
        for name in ("content_layers", "style_layers"):
            yield from _wrong_layers(option(name), getattr(self, name))
        for layers, shorthand in (
            ("content_layers", "content_weight_blend"),
            ("style_layers", "style_layer_weight_exp"),
        ):
            if getattr(self, layers) and getattr(self, shorthand) != 1:
                yield f"{option(shorthand)} is a shorthand for {option(layers)}; give one of them"
        if self.style_blend_weights and not 0 < sum(self.style_blend_weights) < math.inf:
            yield "--style-blend-weights must have a finite sum above 0"
        if list(self.scale_widths) != sorted(set(self.scale_widths)):
            yield "--scales takes the number of scales, or their widths in ascending order"
        if self.smallest_scale and self.scales != (1,):
            yield "--smallest-scale sets the number of scales, and so does --scales; give one of them"
        elif self.scale_count is not None and len(self.scale_iterations) > self.scale_count:
            yield f"--scale-iterations takes at most one number for each scale: {self.scale_count}"
        if self.style_loss == "wasserstein" and self.normalization != "classic":
            yield "--normalization is that of the Gram loss; leave it out with --style-loss wasserstein"
        if self.width and self.height:
            yield "--width and --height both set the size of the output; give one of them"
        if not (self.content_weight or self.style_weight or self.tv_weight):
            yield "--content-weight, --style-weight and --tv-weight are all zero: there is nothing to optimise"


def option(name):
    """The flag that sets a field."""
    return "--" + {"epsilon": "eps"}.get(name, name).replace("_", "-")


def _weighted(layers, default):
    """Layer -> weight, from texts NAME or NAME:WEIGHT."""
    pairs = (text.partition(":") for text in layers)
    return {name: float(weight) if colon else default for name, colon, weight in pairs}


def _wrong_layers(flag, layers):
    """Yields a sentence for each text of `layers` that is not NAME or NAME:WEIGHT, or that repeats a name."""
    names = [text.partition(":")[0] for text in layers]
    for index, text in enumerate(layers):
        layer, colon, weight = text.partition(":")
        if layer.replace(".", "", 1).isdigit():
            yield f"{flag}: {layer} is no layer; the weight of a layer is written as relu4_2:{layer}"
        elif layer not in FEATURES:
            yield f"{flag}: there is no layer {layer!r}; there are {', '.join(FEATURES)}"
        elif layer in names[:index]:
            yield f"{flag}: {layer} is named twice"
        try:
            valid = not colon or 0 <= float(weight) < math.inf
        except ValueError:
            valid = False
        if not valid:
            yield f"{flag}: the weight of {layer} must be a number not below 0, not {weight}"


_PIXELS = (lambda value: value >= 1, "a number of pixels, at least 1")
_AT_LEAST_ZERO = (lambda value: value >= 0, "a number not below 0")
_ABOVE_ZERO = (lambda value: value > 0, "a number above 0")
_SHARE = (lambda value: 0 <= value <= 1, "between 0 and 1")
_DECAY = (lambda value: 0 <= value < 1, "at least 0 and below 1")
RULES = (
    dict.fromkeys(("width", "height", "long_side"), _PIXELS)
    | dict.fromkeys(
        ("content_weight", "style_weight", "tv_weight", "style_blend_weights", "iterations"), _AT_LEAST_ZERO
    )
    | dict.fromkeys(("style_scales", "strength", "learning_rate", "epsilon"), _ABOVE_ZERO)
    | dict.fromkeys(
        ("content_detail", "content_weight_blend", "initial_noiseblend", "color_strength", "instant_strength"), _SHARE
    )
    | dict.fromkeys(("beta1", "beta2"), _DECAY)
    | {
        "style_layer_weight_exp": (lambda value: 0 <= value <= 1e6, "between 0 and 1000000"),
        "style_margin": (lambda value: 0 <= value <= 0.4, "between 0 and 0.4"),
        "lbfgs_memory": (lambda value: 1 <= value <= 1000, "between 1 and 1000"),
        "scale_factor": (lambda value: 1.1 <= value <= 16, "between 1.1 and 16"),
        "smallest_scale": (lambda value: value >= 16, "a number of pixels, at least 16"),
        "scales": (lambda value: value >= 1, "a number of scales, or of pixels, at least 1"),
        "scale_iterations": (lambda value: value >= 0, "a number of iterations, at least 0"),
        "seed": (lambda value: 0 <= value < 2**32, "between 0 and 4294967295"),
    }
)
PIXELS_OR_WORDS = {"tile_size": (("auto", "none"), TILE_GRID), "style_size": (("content", "original"), 1)}
_KERAS = (
    {"long_side": 512, "initial": "content", "content_weight": 1e3, "content_weight_blend": 0.0, "style_weight": 1e-2}
    | {"normalization": "positions", "tv_weight": 0.0}
    | {"box": True, "learning_rate": 5.0, "beta1": 0.99, "epsilon": 1e-1}
)
# Name -> the settings that differ from the defaults. Flags of the command line override them.
PRESETS = {
    "classic": {},
    "painterly": {
        "initial": "content",
        "content_weight": 0.2,
        "content_layers": ("relu4_2:1", "relu3_1:0.5"),
        "content_detail": 0.75,
        "style_weight": 1.0,
        "style_loss": "wasserstein",
        "style_margin": 0.05,
        "tv_weight": 2e-5,
        "padding": "replicate",
        "scale_factor": 1.414,
        "smallest_scale": 90,
        "scale_iterations": (80, 60, 50, 40),
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
DEFAULTS = {field.name: field.default for field in fields(Settings)}
