"""Arguments: the words of a command line, read as people write them.

Names in any case, lists with commas, --style for --styles, and "did you mean" for a flag that there is not.
"""

import argparse
import difflib
import functools
import os
import platform
import re
import shlex
import sys
from pathlib import Path

import brushwork
from brushwork.errors import DONE, Mistakes
from brushwork.messages import logger
from brushwork.run import resuming

LISTS = (  # flags of several values; a second one would replace the first
    *("--content", "--styles", "--style-scales", "--style-masks", "--style-source-masks", "--content-layers"),
    *("--style-layers", "--style-blend-weights", "--scales", "--scale-iterations"),
)
PLAINER = {  # messages of argparse, as patterns, in plain English
    "argument (--[^:/]+).*: invalid int value: (.*)": r"\1 must be a whole number, not \2",
    "argument (--[^:/]+).*: invalid float value: (.*)": r"\1 must be a number, with a point as in 0.5, not \2",
    r"argument (--[^:/]+).*: invalid choice: (.*) \(choose from (.*)\)": r"\1 must be one of \3, not \2",
    "argument (--[^:/]+).*: ignored explicit argument (.*)": r"\1 takes no value, not even \2",
    "argument (--[^:/]+).*: expected (one|at least one) argument": r"\1 takes \2 value, and there is none",
}
DASHES = "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212"  # that editors and web pages make of hyphens


def parse(argv, make_parser):
    """The options of a command line, with those of the state or picture that it begins with. Raises UserError."""
    argv = plain(argv)
    early, saved = Parser(add_help=False, allow_abbrev=False), None
    early.add_argument("--resume")
    first, given = early.parse_known_args(argv)
    if first.resume is not None and not {"-h", "--help", "--version"} & set(given):
        from brushwork import state

        saved = state.read(first.resume)
        given = [*resuming.command(saved), *given]
    named = {"--output", "--checkpoint-output"} & {argument.partition("=")[0] for argument in argv}
    # own_files: the outputs are those of the run that is resumed, and are replaced.
    extra = {"resume": first.resume, "saved": saved, "command": given, "own_files": bool(saved and not named)}
    options = make_parser().parse_args(given, argparse.Namespace(**extra))
    if options.settings_from is None:
        return options
    from brushwork.pictures import metadata

    flags = metadata.read(options.settings_from)["flags"]
    if options.preset:
        raise Mistakes("--settings-from and --preset both choose the settings to begin with; give one of them")
    return make_parser().parse_args([*flags, *given], argparse.Namespace(**extra))


def plain(argv):
    """The words of a command line, with --style as --styles. Raises Mistakes for what argparse would not notice."""
    words, given = [], set()
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
        if flag in LISTS and flag in given:
            raise Mistakes(f"{flag} is given twice; give all its values after one {flag}")
        given.add(flag)
        words.append(word)
    return words


class Parser(argparse.ArgumentParser):
    """A parser whose errors are Mistakes of one sentence, which names the flag that was probably meant."""

    def error(self, message):
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


def _nearest(word, flags):
    """The flag that is most like a word, or None."""
    name = "--" + word.partition("=")[0].lstrip("-").replace("_", "-").lower()
    longer = [flag for flag in flags if flag.startswith(name)]
    return next(iter([*longer, *difflib.get_close_matches(name, flags, 1, 0.7)]), None)


class Joined(argparse.Action):
    """Stores the values of all words as one list; each word has been read as a list."""

    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, [value for part in values for value in part])


def several(kind):
    """The type of an argument that is one or several values of a kind, separated by commas."""

    def values(text):
        return [kind(part) for part in text.split(",") if part or "," not in text]

    values.__name__ = kind.__name__
    return values


def one_of(names):
    """The type of an argument that is one of some names, in any case; another text stays as it is."""

    def name(text):
        return next((each for each in names if each == text.lower()), text)

    return name


class Fetch(argparse.Action):
    """A flag that, like --help, needs no other."""

    def __call__(self, parser, namespace, values, option_string=None):
        from brushwork.network import store

        logger.info(f"vgg19 is in {store.fetch()}")
        sys.exit(DONE)


class Version(argparse.Action):
    """As --fetch, prints and exits."""

    def __call__(self, parser, namespace, values, option_string=None):
        from importlib.metadata import PackageNotFoundError, version

        try:
            tensorflow = f"TensorFlow {version('tensorflow')}"
        except PackageNotFoundError:
            tensorflow = "no TensorFlow"
        print(f"neural-style {brushwork.VERSION} (Python {platform.python_version()}, {tensorflow})")
        sys.exit(DONE)


def missing(error):
    """What an ImportError of a package that this program needs means for the user. Raises it if it is our mistake."""
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
