"""Parses command lines: names in any case, lists with commas, --style for --styles, a hint for an unknown flag."""

from __future__ import annotations

import argparse
import difflib
import functools
import os
import platform
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import brushwork
from brushwork import messages
from brushwork.errors import DONE, MetadataError, Mistakes
from brushwork.facts import Flag, Setting, read_number, read_whole
from brushwork.messages import logger
from brushwork.presets import PRESETS, PURPOSES
from brushwork.preview_settings import PREVIEW_SETTINGS
from brushwork.run import resuming
from brushwork.settings import SETTINGS, option
from brushwork.video_settings import FOR_PREVIEWS, VIDEO_SETTINGS

ALL_SETTINGS = SETTINGS | PREVIEW_SETTINGS | VIDEO_SETTINGS
NO_FACTS = Flag()
PLAINER = {  # messages of argparse, as patterns, in plain English
    "argument (--[^:/]+).*: ((must be|takes at least) .*)": r"\1 \2",
    r"argument (--[^:/]+).*: invalid choice: (.*) \(choose from (.*)\)": r"\1 must be one of \3, not \2",
    "argument (--[^:/]+).*: ignored explicit argument (.*)": r"\1 takes no value, not even \2",
    "argument (--[^:/]+).*: expected (one|at least one) argument": r"\1 takes \2 value, and there is none",
}
DASHES = "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212"  # editors and web pages put them for hyphens
NARROW = 22  # characters; longer lists of choices are not shown in the place of a value


def parse(parser: Parser, argv: list[str], read_about: Callable[[str], dict[str, Any]]) -> argparse.Namespace:
    """Parse a command line, with the flags of the state or of the picture that it begins with. Raises UserError.

    read_about: reads the metadata of a picture or a film, as pictures.metadata.read does.
    """
    argv = plain(argv, parser.facts)
    early, saved = Parser(add_help=False, allow_abbrev=False), None
    early.add_argument("--resume")
    first, given = early.parse_known_args(argv)
    if first.resume is not None and not {"-h", "--help", "--version"} & set(given):
        from brushwork import state

        saved = state.read(first.resume)
        given = [*resuming.command(saved, first.resume, parser.facts), *given]

    def parsed(words: list[str]) -> argparse.Namespace:
        known = argparse.Namespace(resume=first.resume, saved=saved, command=given, facts=parser.facts)
        return parser.parse_args(words, known)

    options = parsed(given)
    if options.settings_from is None:
        return options
    flags = read_about(options.settings_from)["flags"]
    _check_flags_of(options.settings_from, flags, parser.facts)
    if options.preset:
        raise Mistakes("--settings-from and --preset both choose the settings to begin with; give one of them")
    return parsed([*flags, *given])


def plain(argv: list[str], facts: Mapping[str, Flag]) -> list[str]:
    """Write --style as --styles, and raise Mistakes for what argparse does not notice, such as an empty value."""
    words, given, current = [], set(), None
    for word in argv:
        flag = word.partition("=")[0]
        if word.startswith(DASHES):
            name = word.lstrip("-" + "".join(DASHES))
            raise Mistakes(f"{word} begins with a dash that is no hyphen; write --{name}")
        if not word or (word.endswith("=") and word.startswith("--")):
            name = flag or (words[-1] if words else "neural-style")
            raise Mistakes(f"the value after {name} is empty; is it a variable that is not set?")
        if flag == "--style":
            word, flag = f"--styles{word[7:]}", "--styles"
        _check_characters(word)
        if _is_name(word, flag, current, facts):
            raise Mistakes(f"{word} begins with a dash, as flags do; write it as .{os.sep}{word}")
        current = flag if word.startswith("-") else current
        if flag in facts and facts[flag].is_list and flag in given:
            raise Mistakes(f"{flag} is given twice; give all its values after one {flag}")
        given.add(flag)
        words.append(word)
    return words


def _is_name(word, flag, current, facts):
    """Whether a word among the values of a flag is probably the name of a file that begins with a dash."""
    if not word.startswith("-") or flag in facts or current not in facts or not facts[current].is_path:
        return False
    extension = os.path.splitext(word)[1]
    return os.path.lexists(word) or (extension != "" and not extension[1:].isdigit())


def _check_characters(word):
    """Raise Mistakes for a word that no name of a file can have."""
    try:
        is_possible = b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:  # half of a pair of UTF-16, which no terminal passes on
        is_possible = False
    if not is_possible:
        raise Mistakes(f"{word!a} has a character that cannot be in a name")


def _check_flags_of(picture, flags, facts):
    """Raise MetadataError if the flags in a picture name a file, which only the user may."""
    flag = None
    for word in plain(flags, facts):
        flag = word if word.startswith("--") else flag
        known = facts.get(flag)
        if known and known.is_path and word != flag and word not in known.words:
            raise MetadataError(f"cannot take settings from {picture}: {flag} names a file, {word!a}")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are Mistakes of one sentence, which names the flag that was probably meant.

    facts: the Flag of each flag of the command line, by its name.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.facts: dict[str, Flag] = {}

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        _, unknown, rest = message.partition("unrecognized arguments: ")
        meant = [_nearest(word, known) for word in rest.split() if unknown and word.startswith("-")]
        hint = f"did you mean {meant[0]}?" if any(meant[:1]) else "--help lists the options"
        if "are required: " in message:
            hint = "as in neural-style --content photo.jpg --styles painting.jpg --output out.jpg"
        elif unknown and not rest.startswith("-"):
            hint = f"a name with spaces is written in quotes; {hint}"
        message = functools.reduce(lambda text, plainer: re.sub(*plainer, text), PLAINER.items(), message)
        message = message.replace("'", "") if " must be one of " in message else message
        raise Mistakes(f"{message}; {hint}")


class Group:
    """A group of flags under a title in --help."""

    def __init__(self, parser: Parser, title: str):
        self._group, self._facts = parser.add_argument_group(title), parser.facts

    def flag(self, flag: str, text: str, facts: Flag = NO_FACTS, *, short: str = "", **options: Any) -> None:
        """Add a flag with its value's name, as in "--width PX"; a name that ends in dots takes several values.

        text: for --help. short: a second name. options: those of argparse's add_argument.
        """
        flag, _, metavar = flag.partition(" ")
        if metavar.endswith("..."):
            options |= {"nargs": "+", "metavar": (metavar[:-3], metavar[:-3])}
            facts = facts._replace(is_list=True)
        elif metavar:
            options["metavar"] = metavar
        names = [short, flag] if short else [flag]
        action = self._group.add_argument(*names, help=text, **options)
        self._facts |= dict.fromkeys(action.option_strings, facts._replace(name=action.dest))

    def settings(self, *flags: str) -> None:
        """Add the flags of fields of Settings or PreviewSettings, with the facts about them."""
        for flag in flags:
            self._setting(next(each for each in ALL_SETTINGS.values() if each.flag == flag))

    def _setting(self, setting: Setting) -> None:
        """Add the flag of a setting. Only flags that are given are among the parsed options."""
        choices = "|".join(setting.choices)
        value = (choices if len(choices) < NARROW else "NAME") if choices else setting.value
        default = f"{setting.default:g}" if isinstance(setting.default, float) else setting.default
        options = {"dest": setting.name, "default": argparse.SUPPRESS}
        if setting.is_switch:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = several(setting.read) if setting.is_list else typed(setting.read)
        if setting.is_list:
            value, options["action"] = f"{value}...", Joined
        for_preview = setting.name in (*PREVIEW_SETTINGS, *FOR_PREVIEWS)
        facts = Flag(is_path=setting.is_path, words=setting.words, for_preview=for_preview)
        flag = f"{setting.flag} {value}".rstrip()
        self.flag(flag, f"{setting.help} (default: {setting.shown or default})", facts, **options)


def _nearest(word, flags):
    """The flag that is most like a word, or None."""
    name = "--" + word.partition("=")[0].lstrip("-").replace("_", "-").lower()
    longer = [flag for flag in flags if flag.startswith(name)]
    return next(iter([*longer, *difflib.get_close_matches(name, flags, 1, 0.7)]), None)


def describe_presets() -> str:
    """For --help: what each preset is for, and the flags that it stands for."""
    lines = []
    for name, purpose in PURPOSES.items():
        lines.append(f"  {name:12}{purpose}")
        flags = [_as_flag(field, value) for field, value in PRESETS[name].items()]
        indent = " " * 14
        wrap = textwrap.TextWrapper(118, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        lines += wrap.wrap(" ".join(flags))
    return "\n".join(lines)


def _as_flag(field, value):
    """A setting as it is written on the command line."""
    if value is True:
        return option(field)
    values = value if isinstance(value, tuple) else (value,)
    return " ".join([option(field), *(each if isinstance(each, str) else f"{each:g}" for each in values)])


class Joined(argparse.Action):
    """Stores the values of all words as one list; each word was read as a list."""

    def __call__(
        self, parser: Parser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        setattr(namespace, self.dest, [value for part in values for value in part])


def typed(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """The type of an argument for argparse, from a function that raises ValueError with the end of a sentence."""

    def value(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


WHOLE, NUMBER = typed(read_whole), typed(read_number)


def several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """The type of an argument that is one or several values, separated by commas."""

    def values(text: str) -> list[Any]:
        parts = [part for part in text.split(",") if part]
        if not parts:
            raise ValueError(f"takes at least one value, not {text!r}")
        return [read(part) for part in parts]

    return typed(values)


def one_of(*names: str) -> Callable[[str], str]:
    """The type of an argument that is one of some names, in any case; another text stays as it is."""
    return lambda text: text.lower() if text.lower() in names else text


class Fetch(argparse.Action):
    """Downloads vgg19 and exits; like --help, it needs no other flag."""

    def __call__(
        self, parser: Parser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        from brushwork.network import store

        logger.info(f"vgg19 is in {store.fetch()}")
        sys.exit(DONE)


class Version(argparse.Action):
    """Prints the versions and exits."""

    def __call__(
        self, parser: Parser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            tensorflow = f"TensorFlow {version('tensorflow')}"
        except PackageNotFoundError:
            tensorflow = "no TensorFlow"
        version = f"neural-style {brushwork.VERSION} (Python {platform.python_version()}, {tensorflow})"
        messages.print_to(sys.stdout, version)
        sys.exit(DONE)


def missing(error: ImportError) -> str:
    """A sentence about a package that cannot be imported, with the remedy. Raises the error if the module is ours."""
    if error.name is None or error.name.partition(".")[0] in ("brushwork", "stylize", "vgg"):
        raise error
    here, packages = Path(brushwork.__file__).resolve().parents[1], distribution()
    command = shlex.join([sys.executable, "-m", "pip", "install", packages])
    if sys.prefix == sys.base_prefix:  # the Python of a system often refuses packages
        environment = shlex.quote(str(here / ".venv"))
        pip = os.path.join(environment, "Scripts" if os.name == "nt" else "bin", "pip")
        command = f"{shlex.quote(sys.executable)} -m venv {environment} && {pip} install {shlex.quote(packages)}"
    if isinstance(error, ModuleNotFoundError):
        return f"this Python, {sys.executable}, has no package {error.name}; install what is needed with: {command}"
    return f"this Python, {sys.executable}, cannot import {error.name}: {error}; install it again with: {command}"


def distribution(extra: str = "") -> str:
    """What `pip install` takes for this program with one of its extras: the clone's directory, or the name."""
    here = Path(brushwork.__file__).resolve().parents[1]
    name = str(here) if (here / "pyproject.toml").exists() else "brushwork"
    return f"{name}[{extra}]" if extra else name
