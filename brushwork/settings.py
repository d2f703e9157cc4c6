"""The settings of a run: every number that shapes the picture, its default and the facts about it.

The flags, the page, the presets, state files and the metadata of pictures read the defaults here. Those of a preview
are in preview_settings.py.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brushwork.facts import (
    ABOVE_ZERO,
    AT_LEAST_ZERO,
    DECAY,
    ITERATIONS,
    PIXELS,
    ZERO_TO_ONE,
    Setting,
    at_least,
    between,
    facts_of,
    with_facts,
)
from brushwork.network.layers import stride
from brushwork.weighted import mistakes_in_layers, mistakes_in_losses, weights_of

TILE_GRID = 16  # px: tiles begin at multiples of it, where the pooling windows of all layers begin
STARTS = ("noise", "content", "style")
MOST_SCALES = 12  # a single larger number in `scales` is a width
NEAREST_LAYERS = ("relu2_1", "relu3_1", "relu4_1", "relu4_2")  # of the nearest-feature loss
NEAREST_APART = 8  # px, at most, between the positions that it compares
NEAREST_ENTRIES = 256  # of each layer of a style that the nearest-feature loss searches, at most
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
@with_facts
class Settings:
    """What shapes a picture, besides the pictures and the network. Raises ValueError with all that is wrong.

    Pixel values are on a scale of 0..255. None: the value follows from the pictures or from other settings. An empty
    list: see the default that --help shows. The facts about each field are in SETTINGS.
    """

    initial: str = Setting(
        "noise",
        "first image: noise, content, style, or a picture",
        "START",
        str,
        words=STARTS,
        is_path=True,
        affects="run",
    )
    width: int | None = Setting(None, "width of the output", "PX", int, PIXELS, shown="the content's", affects="size")
    height: int | None = Setting(
        None, "height of the output; its width follows", "PX", int, PIXELS, shown="the content's", affects="size"
    )
    long_side: int | None = Setting(
        None,
        "scale larger pictures down to this side, unless a size is given",
        "PX",
        int,
        PIXELS,
        shown="no",
        affects="size",
        dial=True,
    )
    # "content": as wide as the content; "original"; or px of the longer side
    style_size: int | str = Setting(
        "content",
        "longer side of a style, original or content (output's width)",
        "PX",
        int,
        PIXELS,
        words=("content", "original"),
        affects="size",
    )
    style_margin: float = Setting(
        0.0, "share of a style's sides to crop at each end, for its frame", "SHARE", float, between(0, 0.4)
    )
    style_scales: tuple[float, ...] = Setting(
        (), "factor on the size of each style", "X", float, ABOVE_ZERO, shown="1 for each", affects="size", dial=True
    )
    content_weight: float = Setting(5.0, "weight of the content loss", "W", float, AT_LEAST_ZERO)
    # NAME or NAME:WEIGHT, with weight 1 by default; (): see content_weight_blend
    content_layers: tuple[str, ...] = Setting(
        (), "layers of the content loss, as relu4_2 or relu4_2:0.7", "LAYER", str, shown="relu4_2"
    )
    # see pictures.saliency, pictures.palette and losses.transported
    content_detail: float = Setting(
        0.0, "how much less the content counts where it is smooth, 0 to 1", "SHARE", float, ZERO_TO_ONE
    )
    content_palette: float = Setting(
        0.0, "how much the content gets the styles' colours first, 0 to 1", "SHARE", float, ZERO_TO_ONE, affects="run"
    )
    content_transport: float = Setting(
        0.0, "how much the content takes on the styles' statistics, 0 to 1", "SHARE", float, ZERO_TO_ONE
    )
    content_weight_blend: float = Setting(
        1.0, "weight of relu4_2 in the content loss; the rest is relu5_2", "SHARE", float, ZERO_TO_ONE
    )
    strength: float = Setting(
        1.0, "how much of the style: a factor on the weight of the style loss", "X", float, ABOVE_ZERO, dial=True
    )
    style_weight: float = Setting(500.0, "weight of the style loss", "W", float, AT_LEAST_ZERO)
    # NAME or NAME:WEIGHT, with weight 1 by default. "gram": of Gram matrices; "wasserstein": the distance between
    # features taken as normally distributed; "nearest": of each position to the most similar one of the style
    style_loss: tuple[str, ...] = Setting(
        ("gram",),
        "gram as in the paper, or wasserstein, bolder; nearest beside it",
        "LOSS",
        str,
        shown="gram",
    )
    # NAME or NAME:WEIGHT, with equal weights by default; (): relu1_1 ... relu5_1
    style_layers: tuple[str, ...] = Setting(
        (), "layers of the style loss, as relu3_1 relu4_1:0.5", "LAYER", str, shown="relu1_1 to relu5_1"
    )
    # NAME or NAME:WEIGHT, with equal weights by default; (): NEAREST_LAYERS
    nearest_layers: tuple[str, ...] = Setting(
        (), "layers of nearest, as relu1_1 relu2_1:0.5", "LAYER", str, shown="four, from relu2_1"
    )
    style_layer_weight_exp: float = Setting(
        1.0, "weight of each style layer over that of the finer one before", "X", float, between(0, 1000000)
    )
    # For a layer with n = h w positions, C channels, features F and target P or A:
    # "classic": G = F'F / (n C), mean((G - A)^2), mean((F - P)^2);
    # "positions" (Keras, TensorFlow): G = F'F / n, otherwise the same;
    # "sums" (Gatys et al. 2015, equations 1 and 4): sum((F'F - A)^2) / (4 C^2 n^2), sum((F - P)^2) / 2.
    normalization: str = Setting(
        "classic",
        "scale of the losses: classic, positions (Keras), sums (paper)",
        choices=("classic", "positions", "sums"),
    )
    style_blend_weights: tuple[float, ...] = Setting(
        (), "weight of each style; divided by their sum", "W", float, AT_LEAST_ZERO, shown="equal"
    )
    tv_weight: float = Setting(100.0, "weight of the variation loss; larger is smoother", "W", float, AT_LEAST_ZERO)
    # mean of squared differences; "absolute": sum of absolute ones on a scale of 0..1
    tv_norm: str = Setting(
        "squares", "variation loss of squared or absolute differences", choices=("squares", "absolute")
    )
    pooling: str = Setting("max", "pooling of the network", choices=("max", "avg"))
    padding: str = Setting(
        "zero", "beyond the border: zeros, or the border's pixels repeated", choices=("zero", "replicate")
    )
    initial_noiseblend: float | None = Setting(
        None,
        "share of noise in the first image",
        "SHARE",
        float,
        ZERO_TO_ONE,
        shown="1 from noise, else 0",
        affects="run",
    )
    box: bool = Setting(
        False, "clip the image to 0..255 after every step", kind=bool, shown="no: only the output", affects="run"
    )
    # "luma": the content's chroma; "match", "histogram": see pictures.colors.COLOR_TRANSFERS
    colors: str = Setting(
        "style",
        "style, or the content's by luma, match or histogram",
        choices=("style", "luma", "match", "histogram"),
        affects="run",
        dial=True,
    )
    # 0: the colours of "style"; 1: those of `colors`
    color_strength: float = Setting(
        1.0, "strength of what --colors changes, 0 to 1", "SHARE", float, ZERO_TO_ONE, affects="run", dial=True
    )
    iterations: int = Setting(
        1000,
        "optimisation steps; with several scales, of the first",
        "N",
        int,
        ITERATIONS,
        affects="run",
        resumable=True,
    )
    scales: tuple[int, ...] = Setting(
        (1,),
        "number of scales, or the widths of all but the last",
        "N",
        int,
        at_least(1, "scales, or of pixels"),
        shown="1",
        affects="run",
    )
    # of a scale and of its styles
    scale_factor: float = Setting(
        2.0, "width of a scale over that of the one before", "X", float, between(1.1, 16), affects="run"
    )
    smallest_scale: int | None = Setting(
        None,
        "least longer side of a scale, which sets their number",
        "PX",
        int,
        at_least(16, "pixels"),
        shown="see --scales",
        affects="run",
    )
    # One for each scale, or one for each of the last scales, when all before them have the first number.
    # (): those of the first scale, divided by the growth of the picture's width since then.
    scale_iterations: tuple[int, ...] = Setting(
        (),
        "steps at each scale; if too few, the first repeats",
        "N",
        int,
        ITERATIONS,
        shown="from --iterations",
        affects="run",
        resumable=True,
    )
    optimizer: str = Setting("adam", "how the loss is minimised", choices=("adam", "lbfgs"), affects="run")
    learning_rate: float = Setting(
        10.0, "step size of Adam, on the scale of 0 to 255", "RATE", float, ABOVE_ZERO, affects="run"
    )
    beta1: float = Setting(0.9, "decay of Adam's first moment, 0 to below 1", "DECAY", float, DECAY, affects="run")
    beta2: float = Setting(0.999, "decay of Adam's second moment, 0 to below 1", "DECAY", float, DECAY, affects="run")
    epsilon: float = Setting(1e-8, "epsilon of Adam", "EPS", float, ABOVE_ZERO, spelling="eps", affects="run")
    # pairs of steps and gradient changes in its history
    lbfgs_memory: int = Setting(10, "pairs of vectors that L-BFGS keeps", "N", int, between(1, 1000), affects="run")
    # of convolutions and Gram products; "auto": bfloat16 where that is faster
    precision: str = Setting(
        "float32", "number type of the network; auto: the faster one here", choices=("auto", "float32", "bfloat16")
    )
    # larger pictures are evaluated in tiles of this side; "none": untiled
    tile_size: int | str = Setting(
        "auto",
        "side of the tiles of large pictures: auto, none or pixels",
        "PX",
        int,
        at_least(TILE_GRID, "pixels"),
        words=("auto", "none"),
        affects="run",
        resumable=True,
    )
    seed: int = Setting(
        0, "seed of the noise; for equal pictures, add --deterministic", "N", int, between(0, 4294967295), affects="run"
    )
    # without it, network.operations times its operations on each start
    deterministic: bool = Setting(
        False, "the same kernels in every run, so that pictures are equal", kind=bool, shown="no"
    )
    keep: str = Setting("best", "keep the picture of lowest loss or the last", choices=("best", "last"), affects="run")

    def __post_init__(self) -> None:
        as_tuples(self, SETTINGS)
        if isinstance(self.style_loss, tuple) and all(isinstance(text, str) for text in self.style_loss):
            object.__setattr__(self, "style_loss", tuple(text.lower() for text in self.style_loss))
        # What computes with values comes after the rules of each.
        mistakes = list(mistakes_in_values(self, SETTINGS)) or list(self._mistakes())
        if mistakes:
            raise ValueError("\n".join(mistakes))

    @property
    def content_layer_weights(self) -> dict[str, float]:
        """Layer -> weight of its term in the content loss; layers of weight zero are left out."""
        shares = {"relu4_2": self.content_weight_blend, "relu5_2": 1 - self.content_weight_blend}
        shares = weights_of(self.content_layers, 1.0) or shares
        return {
            layer: self.content_weight * share for layer, share in shares.items() if self.content_weight * share > 0
        }

    @property
    def style_losses(self) -> dict[str, float]:
        """The weights of the style losses, by their names; losses of weight zero are left out."""
        return {name: weight for name, weight in weights_of(self.style_loss, 1.0).items() if weight > 0}

    @property
    def nearest_layer_weights(self) -> dict[str, float]:
        """Layer -> weight of its part of the nearest-feature loss; {} without that loss."""
        layers = self.nearest_layers or NEAREST_LAYERS
        total = self.style_weight * self.strength * self.style_losses.get("nearest", 0.0)
        return {layer: total * share for layer, share in weights_of(layers, 1 / len(layers)).items() if total * share}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose features the loss needs."""
        return tuple({**self.content_layer_weights, **self.style_layer_weights, **self.nearest_layer_weights})

    @property
    def style_layer_weights(self) -> dict[str, float]:
        """Layer -> weight of its part of the Gram or Wasserstein loss; layers of weight zero are left out."""
        powers = {layer: self.style_layer_weight_exp**index for index, layer in enumerate(STYLE_LAYERS)}
        shares = weights_of(self.style_layers, 1 / max(1, len(self.style_layers)))
        shares = shares or {layer: power / sum(powers.values()) for layer, power in powers.items()}
        losses = self.style_losses
        total = self.style_weight * self.strength * losses.get("gram", losses.get("wasserstein", 0.0))
        return {layer: total * share for layer, share in shares.items() if total * share > 0}

    @property
    def scale_widths(self) -> tuple[int, ...]:
        """The widths of all scales but the last, px; () if they follow from scale_factor."""
        return self.scales if len(self.scales) > 1 or self.scales[0] > MOST_SCALES else ()

    @property
    def content_normalization(self) -> str:
        """How the content loss is normalised: "mean", "sum" or "relative"; see stylize.Content.

        The other style losses do not depend on the unit of the features, and so does not the content loss beside them.
        """
        if "gram" not in self.style_losses:
            return "relative"
        return "sum" if self.normalization == "sums" else "mean"

    @property
    def scale_count(self) -> int | None:
        """The number of scales; None if it depends on the picture, by `smallest_scale`."""
        if self.smallest_scale:
            return None
        return len(self.scales) + 1 if self.scale_widths else self.scales[0]

    def blend(self, count: int) -> tuple[float, ...]:
        """The weights of `count` styles; they sum to one."""
        return blend_of(self.style_blend_weights, count)

    def _mistakes(self):
        """Yield a sentence for each invalid value, named as on the command line."""
        yield from mistakes_in(self)
        for name in ("content_layers", "style_layers", "nearest_layers"):
            yield from mistakes_in_layers(option(name), getattr(self, name))
        for layers, shorthand in (
            ("content_layers", "content_weight_blend"),
            ("style_layers", "style_layer_weight_exp"),
        ):
            if getattr(self, layers) and getattr(self, shorthand) != 1:
                yield f"{option(shorthand)} is a shorthand for {option(layers)}; give one of them"
        if list(self.scale_widths) != sorted(set(self.scale_widths)):
            yield "--scales takes the number of scales, or their widths in ascending order"
        if self.smallest_scale and self.scales != (1,):
            yield "--smallest-scale sets the number of scales, and so does --scales; give one of them"
        elif self.scale_count is not None and len(self.scale_iterations) > self.scale_count:
            yield f"--scale-iterations takes at most one number for each scale: {self.scale_count}"
        yield from mistakes_in_losses("--style-loss", self.style_loss)
        if self.normalization != "classic" and not any(text.startswith("gram") for text in self.style_loss):
            losses = " ".join(self.style_loss)
            yield f"--normalization applies to the Gram loss only; leave it out with --style-loss {losses}"
        if not (self.content_weight or self.style_weight or self.tv_weight):
            yield "--content-weight, --style-weight and --tv-weight are all zero: there is nothing to optimise"


SETTINGS = facts_of(Settings)
DEFAULTS = {name: setting.default for name, setting in SETTINGS.items()}


def as_tuples(settings: Any, facts: Mapping[str, Setting]) -> None:
    """Make tuples of the lists among the values of Settings or PreviewSettings; a text is a list of one."""
    for name, setting in facts.items():
        value = getattr(settings, name)
        if setting.is_list and isinstance(value, (list, str)):
            object.__setattr__(settings, name, (value,) if isinstance(value, str) else tuple(value))


def mistakes_in_values(settings: Any, facts: Mapping[str, Setting]) -> Iterator[str]:
    """Yield a sentence for each value of Settings or PreviewSettings that breaks its own rule."""
    for name, setting in facts.items():
        yield from setting.mistakes(getattr(settings, name))


def mistakes_in(settings: Any) -> Iterator[str]:
    """Yield a sentence for each rule that the values of Settings or PreviewSettings break together."""
    if settings.style_blend_weights and not 0 < sum(settings.style_blend_weights) < math.inf:
        yield "--style-blend-weights must have a finite sum above 0"
    if settings.width and settings.height:
        yield "--width and --height both set the size of the output; give one of them"


def nearest_step(layer: str) -> int:
    """Positions of a layer from one that the nearest-feature loss compares to the next: 2, or 1 from relu4_1 on."""
    return 2 if stride(layer) < NEAREST_APART else 1


def blend_of(weights: tuple[float, ...], count: int) -> tuple[float, ...]:
    """The weights of `count` styles, divided by their sum; equal ones if there are none."""
    weights = weights or (1.0,) * count
    return tuple(weight / sum(weights) for weight in weights)


def option(name: str) -> str:
    """The flag of a field of Settings, or of another attribute of the parsed options."""
    return SETTINGS[name].flag if name in SETTINGS else "--" + name.replace("_", "-")


def value_of(name: str, value: str | bool) -> Any:
    """The value of a setting: of a switch as it is, of any other from a text; a list has commas or spaces.

    Raises ValueError with a sentence. The rules of the setting are not checked: Settings does that.
    """
    setting = SETTINGS[name]
    if setting.is_switch != isinstance(value, bool):
        raise ValueError(f"{setting.flag} is {'on or off' if setting.is_switch else 'no switch'}, not {value}")
    try:
        if setting.is_list:
            return tuple(setting.read(word) for word in value.replace(",", " ").split())
        return value if setting.is_switch else setting.read(value)
    except ValueError as error:
        raise ValueError(f"{setting.flag} {error}") from None
