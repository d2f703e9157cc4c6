"""The settings of a preview, which one pass through a trained network makes."""

from dataclasses import dataclass

from brushwork.facts import ZERO_TO_ONE, Setting, facts_of, with_facts
from brushwork.settings import SETTINGS, as_tuples, blend_of, mistakes_in, mistakes_in_values


@dataclass(frozen=True)
@with_facts
class PreviewSettings:
    """What shapes a preview, besides the pictures and the network. Raises ValueError with all that is wrong.

    The fields that Settings has too mean the same.
    """

    width: int | None = SETTINGS["width"]
    height: int | None = SETTINGS["height"]
    long_side: int | None = SETTINGS["long_side"]
    style_blend_weights: tuple[float, ...] = SETTINGS["style_blend_weights"]
    colors: str = SETTINGS["colors"]
    color_strength: float = SETTINGS["color_strength"]
    instant_strength: float = Setting(  # share of the styles in the style vector; the rest is the content's own vector
        1.0, "how much of the style an instant picture has, 0 to 1", "SHARE", float, ZERO_TO_ONE
    )

    def __post_init__(self) -> None:
        as_tuples(self, PREVIEW_SETTINGS)
        if mistakes := list(mistakes_in_values(self, PREVIEW_SETTINGS)) or list(mistakes_in(self)):
            raise ValueError("\n".join(mistakes))

    def blend(self, count: int) -> tuple[float, ...]:
        """The weights of `count` styles; they sum to one."""
        return blend_of(self.style_blend_weights, count)


PREVIEW_SETTINGS = facts_of(PreviewSettings)
