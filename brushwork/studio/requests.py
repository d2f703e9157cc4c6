"""Requests of the page: the settings that it can ask for, and the command line that carries out a request."""

import importlib.util
import math
import os
import shlex
from typing import Any

from brushwork.errors import Mistakes
from brushwork.network import store
from brushwork.pictures import formats, sizes, unsupported
from brushwork.presets import PRESETS, PURPOSES, preset_values
from brushwork.run import jobs
from brushwork.settings import DEFAULTS, SETTINGS, STARTS, Settings, option, value_of
from brushwork.studio import films
from brushwork.studio.refusals import Missing, Reason, Wrong, wrong
from brushwork.studio.storage import Storage
from brushwork.studio.uploads import MOST_BYTES, VIEW, Upload
from brushwork.video import extra

PRESET = "painterly"  # the one that the page begins with
OF_PICTURES = ("style_blend_weights",)  # set beside each style picture
QUALITIES = {"sketch": 0.5, "normal": 1.0, "fine": 2.0}  # factors on the numbers of iterations
PREVIEW_SIDE = 512  # px: the longer side of a preview
MOST_STYLES = 8
GROUPS = {"size": "pictures", "loss": "look", "run": "optimisation"}  # headings, by what a setting affects


def description(network: str | None) -> dict[str, Any]:
    """What the page makes its dials and fields from, ready for JSON.

    network: the value of the studio's --network, or None.
    """
    presets = {name: {"purpose": PURPOSES[name], "values": _plain(DEFAULTS | PRESETS[name])} for name in PURPOSES}
    takes_clips = all(map(importlib.util.find_spec, extra.PACKAGES))
    more = [setting for name, setting in SETTINGS.items() if not setting.dial and name not in OF_PICTURES]
    return {
        "preset": PRESET,
        "presets": presets,
        "more": [*map(_form_field, more)],
        "film": films.form_fields(),
        "qualities": list(QUALITIES),
        "networks": [] if network else ["pocket", *(["vgg19"] if store.cached() else [])],
        "most_styles": MOST_STYLES,
        "most_bytes": int(MOST_BYTES),
        "accept": ",".join(["image/*", *formats.readable_extensions()]),
        "accept_clips": ",".join(["video/*", *unsupported.VIDEOS]) if takes_clips else "",
    }


def _form_field(setting):
    """What the page makes the field of a setting from, under More settings."""
    choices = setting.choices or (setting.words if setting.is_path else ())  # no path of this machine
    if choices:
        kind = "choice"
    elif setting.words:
        kind = "text"
    elif setting.is_switch:
        kind = "switch"
    else:
        kind = "list" if setting.is_list else "number"
    help_text, rule = setting.help.replace("%%", "%"), setting.rule.meaning if setting.rule else ""
    fields = {"name": setting.name, "flag": setting.flag, "help": help_text, "rule": rule}
    return fields | {"kind": kind, "choices": list(choices), "group": GROUPS[setting.affects]}


def _plain(values):
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def command_line(asked: dict[str, Any], storage: Storage, network: str | None, *, output: str) -> list[str]:
    """The command line of a request of the page; the masks of styles are written to the storage.

    asked: {"content": number, "styles": [{"picture": number, "weight": 1, "mask": number or None}], "preset": name,
    "settings": {field: text, or a truth value}, "quality": name, "network": name}. Raises Wrong with sentences, and
    Missing for a picture that is not in the storage.
    """
    texts, iterations, content = _texts(asked), _iterations(asked), pictures_of(asked, storage)[0]
    settings_of(asked)
    argv = ["--preset", preset_of(asked), *_pictures(asked, storage), *_flags(iterations), *_flags(texts)]
    if content.is_clip:
        argv += films.flags(asked, content, factor_of(asked))
    chosen = network_of(asked, network)
    return [*argv, *(["--network", chosen] if chosen else []), "--output", output]


def frame_command_line(asked: dict[str, Any], storage: Storage, network: str | None, *, output: str) -> list[str]:
    """The command line that paints one frame of the film of a request, as `command_line` does a picture."""
    argv, content = command_line(asked, storage, network, output=output), pictures_of(asked, storage)[0]
    others = [word for word in argv if not word.startswith(films.ALL_FLAGS)]
    others[others.index("--content") + 1] = content.view
    return [*others, "--deterministic"]


def preview_command_line(asked: dict[str, Any], storage: Storage, *, output: str) -> list[str]:
    """The command line of the preview of a request, which is as for `command_line`."""
    given = asked.get("settings", {})
    colors = {name: given[name] for name in ("colors", "color_strength") if name in given}
    colors = {} if colors.get("colors", "style") == "style" else colors
    shortened = asked | {"settings": colors, "preset": PRESET, "quality": None}
    settings_of(shortened)
    side = ["--long-side", str(PREVIEW_SIDE)]
    flags = [*_pictures(asked, storage, still=True), *side, *_flags(_texts(shortened))]
    return ["--instant", *flags, "--output", output, "--overwrite", "--quiet"]


def preset_of(asked: dict[str, Any]) -> str:
    """The preset of a request. Raises Wrong."""
    preset = asked.get("preset") or PRESET
    if preset not in PRESETS:
        raise Wrong(Reason(f"there is no preset {preset}", ("preset",)))
    return preset


def network_of(asked: dict[str, Any], network: str | None) -> str | None:
    """The value of --network for a request. network: the value that the studio was started with, which comes first."""
    return network or (asked.get("network") if asked.get("network") in ("pocket", "vgg19") else None)


def factor_of(asked: dict[str, Any]) -> float:
    """The factor on numbers of iterations that a request asks for."""
    return QUALITIES.get(asked.get("quality"), 1)


def settings_of(asked: dict[str, Any]) -> Settings:
    """The settings of a request. Raises Wrong with a sentence for all that is not valid."""
    preset, styles, mistakes = preset_of(asked), asked["styles"], Mistakes()
    values = _values(asked) | _iterations(asked)
    if len(styles) > MOST_STYLES:
        raise Wrong(f"at most {MOST_STYLES} paintings are possible, not {len(styles)}")
    settings, _ = jobs.settings_of(values, preset, len(styles), mistakes)
    if mistakes.sentences:
        raise wrong(mistakes.sentences)
    return settings


def _values(asked):
    """The values of the settings of a request, {field: value}. Raises Wrong for those that cannot be read."""
    values, sentences = {}, []
    for name, text in _texts(asked).items():
        try:
            values[name] = value_of(name, text)
        except ValueError as error:
            sentences.append(str(error))
    if sentences:
        raise wrong(sentences)
    return values


def pictures_of(asked: dict[str, Any], storage: Storage) -> list[Upload]:
    """The content and the styles of a request. Raises Wrong without a style, and Missing."""
    if not asked["styles"]:
        raise Wrong("choose a painting")
    content = _found(storage, asked["content"], Reason("the photograph is no longer there", ("content",)))
    gone, paintings = "a painting is no longer there", []
    for index, style in enumerate(asked["styles"]):
        paintings.append(_found(storage, style["picture"], Reason(gone, styles=(index,))))
        if paintings[-1].is_clip:
            sentence = f"{paintings[-1].name} is a clip, and a painting must be a picture"
            raise Wrong(Reason(sentence, styles=(index,)))
    return [content, *paintings]


def _found(storage, number, reason):
    try:
        return storage.uploads.find(number)
    except KeyError:
        raise Missing(reason) from None


def _pictures(asked, storage, *, still=False):
    """The flags of the pictures, their weights and their masks. still: whether one frame stands for a clip."""
    content, *paintings = pictures_of(asked, storage)
    path = content.view if still and content.is_clip else content.path
    argv = ["--content", path, "--styles", *(painting.path for painting in paintings)]
    weights = _weights(asked["styles"])
    if len(set(weights)) > 1:
        argv.append("--style-blend-weights=" + ",".join(f"{weight:g}" for weight in weights))
    masks = _masks(asked["styles"], paintings, storage)
    if drawn := [mask for mask in masks if mask]:
        size = _mask_size(content)
        paths = [storage.uploads.find(mask).path if mask else storage.uploads.rest_of(drawn, size) for mask in masks]
        argv += ["--style-masks", *paths]
    return argv


def _weights(styles):
    """The weights of the styles, as numbers. Raises Wrong."""
    weights, reasons = [], []
    for index, style in enumerate(styles):
        weight = style.get("weight", 1)
        try:
            weights.append(float(weight))
        except OverflowError:  # a whole number that no float can hold
            weights.append(math.inf)
        if not 0 <= weights[-1] < math.inf:
            reasons.append(Reason("the weight of a painting must be a number not below 0", styles=(index,)))
    if reasons:
        raise Wrong(*reasons)
    if not sum(weights) > 0:
        raise Wrong(Reason("at least one painting needs a weight above 0", styles=tuple(range(len(styles)))))
    return weights


def _masks(styles, paintings, storage):
    """The numbers of the masks of styles, or None for a style without one. Raises Wrong for masks without effect."""
    masks, reasons = [style.get("mask") or None for style in styles], []
    for index, mask in enumerate(masks):
        if mask is None:
            continue
        _found(storage, mask, Reason(f"the mask of {paintings[index].name} is no longer there", styles=(index,)))
        if storage.uploads.is_empty(mask):
            sentence = f"the mask of {paintings[index].name} is empty; draw where it applies"
            reasons.append(Reason(sentence, styles=(index,)))
    drawn = [mask for mask in masks if mask]
    if not reasons and drawn and None in masks and storage.uploads.is_full(*drawn):
        left = [index for index, mask in enumerate(masks) if mask is None]
        sentence = f"the masks cover the whole photograph, and leave nothing for {paintings[left[0]].name}"
        reasons.append(Reason(sentence, styles=tuple(left)))
    if reasons:
        raise Wrong(*reasons)
    return masks


def _mask_size(content):
    """(width, height) of a mask for a content that is an Upload: at most VIEW px, in the content's proportions."""
    height, width = sizes.scale_size((content.height, content.width), min(1, VIEW / max(content.height, content.width)))
    return width, height


def _iterations(asked):
    """The numbers of iterations of a preset, times a factor; {} where the request sets them itself."""
    values, factor = _values(asked), factor_of(asked)
    if factor == 1 or {"iterations", "scale_iterations"} & set(values):
        return {}
    left = preset_values(preset_of(asked), values)
    if counts := left.get("scale_iterations"):
        return {"scale_iterations": tuple(max(1, round(count * factor)) for count in counts)}
    return {"iterations": max(1, round(left.get("iterations", DEFAULTS["iterations"]) * factor))}


def _texts(asked):
    """The settings of a request that are not empty, {field: text, or a truth value}. Raises Wrong.

    One number for all styles is repeated for each style. Those of films are in `films`.
    """
    texts, reasons = {}, []
    for name, value in asked.get("settings", {}).items():
        if name in films.FIELDS:
            continue
        if name not in SETTINGS or name in OF_PICTURES:
            raise Wrong(f"there is no setting {name}")
        text = value if isinstance(value, bool) else ",".join(str(value).replace(",", " ").split())
        if SETTINGS[name].is_path and text and text not in STARTS:
            reasons.append(Reason(f"{option(name)} must be noise, content or style, not {text}", (name,)))
        if name == "style_scales" and text and "," not in text:
            text = ",".join([text] * len(asked["styles"]))
        if text != "":
            texts[name] = text
    if reasons:
        raise Wrong(*reasons)
    return texts


def _flags(values):
    """The flags of settings, {field: value or text}."""
    argv = []
    for name, value in values.items():
        if isinstance(value, bool):
            argv.append(option(name) if value else option(name).replace("--", "--no-", 1))
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            argv.append(f"{option(name)}={text}")
    return argv


def to_copy(argv: list[str], stem: str) -> str:
    """The command line as it can be pasted into a terminal; its output is written to the current directory."""
    *others, output = argv
    argv = [*others, f"{stem}{os.path.splitext(output)[1]}"]
    return shlex.join(["neural-style", *argv])
