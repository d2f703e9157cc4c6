"""The form: what the page can ask for, made from the flags of the command, and the command line of what it asks for."""

import argparse
import shlex
from dataclasses import fields

from brushwork.errors import Mistakes
from brushwork.network import store
from brushwork.pictures import sizes
from brushwork.run import jobs
from brushwork.settings import CHOICES, DEFAULTS, PIXELS_OR_WORDS, PRESETS, PURPOSES, STARTS, Settings, option
from brushwork.studio.storage import VIEW

PRESET = "painterly"  # the one that the page begins with
DIALS = ("strength", "style_scales", "colors", "color_strength", "long_side")  # beside the pictures, in plain sight
OF_PICTURES = ("style_blend_weights", "instant", "instant_strength")  # set by the page itself
QUALITIES = {"sketch": 0.5, "normal": 1.0, "fine": 2.0}  # factors on the numbers of iterations
INSTANT_SIDE = 512  # px: the longer side of an instant picture


def description(parser, network):
    """What the page makes its dials from, ready for JSON. network: what --network of the studio says, or None."""
    known = {field.name for field in fields(Settings)}
    flags = [action for action in parser._actions if action.dest in known]
    dials = {}  # field -> dial
    for action in flags:  # --preserve-colors sets the same field as --colors
        dials.setdefault(action.dest, _dial(action))
    presets = {name: {"purpose": PURPOSES[name], "values": _plain(DEFAULTS | PRESETS[name])} for name in PURPOSES}
    more = [dial for name, dial in dials.items() if name not in (*DIALS, *OF_PICTURES)]
    return {
        "preset": PRESET,
        "presets": presets,
        "more": more,
        "qualities": list(QUALITIES),
        "networks": [] if network else ["pocket", *(["vgg19"] if store.cached() else [])],
    }


def _dial(action):
    """How the page shows a flag."""
    name = action.dest
    kind = "list" if action.nargs == "+" else "number"
    if isinstance(action, argparse.BooleanOptionalAction):
        kind = "switch"
    elif name in CHOICES or name == "initial":
        kind = "choice"
    elif name in PIXELS_OR_WORDS:
        kind = "text"
    choices = CHOICES.get(name) or (STARTS if name == "initial" else ())
    text = (action.help or "").replace("%%", "%").partition(" (default: ")[0]  # the page shows the preset's
    return {"name": name, "flag": option(name), "help": text, "kind": kind, "choices": list(choices)}


def _plain(values):
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def command_line(asked, storage, network, *, output):
    """The command line (a list of arguments) of a request of the page; styles' masks are written to the storage.

    asked: {"content": number, "styles": [{"picture": number, "weight": 1, "mask": number or None}], "preset": name,
    "settings": {field: text, or a truth value}, "quality": name, "network": name}. Raises ValueError with a sentence.
    """
    content, styles = storage.upload(asked["content"]), asked["styles"]
    if not styles:
        raise ValueError("choose a painting")
    preset, settings = asked.get("preset") or PRESET, dict(asked.get("settings", {}))
    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset}")
    argv = ["--preset", preset, *_pictures(content, styles, storage)]
    if factor := QUALITIES.get(asked.get("quality")):
        argv += _iterations(preset, settings, factor)
    argv += _flags(settings, len(styles))
    chosen = network or (asked.get("network") if asked.get("network") in ("pocket", "vgg19") else None)
    return [*argv, *(["--network", chosen] if chosen else []), "--output", output]


def instant_command_line(asked, storage, *, output):
    """The command line of the instant picture for a request of the page."""
    given = asked.get("settings", {})
    settings = {name: given[name] for name in ("colors", "color_strength") if name in given}
    if settings.get("colors", "style") == "style":
        settings = {}
    pictures = _pictures(storage.upload(asked["content"]), asked["styles"], storage)
    flags = _flags(settings, len(asked["styles"]))
    side = ["--long-side", str(INSTANT_SIDE)]
    return ["--instant", *pictures, *side, *flags, "--output", output, "--overwrite", "--quiet"]


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


def _iterations(preset, settings, factor):
    """The numbers of iterations of a preset, times a factor; [] where the request sets them itself."""
    if factor == 1 or {"iterations", "scale_iterations"} & {name for name, value in settings.items() if value != ""}:
        return []
    scales = [int(word) for word in str(settings.get("scales") or "").replace(",", " ").split() if word.isdigit()]
    values = jobs.preset_values(preset, {"scales": scales})
    if counts := values.get("scale_iterations"):
        return ["--scale-iterations=" + ",".join(str(max(1, round(count * factor))) for count in counts)]
    return [f"--iterations={max(1, round(values.get('iterations', DEFAULTS['iterations']) * factor))}"]


def _flags(settings, styles):
    """The flags that set fields of Settings; of one number for all styles, as many as there are styles."""
    argv = []
    for name, value in settings.items():
        if name not in DEFAULTS or name in OF_PICTURES:
            raise ValueError(f"there is no setting {name}")
        if isinstance(value, bool):
            argv.append(option(name) if value else option(name).replace("--", "--no-", 1))
        elif text := ",".join(str(value).replace(",", " ").split()):
            if name == "initial" and text not in STARTS:
                raise ValueError(f"--initial must be noise, content or style, not {text}")
            if name == "style_scales" and "," not in text:
                text = ",".join([text] * styles)
            argv.append(f"{option(name)}={text}")
    return argv


def check(argv, make_parser):
    """Raise ValueError with a sentence for a command line that cannot be carried out, as far as can be seen so soon."""
    mistakes = Mistakes()
    try:
        options = make_parser().parse_args(argv)
    except Mistakes as refusal:
        raise ValueError(refusal.sentences[0].partition("; --help")[0]) from None
    job = jobs.Job(options.content[0], options.styles, options.output, *[None] * 4)
    jobs.make_settings(options, job, mistakes)
    if mistakes.sentences:
        raise ValueError("; ".join(mistakes.sentences))


def to_copy(argv, stem):
    """The command line as it can be pasted into a terminal; its picture is written to the current directory."""
    argv = [*argv[: argv.index("--output")], "--output", f"{stem}.png"]
    return shlex.join(["neural-style", *argv])
