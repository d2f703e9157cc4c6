"""The settings of a run: every number that shapes the picture, with its default, checked against its meaning.

The only home of defaults: the command's parser reads them from here. No TensorFlow is needed to make or check them.
"""

import math
from dataclasses import dataclass, fields

from layers import FEATURES

CHOICES = {
    "normalization": ("classic", "positions", "sums"),
    "tv_norm": ("squares", "absolute"),
    "pooling": ("max", "avg"),
    "padding": ("zero", "replicate"),
    "optimizer": ("adam", "lbfgs"),
    "precision": ("auto", "float32", "bfloat16"),
    "colors": ("style", "luma", "match", "histogram"),
    "keep": ("best", "last"),
    "on_nan": ("stop", "retry"),
}
TILE_GRID = 16  # px: the pooling windows of all layers begin at multiples of it
LOSSES = ("content", "style", "tv", "total")  # in the order that they are reported in
STARTS = ("noise", "content", "style")
MOST_SCALES = 12  # a single number beyond is a width
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class Settings:
    """What a picture is made with, besides the pictures and the network. ValueError lists all that is wrong.

    Pixels are on a scale of 0..255. `None` says that the value follows from the pictures or from other settings.
    """

    width: int | None = None  # px; None: the content's own, or what long_side makes it
    long_side: int | None = None  # px: a larger picture is made smaller, if there is no width
    initial: str = "noise"  # the start: noise, content, style (the first one), or the path of a picture
    style_size: int | str = "content"  # as wide as the content, of the "original" size, or px of the long side
    style_scales: tuple[float, ...] = ()  # one for each style, times its style_size; (): 1 for each
    content_weight: float = 5.0
    content_layers: tuple[str, ...] = ()  # NAME or NAME:WEIGHT, weight 1 unless given; (): two by content_weight_blend
    content_weight_blend: float = 1.0  # relu4_2's share of the content loss; relu5_2 has the rest
    style_weight: float = 500.0
    style_layers: tuple[str, ...] = ()  # as content_layers, weight 1 / number unless given; (): relu1_1 ... relu5_1
    style_layer_weight_exp: float = 1.0  # the weight of each style layer over that of the one before
    # "classic": G = F'F / (h w C), mean((G - A)^2), mean((F - P)^2) for a layer of h w positions and C channels;
    # "positions", of Keras and TensorFlow: G = F'F / (h w); "sums", of Gatys et al. 2015, equations 1 and 4:
    # sum((F'F - A)^2) / (4 C^2 (h w)^2), sum((F - P)^2) / 2.
    normalization: str = "classic"
    style_blend_weights: tuple[float, ...] = ()  # one for each style, divided by their sum; (): equal
    tv_weight: float = 100.0
    tv_norm: str = "squares"  # mean of squared differences; "absolute": sum of absolute ones, on a scale of 0..1
    box: bool = False  # keep every step within 0..255
    pooling: str = "max"
    padding: str = "zero"  # beyond the picture's border: zeros in every layer; or its own pixels continued outwards
    initial_noiseblend: float | None = None  # share of noise in the start, the content's or a picture's the rest
    iterations: int = 1000  # of the first scale
    scales: tuple[int, ...] = (1,)  # how many, each half as wide as the next; or the widths of those before the last
    scale_iterations: tuple[int, ...] = ()  # one for each scale; (): half as many as at the scale before
    optimizer: str = "adam"
    learning_rate: float = 10.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    lbfgs_memory: int = 10  # pairs of steps and gradient changes
    precision: str = "float32"  # of convolutions and Gram matrices; auto: bfloat16 where it is the faster one
    tile_size: int | str = "auto"  # px: a larger picture is evaluated in tiles of this side; "none": in one piece
    colors: str = "style"  # whose: the style's; or the content's, by "luma" of the result or as images.RECOLORINGS
    color_strength: float = 1.0  # between the style's colours, 0, and what `colors` makes of them, 1
    keep: str = "best"
    on_nan: str = "stop"  # when the loss is not finite; "retry": Adam goes back a step and takes half the learning rate
    seed: int = 0  # two runs with the same seed give the same bytes

    def __post_init__(self):
        mistakes = list(self._mistakes())
        if mistakes:
            raise ValueError("\n".join(mistakes))

    @property
    def content_terms(self):
        """Layer -> weight of its term in the content loss; none is zero."""
        shares = {"relu4_2": self.content_weight_blend, "relu5_2": 1 - self.content_weight_blend}
        shares = _weighted(self.content_layers, 1.0) or shares
        return _above_zero({layer: self.content_weight * share for layer, share in shares.items()})

    @property
    def style_terms(self):
        """Layer -> weight of its term in the style loss; none is zero."""
        powers = {layer: self.style_layer_weight_exp**index for index, layer in enumerate(STYLE_LAYERS)}
        shares = _weighted(self.style_layers, 1 / max(1, len(self.style_layers)))
        shares = shares or {layer: power / sum(powers.values()) for layer, power in powers.items()}
        return _above_zero({layer: self.style_weight * share for layer, share in shares.items()})

    def sizes(self, height, width):
        """(height, width) of the picture at each scale; the last is its own."""
        if self._scales_are_counted:
            widths = [max(1, round(width / 2**halvings)) for halvings in reversed(range(self.scales[0]))]
        else:
            widths = [*self.scales, width]
        return [(max(1, round(height * each / width)), each) for each in widths]

    @property
    def iteration_counts(self):
        """The number of iterations at each scale."""
        halves = (-(-self.iterations // 2**index) for index in range(self._scale_count))
        return self.scale_iterations or tuple(halves)

    @property
    def total_iterations(self):
        return sum(self.iteration_counts)

    @property
    def _scales_are_counted(self):
        return len(self.scales) == 1 and self.scales[0] <= MOST_SCALES

    @property
    def _scale_count(self):
        return self.scales[0] if self._scales_are_counted else len(self.scales) + 1

    def blend(self, count):
        """The weights of `count` styles, summing to one."""
        weights = self.style_blend_weights or (1.0,) * count
        return tuple(weight / sum(weights) for weight in weights)

    def _mistakes(self):
        """Yields a sentence for each value that has no meaning, naming it as the command line does."""
        for name, (holds, meaning) in RULES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not (math.isfinite(number) and holds(number)):
                    yield f"{option(name)} must be {meaning}, not {number:g}"
        if self.tile_size not in ("auto", "none") and not (
            isinstance(self.tile_size, int) and self.tile_size >= TILE_GRID
        ):
            yield f"--tile-size must be auto, none or a number of pixels, at least {TILE_GRID}, not {self.tile_size}"
        if self.style_size not in ("content", "original") and not (
            isinstance(self.style_size, int) and self.style_size >= 1
        ):
            yield f"--style-size must be content, original or a number of pixels, at least 1, not {self.style_size}"
        for name in ("content_layers", "style_layers"):
            yield from _wrong_layers(name, getattr(self, name))
        if self.content_layers and self.content_weight_blend != 1:
            yield "--content-weight-blend is a shorthand for --content-layers; give one of them"
        if self.style_layers and self.style_layer_weight_exp != 1:
            yield "--style-layer-weight-exp is a shorthand for --style-layers; give one of them"
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                yield f"{option(name)} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
        if self.style_blend_weights and not 0 < sum(self.style_blend_weights) < math.inf:
            yield "--style-blend-weights must have a sum above 0, and a finite one"
        widths = () if self._scales_are_counted else self.scales
        if list(widths) != sorted(set(widths)):
            yield "--scales takes the number of scales, or their widths from the smallest on"
        if self.scale_iterations and len(self.scale_iterations) != self._scale_count:
            yield f"--scale-iterations takes one number for each scale: {self._scale_count}"
        if not (self.content_weight or self.style_weight or self.tv_weight):
            yield "--content-weight, --style-weight and --tv-weight are all zero: there is nothing to optimise"


def _weighted(layers, default):
    """Layer -> weight, of texts NAME or NAME:WEIGHT."""
    pairs = (text.partition(":") for text in layers)
    return {name: float(weight) if colon else default for name, colon, weight in pairs}


def _above_zero(weights):
    return {layer: weight for layer, weight in weights.items() if weight > 0}


def _wrong_layers(name, layers):
    """Yields a sentence for each text of `layers` that is not NAME or NAME:WEIGHT, or that says a name again."""
    seen = set()
    for text in layers:
        layer, colon, weight = text.partition(":")
        if layer not in FEATURES:
            yield f"{option(name)}: there is no layer {layer!r}; there are {', '.join(FEATURES)}"
        elif layer in seen:
            yield f"{option(name)}: {layer} is named twice"
        seen.add(layer)
        try:
            if colon and not (float(weight) >= 0 and math.isfinite(float(weight))):
                raise ValueError
        except ValueError:
            yield f"{option(name)}: the weight of {layer} must be a number not below 0, not {weight}"


def option(name):
    """The command line's spelling of a field's name."""
    return "--" + {"epsilon": "eps"}.get(name, name).replace("_", "-")


_AT_LEAST_ZERO = (lambda value: value >= 0, "a number not below 0")
_ABOVE_ZERO = (lambda value: value > 0, "a number above 0")
_SHARE = (lambda value: 0 <= value <= 1, "between 0 and 1")
_MOMENT = (lambda value: 0 <= value < 1, "at least 0 and below 1")
RULES = {
    "width": (lambda value: value >= 1, "a number of pixels, at least 1"),
    "long_side": (lambda value: value >= 1, "a number of pixels, at least 1"),
    "style_scales": _ABOVE_ZERO,
    "content_weight": _AT_LEAST_ZERO,
    "content_weight_blend": _SHARE,
    "style_weight": _AT_LEAST_ZERO,
    "style_layer_weight_exp": (lambda value: 0 <= value <= 1e6, "between 0 and 1000000"),
    "style_blend_weights": _AT_LEAST_ZERO,
    "tv_weight": _AT_LEAST_ZERO,
    "initial_noiseblend": _SHARE,
    "color_strength": _SHARE,
    "iterations": _AT_LEAST_ZERO,
    "learning_rate": _ABOVE_ZERO,
    "beta1": _MOMENT,
    "beta2": _MOMENT,
    "epsilon": _ABOVE_ZERO,
    "lbfgs_memory": (lambda value: 1 <= value <= 1000, "between 1 and 1000"),
    "scales": (lambda value: value >= 1, "a number of scales, or of pixels, at least 1"),
    "scale_iterations": (lambda value: value >= 0, "a number of iterations, at least 0"),
    "seed": (lambda value: 0 <= value < 2**32, "between 0 and 4294967295"),
}
_KERAS = {
    "long_side": 512,
    "initial": "content",
    "content_weight": 1e3,
    "content_weight_blend": 0.0,
    "style_weight": 1e-2,
    "normalization": "positions",
    "tv_weight": 0.0,
    "box": True,
    "learning_rate": 5.0,
    "beta1": 0.99,
    "epsilon": 1e-1,
}
# Overrides of the defaults under a name; a flag that is given wins.
PRESETS = {
    "classic": {},
    "fast": {"optimizer": "lbfgs", "initial": "content", "iterations": 150, "precision": "auto"}
    | {"padding": "replicate"},
    "keras": _KERAS,
    "tensorflow": _KERAS
    | {"content_weight": 1e4, "tv_weight": 30.0, "tv_norm": "absolute", "learning_rate": 5.1, "epsilon": 0.1 / 255}
    | {"keep": "last"},
    "gatys": {
        "long_side": 512,
        "content_weight": 1.0,
        "style_weight": 1e3,  # the paper's figures have alpha / beta = 1e-3 and 1e-4
        "normalization": "sums",
        "tv_weight": 0.0,
        "pooling": "avg",
        "optimizer": "lbfgs",
        "keep": "last",
    },
}
DEFAULTS = {field.name: field.default for field in fields(Settings)}
