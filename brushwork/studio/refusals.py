"""Refusals: requests that are not carried out, with sentences for the page and what each of them is about."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from brushwork.settings import SETTINGS
from brushwork.video_settings import VIDEO_SETTINGS

FIELDS = {setting.flag: name for name, setting in (SETTINGS | VIDEO_SETTINGS).items()} | {"--frames": "frames"}


class Reason(NamedTuple):
    """A sentence that says why a request is refused, and which of its fields it is about."""

    sentence: str
    fields: tuple[str, ...] = ()  # names of settings, "preset", "network" or "content"
    styles: tuple[int, ...] = ()  # indices of styles of the request

    @classmethod
    def of(cls, sentence: str) -> "Reason":
        """The Reason of a sentence of the program, which names the flags that it is about."""
        flags = dict.fromkeys(re.findall(r"--[a-z][a-z0-9-]*", sentence))
        return cls(sentence, tuple(FIELDS[flag] for flag in flags if flag in FIELDS))


class Refused(Exception):
    """A request that is refused, with an HTTP status and one reason or several."""

    def __init__(self, status: int, *reasons: Reason | str):
        self.status = status
        self.reasons = [reason if isinstance(reason, Reason) else Reason(reason) for reason in reasons]
        super().__init__("; ".join(reason.sentence for reason in self.reasons))


class Wrong(Refused, ValueError):
    """A request that cannot be carried out as it is."""

    def __init__(self, *reasons: Reason | str):
        super().__init__(422, *reasons)


class Missing(Refused, KeyError):
    """A request for a picture that is not there."""

    def __init__(self, reason: Reason | str = "there is no such picture"):
        super().__init__(404, reason)

    __str__ = Exception.__str__  # that of KeyError adds quotes


def wrong(sentences: Iterable[str]) -> Wrong:
    """The refusal of a request for reasons that the program gives."""
    return Wrong(*map(Reason.of, sentences))


def answer(error: Exception) -> tuple[int, dict[str, Any]]:
    """(HTTP status, JSON of the answer) to a request that raised an error, as refused or as not possible."""
    if isinstance(error, OSError):
        refused = Refused(507, f"the server cannot do this: {error.strerror or error}")
    elif isinstance(error, Refused):
        refused = error
    elif isinstance(error, KeyError):
        refused = Missing()
    else:
        refused = wrong(str(error).splitlines() or ["this is not possible"])
    errors = [reason._asdict() for reason in refused.reasons]
    return refused.status, {"error": str(refused), "errors": errors}
