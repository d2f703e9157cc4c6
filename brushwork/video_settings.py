"""The settings of a film, beside those of its frames."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from brushwork.facts import AT_LEAST_ZERO, ITERATIONS, Setting, between, facts_of, with_facts
from brushwork.settings import Settings, as_tuples, mistakes_in_values


@dataclass(frozen=True)
@with_facts
class VideoSettings:
    """What shapes a film, besides the settings of a picture. Raises ValueError with all that is wrong."""

    # see losses.temporal
    temporal_weight: float = Setting(
        1.2e-2, "how much a frame is held to the one before; more flickers less", "W", float, AT_LEAST_ZERO
    )
    temporal_reach: tuple[int, ...] = Setting(
        (1,), "frames back that a frame is held to, as 1 2 4", "N", int, between(1, 16), shown="1"
    )
    # One for each scale, as scale_iterations; with fewer scales, the last ones count
    frame_iterations: tuple[int, ...] = Setting(
        (20, 15), "steps at each scale of later frames", "N", int, ITERATIONS, shown="20 15"
    )
    video_quality: int = Setting(
        18, "quality of H.264, as crf: smaller is better and larger files", "CRF", int, between(0, 51), affects="run"
    )

    def __post_init__(self) -> None:
        as_tuples(self, VIDEO_SETTINGS)
        if mistakes := list(mistakes_in_values(self, VIDEO_SETTINGS)):
            raise ValueError("\n".join(mistakes))


VIDEO_SETTINGS = facts_of(VideoSettings)


def later_settings(first: Settings, frame_iterations: tuple[int, ...], **changes: Any) -> Settings:
    """The Settings of frames after the first, from its own; with fewer scales, the last numbers count."""
    return replace(first, scale_iterations=frame_iterations[-(first.scale_count or 0) :], **changes)


FOR_PREVIEWS = ("video_quality",)  # those that an instant film uses too


def read_frames(text: str) -> slice:
    """Convert FIRST:LAST:STEP, in which each may be missing, or the number of one frame, to a slice from 0.

    Frames are counted from 1 in the text. Raises ValueError.
    """
    match = re.fullmatch(r"([0-9]{0,9})(:?)([0-9]{0,9})(?::([0-9]{0,9}))?", text)
    first, colon, last, step = match.groups() if match and text else ("0", "", "", "")
    first, last, step = int(first or 1), int(last) if last else None if colon else int(first or 1), int(step or 1)
    if first < 1 or step < 1 or (last is not None and last < first):
        raise ValueError(f"must be FIRST:LAST:STEP, as in 1:48 or ::2, with frames counted from 1, not {text!r}")
    return slice(first - 1, last, step)


def read_rate(text: str) -> Fraction:
    """Convert a number of frames a second, as 25 or 30000/1001. Raises ValueError."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not Fraction(1, 100) <= rate <= 1000:
        raise ValueError(f"must be frames a second, between 0.01 and 1000, not {text!r}")
    return rate.limit_denominator(10_000)
