"""Films: what a request has of a film beyond what it has of a picture, if its content is a clip."""

from __future__ import annotations

from typing import Any

from brushwork.facts import Setting
from brushwork.studio.refusals import Reason, Wrong, wrong
from brushwork.studio.uploads import Upload
from brushwork.video_settings import VIDEO_SETTINGS, VideoSettings, read_frames

FRAMES = "frames"  # the name of the field that says which frames are painted
FIELDS = (FRAMES, *VIDEO_SETTINGS)
ALL_FLAGS = tuple(f"{flag}=" for flag in ("--frames", *(each.flag for each in VIDEO_SETTINGS.values())))


def form_fields() -> list[dict[str, Any]]:
    """What the page makes the fields of films from, as for `requests.description`. The first says which frames."""
    about = "which frames are painted, as 1:48, or ::2 for every second one"
    first = {"name": FRAMES, "flag": "--frames", "help": about, "rule": "", "kind": "text", "default": "all"}
    return [first, *map(_form_field, VIDEO_SETTINGS.values())]


def _form_field(setting: Setting):
    fields = {"name": setting.name, "flag": setting.flag, "help": setting.help, "rule": setting.rule.meaning}
    return fields | {"kind": "list" if setting.is_list else "number", "default": setting.shown or str(setting.default)}


def texts(asked: dict[str, Any]) -> dict[str, str]:
    """The fields of films in a request that are not empty, {name: text}. Raises Wrong for those that are no text."""
    found = {name: value for name, value in asked.get("settings", {}).items() if name in FIELDS}
    if switched := [name for name, value in found.items() if isinstance(value, bool)]:
        raise Wrong(*(Reason(f"{_flag(name)} is no switch", (name,)) for name in switched))
    shown = {name: ",".join(str(value).replace(",", " ").split()) for name, value in found.items()}
    return {name: text for name, text in shown.items() if text}


def settings(asked: dict[str, Any]) -> VideoSettings:
    """The settings of the film of a request. Raises Wrong with a sentence for all that is not valid."""
    values, sentences = {}, []
    for name, text in texts(asked).items():
        if name == FRAMES:
            continue
        setting = VIDEO_SETTINGS[name]
        try:
            values[name] = tuple(map(setting.read, text.split(","))) if setting.is_list else setting.read(text)
        except ValueError as error:
            sentences.append(f"{setting.flag} {error}")
    if not sentences:
        try:
            return VideoSettings(**values)
        except ValueError as error:
            sentences = str(error).splitlines()
    raise wrong(sentences)


def numbers(asked: dict[str, Any], clip: Upload) -> range:
    """The numbers of the frames that a request asks for, counted from 0. Raises Wrong."""
    text = texts(asked).get(FRAMES, ":")
    try:
        found = range(clip.frames)[read_frames(text)]
    except ValueError as error:
        raise Wrong(Reason(f"--frames {error}", (FRAMES,))) from None
    if not found:
        first = read_frames(text).start + 1
        raise Wrong(Reason(f"--frames begins at {first}, and {clip.name} has {clip.frames} frames", (FRAMES,)))
    return found


def flags(asked: dict[str, Any], clip: Upload, factor: float) -> list[str]:
    """The flags of a film, checked. factor: on numbers of iterations that are not given. Raises Wrong."""
    numbers(asked, clip)
    found, iterations = texts(asked), frame_iterations(asked, factor)
    if iterations != settings(asked).frame_iterations:
        found["frame_iterations"] = ",".join(map(str, iterations))
    return [f"{_flag(name)}={text}" for name, text in found.items()]


def frame_iterations(asked: dict[str, Any], factor: float) -> tuple[int, ...]:
    """The numbers of iterations of frames after the first: those of a request, or the default times a factor."""
    given = settings(asked).frame_iterations
    return given if "frame_iterations" in texts(asked) else tuple(max(1, round(factor * each)) for each in given)


def words(asked: dict[str, Any]) -> list[str]:
    """The fields of films in a request, in words."""
    return [f"{_flag(name).removeprefix('--')} {text}" for name, text in texts(asked).items()]


def _flag(name):
    return VIDEO_SETTINGS[name].flag if name in VIDEO_SETTINGS else f"--{name}"
