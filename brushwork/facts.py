"""The facts about settings and flags: help text, rule, what each affects, and who uses it."""

import math
import numbers
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

LARGEST = 10**15  # of whole numbers: floats hold all up to it


class Rule(NamedTuple):
    """A condition on a number, and its wording after "must be"."""

    holds: Callable[[float], bool]
    meaning: str


@dataclass(frozen=True)
class Setting:
    """The facts about one field of Settings."""

    default: Any
    help: str
    value: str = ""  # name of the value in --help; "": a switch, or the choices
    kind: type = float  # of the value, or of each value in a list; choices are texts
    rule: Rule | None = None  # for numbers
    choices: tuple[str, ...] = ()  # the only valid values
    words: tuple[str, ...] = ()  # valid values beside numbers or paths
    is_path: bool = False  # every text except `words` is a path
    shown: str = ""  # the default as --help shows it, if not the value itself
    affects: str = "loss"  # "loss"; "run": how the loss is minimised; "size": the pictures, before the run
    resumable: bool = False  # may change when a run is resumed
    dial: bool = False  # the page has a dial for it; all others are under "More settings"
    spelling: str = ""  # of the flag, if not the field's name
    name: str = ""

    @property
    def flag(self) -> str:
        return "--" + (self.spelling or self.name).replace("_", "-")

    @property
    def is_list(self) -> bool:
        return isinstance(self.default, tuple)

    @property
    def is_switch(self) -> bool:
        return self.kind is bool

    def read(self, text: str) -> Any:
        """Convert a word of the command line to a value, without checking its rule. Raises ValueError."""
        named = self.choices or self.words
        if text.lower() in named:
            return text.lower()
        if named and (self.kind is not int or not re.fullmatch("-?[0-9]+", text)):
            return text
        return {int: read_whole, float: read_number, str: str}[self.kind](text)

    def mistakes(self, value: Any) -> Iterator[str]:
        """Yield a sentence for each value that is not valid, or for each such value of a list.

        Values may come from anywhere: nothing is computed with one before its type and its length are known.
        """
        if value is None and self.default is None:
            return
        if self.is_list and not isinstance(value, tuple):
            yield f"{self.flag} must be a tuple, not {_shown(value)}"
            return
        if self.default and value == ():
            yield f"{self.flag} takes at least one value, not nothing"
        for each in value if self.is_list else (value,):
            if sentence := self._mistake(each):
                yield f"{self.flag} {sentence}"

    def _mistake(self, value):
        """The end of a sentence about a value that is not valid, or ""."""
        is_word = isinstance(value, str) and value in (self.choices or self.words)
        if is_word or (self.is_path and isinstance(value, (str, os.PathLike))):
            return ""
        if self.choices:
            return f"must be one of {', '.join(self.choices)}, not {_shown(value)!r}"
        if self.kind is not float and self.kind is not int:
            is_right = isinstance(value, self.kind) and not self.is_path
            return "" if is_right else f"must be {'on or off' if self.is_switch else 'a text'}, not {_shown(value)}"
        expected = f"{' or '.join(self.words)}, or {self.rule.meaning}" if self.words else self.rule.meaning
        number = numbers.Integral if self.kind is int else numbers.Real
        if not isinstance(value, number) or isinstance(value, bool):
            return f"must be {expected}, not {_shown(value)}"
        if (isinstance(value, numbers.Integral) or self.affects == "size") and LARGEST < abs(value) < math.inf:
            return f"must be {expected}; the number is too large"
        is_valid = math.isfinite(value) and self.rule.holds(value)
        return "" if is_valid else f"must be {expected}, not {value:g}"


def _shown(value):
    """A value of any kind in a sentence."""
    if isinstance(value, str):
        return value
    return "None" if value is None else f"a value of type {type(value).__name__}"


class Flag(NamedTuple):
    """The facts about a flag that the checks of a command line need."""

    is_path: bool = False  # its values are paths
    is_output: bool = False  # its values are paths of what the run writes
    words: tuple[str, ...] = ()  # values that are no paths
    is_list: bool = False  # it takes several values, and a second one would replace the first
    for_one_picture: bool = False  # refused in a batch
    for_optimisation: bool = False  # refused with --instant
    for_preview: bool = False  # has an effect with --instant
    name: str = ""  # of its value among the parsed options; `Group` sets it


def with_facts(cls: type) -> type:
    """Decorate a class below @dataclass: a field given as a Setting gets its default, and the Setting as metadata."""
    for name in cls.__annotations__:
        facts = replace(vars(cls)[name], name=name)
        setattr(cls, name, field(default=facts.default, metadata={"facts": facts}))
    return cls


def facts_of(cls: type) -> dict[str, Setting]:
    """The facts about each field of a dataclass that `with_facts` decorates."""
    return {each.name: each.metadata["facts"] for each in fields(cls)}


def read_whole(text: str) -> int:
    """Convert a text to a whole number. Raises ValueError."""
    if len(text.strip().lstrip("+-0_")) > len(str(LARGEST)):
        raise ValueError(f"must be a whole number of at most {len(str(LARGEST)) - 1} digits")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"must be a whole number, not {text!r}") from None


def read_number(text: str) -> float:
    """Convert a text to a number. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"must be a number, with a point as in 0.5, not {text!r}") from None


AT_LEAST_ZERO = Rule(lambda value: value >= 0, "a number not below 0")
ABOVE_ZERO = Rule(lambda value: value > 0, "a number above 0")
ZERO_TO_ONE = Rule(lambda value: 0 <= value <= 1, "between 0 and 1")
DECAY = Rule(lambda value: 0 <= value < 1, "at least 0 and below 1")


def between(least: float, most: float) -> Rule:
    """The rule that a number is in a closed interval."""
    return Rule(lambda value: least <= value <= most, f"between {least} and {most}")


def at_least(least: int, what: str) -> Rule:
    """The rule that a number of things, such as pixels, is not smaller."""
    return Rule(lambda value: value >= least, f"a number of {what}, at least {least}")


PIXELS = at_least(1, "pixels")
ITERATIONS = between(0, 1_000_000)  # more take months, even of a small picture
