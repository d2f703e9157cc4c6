"""Lists of names with weights, as they are written in settings: NAME, or NAME:WEIGHT."""

import math
from collections.abc import Iterator, Sequence

from brushwork.network.layers import FEATURES

STYLE_LOSSES = ("gram", "wasserstein", "nearest")


def weights_of(texts: Sequence[str], default: float) -> dict[str, float]:
    """Name -> weight, from texts NAME or NAME:WEIGHT; `default` is the weight of a NAME alone."""
    pairs = (text.partition(":") for text in texts)
    return {name: float(weight) if colon else default for name, colon, weight in pairs}


def mistakes_in_losses(flag: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each unknown style loss, for each wrong weight, and for losses that exclude each other."""
    names = [text.partition(":")[0] for text in texts]
    for name, text in zip(names, texts, strict=True):
        if name not in STYLE_LOSSES:
            yield f"{flag} must be one of {', '.join(STYLE_LOSSES)}, not {name!r}"
        yield from _mistakes_in_weight(flag, text)
    if len({*names}) < len(names) or {"gram", "wasserstein"} <= {*names} or not names:
        yield f"{flag} takes gram or wasserstein, and nearest, each once, not {' '.join(texts) or 'nothing'}"


def mistakes_in_layers(flag: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each unknown layer, for each that is named twice, and for each wrong weight."""
    names = [text.partition(":")[0] for text in texts]
    for index, (layer, text) in enumerate(zip(names, texts, strict=True)):
        if layer.replace(".", "", 1).isdigit():
            yield f"{flag}: {layer} is no layer; the weight of a layer is written as relu4_2:{layer}"
        elif layer not in FEATURES:
            yield f"{flag}: there is no layer {layer!r}; there are {', '.join(FEATURES)}"
        elif layer in names[:index]:
            yield f"{flag}: {layer} is named twice"
        yield from _mistakes_in_weight(flag, text)


def _mistakes_in_weight(flag, text):
    name, colon, weight = text.partition(":")
    try:
        valid = not colon or 0 <= float(weight) < math.inf
    except ValueError:
        valid = False
    if not valid:
        yield f"{flag}: the weight of {name} must be a number not below 0, not {weight}"
