"""The settings of a request in words, by which people tell pictures of the same pair apart."""

from typing import Any

from brushwork.settings import SETTINGS
from brushwork.studio import films
from brushwork.studio.requests import PRESET


def words(asked: dict[str, Any], *, is_film: bool = False) -> list[str]:
    """The settings of a request in words: the preset, the size, and then what the request changes."""
    settings = {name: value for name, value in asked.get("settings", {}).items() if value not in ("", None)}
    found = [asked.get("preset") or PRESET]
    if "long_side" in settings and not {"width", "height"} & set(settings):
        found.append(f"{settings['long_side']} px")
    for name, word in (("strength", "strength"), ("style_scales", "strokes")):
        if name in settings:
            found.append(f"{word} \u00d7 {settings[name]}")
    found += _colors(settings)
    if asked.get("quality") not in (None, "normal"):
        found.append(asked["quality"])
    found += _styles(asked.get("styles", []))
    dials = {name for name, setting in SETTINGS.items() if setting.dial}
    found += [_setting(name, value) for name, value in settings.items() if name in SETTINGS and name not in dials]
    found += films.words(asked) if is_film else []
    return found + ([asked["network"]] if asked.get("network") else [])


def _colors(settings):
    """What is said about the colours."""
    kind, strength = settings.get("colors", "style"), settings.get("color_strength", 1)
    if kind == "style":
        return []
    share = f" {100 * strength:.0f} %" if isinstance(strength, int | float) and strength != 1 else ""
    return [("my colours" if kind == "luma" else f"colours by {kind}") + share]


def _styles(styles):
    """What is said about the weights and the masks of the styles."""
    weights, masks = [style.get("weight", 1) for style in styles], sum(bool(style.get("mask")) for style in styles)
    said = [f"{masks} {'mask' if masks == 1 else 'masks'}"] if masks else []
    if len(set(weights)) > 1 and masks < len(styles) and 0 < sum(weights) < float("inf"):
        said.insert(0, " : ".join(f"{100 * weight / sum(weights):.0f}" for weight in weights) + " %")
    return said


def _setting(name, value):
    """A setting and its value, named as its flag is."""
    flag = SETTINGS[name].flag.removeprefix("--")
    if isinstance(value, bool):
        return flag if value else f"no {flag}"
    return f"{flag} {value}"
