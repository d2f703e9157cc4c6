"""Requests of the page: the settings that it can ask for, and the command line that carries out a request."""

import shlex
from typing import Any

from brushwork.errors import Mistakes
from brushwork.network import store
from brushwork.pictures import sizes
from brushwork.presets import PRESETS, PURPOSES, preset_values
from brushwork.run import jobs
from brushwork.settings import DEFAULTS, SETTINGS, STARTS, option, value_of
from brushwork.studio.storage import VIEW, Storage

PRESET = "painterly"  # the one that the page begins with
OF_PICTURES = ("style_blend_weights",)  # set beside each style picture
QUALITIES = {"sketch": 0.5, "normal": 1.0, "fine": 2.0}  # factors on the numbers of iterations
PREVIEW_SIDE = 512  # px: the longer side of a preview


def description(network: str | None) -> dict[str, Any]:
    """What the page makes its dials and fields from, ready for JSON.

    network: the value of the studio's --network, or None.
    """
    presets = {name: {"purpose": PURPOSES[name], "values": _plain(DEFAULTS | PRESETS[name])} for name in PURPOSES}
    more = [setting for name, setting in SETTINGS.items() if not setting.dial and name not in OF_PICTURES]
    return {
        "preset": PRESET,
        "presets": presets,
        "more": [_form_field(setting) for setting in more],
        "qualities": list(QUALITIES),
        "networks": [] if network else ["pocket", *(["vgg19"] if store.cached() else [])],
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
    help_text = setting.help.replace("%%", "%")
    return {"name": setting.name, "flag": setting.flag, "help": help_text, "kind": kind, "choices": list(choices)}


def _plain(values):
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def command_line(asked: dict[str, Any], storage: Storage, network: str | None, *, output: str) -> list[str]:
    """The command line of a request of the page; the masks of styles are written to the storage.

    asked: {"content": number, "styles": [{"picture": number, "weight": 1, "mask": number or None}], "preset": name,
    "settings": {field: text, or a truth value}, "quality": name, "network": name}. Raises ValueError with a sentence,
    KeyError for a picture that is not in the storage.
    """
    content, styles = storage.upload(asked["content"]), asked["styles"]
    if not styles:
        raise ValueError("choose a painting")
    preset, texts = asked.get("preset") or PRESET, _texts(asked.get("settings", {}), len(styles))
    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset}")
    values = {name: value_of(name, text) for name, text in texts.items()}
    iterations = _iterations(preset, values, QUALITIES.get(asked.get("quality"), 1))
    _check(preset, values | iterations, len(styles))
    argv = ["--preset", preset, *_pictures(content, styles, storage), *_flags(iterations), *_flags(texts)]
    chosen = network or (asked.get("network") if asked.get("network") in ("pocket", "vgg19") else None)
    return [*argv, *(["--network", chosen] if chosen else []), "--output", output]


def preview_command_line(asked: dict[str, Any], storage: Storage, *, output: str) -> list[str]:
    """The command line of the preview of a request, which is as for `command_line`."""
    given = asked.get("settings", {})
    colors = {name: given[name] for name in ("colors", "color_strength") if name in given}
    texts = {} if colors.get("colors", "style") == "style" else _texts(colors, len(asked["styles"]))
    _check(PRESET, {name: value_of(name, text) for name, text in texts.items()}, len(asked["styles"]))
    pictures = _pictures(storage.upload(asked["content"]), asked["styles"], storage)
    side = ["--long-side", str(PREVIEW_SIDE)]
    return ["--instant", *pictures, *side, *_flags(texts), "--output", output, "--overwrite", "--quiet"]


def _check(preset, values, styles):
    """Raise ValueError with a sentence for settings that are not valid."""
    mistakes = Mistakes()
    jobs.settings_of(values, preset, styles, mistakes)
    if mistakes.sentences:
        raise ValueError("; ".join(mistakes.sentences))


def _pictures(content, styles, storage):
    """The flags of the pictures, their weights and their masks."""
    paintings = [storage.upload(style["picture"]) for style in styles]
    argv = ["--content", content.path, "--styles", *(painting.path for painting in paintings)]
    weights = [float(style.get("weight", 1)) for style in styles]
    if len(set(weights)) > 1:
        argv.append("--style-blend-weights=" + ",".join(f"{weight:g}" for weight in weights))
    masks = [storage.upload(style["mask"]) if style.get("mask") else None for style in styles]
    if any(masks):
        drawn = [mask.path for mask in masks if mask]
        paths = [mask.path if mask else storage.rest_of(drawn, _mask_size(content)) for mask in masks]
        argv += ["--style-masks", *paths]
    return argv


def _mask_size(content):
    """(width, height) of a mask for a content that is an Upload: at most VIEW px, in the content's proportions."""
    height, width = sizes.scale_size((content.height, content.width), min(1, VIEW / max(content.height, content.width)))
    return width, height


def _iterations(preset, values, factor):
    """The numbers of iterations of a preset, times a factor; {} where the request sets them itself."""
    if factor == 1 or {"iterations", "scale_iterations"} & set(values):
        return {}
    left = preset_values(preset, values)
    if counts := left.get("scale_iterations"):
        return {"scale_iterations": tuple(max(1, round(count * factor)) for count in counts)}
    return {"iterations": max(1, round(left.get("iterations", DEFAULTS["iterations"]) * factor))}


def _texts(settings, styles):
    """The settings of a request that are not empty, {field: text, or a truth value}. Raises ValueError.

    One number for all styles is repeated for each style.
    """
    texts = {}
    for name, value in settings.items():
        if name not in SETTINGS or name in OF_PICTURES:
            raise ValueError(f"there is no setting {name}")
        text = value if isinstance(value, bool) else ",".join(str(value).replace(",", " ").split())
        if SETTINGS[name].is_path and text and text not in STARTS:
            raise ValueError(f"{option(name)} must be noise, content or style, not {text}")
        if name == "style_scales" and text and "," not in text:
            text = ",".join([text] * styles)
        if text != "":
            texts[name] = text
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
    """The command line as it can be pasted into a terminal; its picture is written to the current directory."""
    argv = [*argv[: argv.index("--output")], "--output", f"{stem}.png"]
    return shlex.join(["neural-style", *argv])
