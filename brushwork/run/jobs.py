"""Jobs: the pictures that a command line asks for, checked as far as possible without reading a file.

Each content is painted in all styles together, or in one style at a time with --pairs.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from brushwork.errors import Mistakes
from brushwork.messages import logger
from brushwork.pictures import unsupported, write
from brushwork.presets import preset_values
from brushwork.preview_settings import PREVIEW_SETTINGS, PreviewSettings
from brushwork.settings import SETTINGS, Settings, option

if TYPE_CHECKING:  # it imports NumPy
    from brushwork.pictures.read import Picture
    from brushwork.state import Saved

PLACEHOLDERS = "content", "style", "parent", "number"  # in the names of outputs
NAMES = "{content}", "{content}-{style}", "{parent}-{content}-{style}", "{number}-{content}-{style}"  # the last: unique
PROGRESS_TABLE, PROGRESS_PLOT = "progress.txt", "progress.png"


class Job(NamedTuple):
    """The paths of one picture to make; None for files that are not asked for."""

    content: str
    styles: list[str]
    output: str
    checkpoints: str | None  # template, for `checkpoint`
    table: str | None  # of the losses
    plot: str | None
    state: str | None
    resume: str | None = None  # the state that the run continues from
    saved: Saved | None = None  # its contents
    number: str = "1"  # its place in the batch, padded with zeros: 01 of 12
    skip_existing: bool = False  # whether a finished picture is left as it is, and an unfinished one continued
    frame: Picture | None = None  # the content, if it is a frame of a clip and no file of its own

    @property
    def names(self) -> dict[str, str]:
        """The values of {content}, {style}, {parent} and {number} in the names of outputs."""
        parent = os.path.basename(os.path.dirname(os.path.abspath(self.content)))
        styles = "-".join(map(_stem, self.styles))
        return {"content": _stem(self.content), "style": styles, "parent": parent, "number": self.number}

    def checkpoint(self, iteration: int) -> str:
        """The path of a checkpoint: the template formatted by str.format, or else by the % operator."""
        if "{" in _fill(self.checkpoints, dict.fromkeys(self.names, "")):
            return self.checkpoints.format(iteration, **self.names)
        return _fill(self.checkpoints % iteration, self.names)


def make_jobs(options: argparse.Namespace) -> list[Job]:
    """Make the Jobs of parsed options. Raises Mistakes."""
    mistakes = Mistakes()
    contents = [path for name in options.content for path in pictures_in(name, "contents", mistakes)]
    styles = [path for name in options.styles for path in pictures_in(name, "styles", mistakes)]
    if options.pairs != "zip" and contents == sorted(contents):  # as the shell sorts names that match a pattern
        contents.sort(key=by_number)
    pairs = _pairs(contents, styles, options.pairs, mistakes)
    jobs = _jobs(options, options.output, pairs)
    if _is_directory(options.output):
        kind = ".png" if options.keep_alpha or options.depth > 8 else ".jpg"
        jobs = _jobs(options, _unique(os.path.join(options.output, kind), jobs, names=NAMES[1:]), pairs)
    for name in sorted(set(re.findall(r"\{(\w+)\}", options.output)) - set(PLACEHOLDERS)):
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        mistakes.add_usage(f"--output {options.output}: there is no {{{name}}}; there are {known}")
    if len(jobs) > 1:
        _check(options, jobs, mistakes)
    mistakes.check()
    return jobs


def make_settings(options: argparse.Namespace, job: Job, mistakes: Mistakes) -> Settings | PreviewSettings | None:
    """The settings of parsed options: PreviewSettings with --instant; None with mistakes added."""
    given = {name: value for name, value in vars(options).items() if name in SETTINGS | PREVIEW_SETTINGS}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    preset = options.preset or "classic"
    begun = options.saved.begun_with(preset) if options.saved else None
    settings, preview = settings_of(given, preset, len(job.styles), mistakes, begun)
    return preview if options.instant else settings


def settings_of(
    given: Mapping[str, Any], preset: str, styles: int, mistakes: Mistakes, begun: Mapping[str, Any] | None = None
) -> tuple[Settings | None, PreviewSettings | None]:
    """The settings of a preset with the given ones instead; None with mistakes added. All given ones are checked.

    begun: see `preset_values`.
    """
    for name in ("style_scales", "style_blend_weights"):
        numbers = given.get(name)
        if numbers is not None and len(numbers) != styles:
            mistakes.add_usage(f"{option(name)} takes one number for each style: {styles}, not {len(numbers)}")
    values, made, sentences = preset_values(preset, given, begun) | given, [], []
    for kind, facts in ((Settings, SETTINGS), (PreviewSettings, PREVIEW_SETTINGS)):
        try:
            made.append(kind(**{name: value for name, value in values.items() if name in facts}))
        except ValueError as error:
            made.append(None)
            sentences += str(error).splitlines()
    for sentence in dict.fromkeys(sentences):  # some fields are in both
        mistakes.add_usage(sentence)
    return (None, None) if sentences else tuple(made)


def check_flags(options: argparse.Namespace, job: Job, mistakes: Mistakes) -> None:
    """Check the flags that set no field of Settings: their numbers, and flags that need each other."""
    for name in ("print_iterations", "checkpoint_iterations", "state_iterations"):
        every = getattr(options, name)
        if every is not None and every < 1:
            mistakes.add_usage(f"{option(name)} must be a number of iterations, at least 1, not {every}")
    if options.max_seconds is not None and not options.max_seconds > 0:
        mistakes.add_usage(f"--max-seconds must be a number above 0, not {options.max_seconds:g}")
    if (options.checkpoint_output is None) != (options.checkpoint_iterations is None):
        mistakes.add_usage("--checkpoint-output and --checkpoint-iterations go together: give both or neither")
    if options.state_iterations is not None and not (options.state or options.resume):
        mistakes.add_usage("--state-iterations says how often; --state says where")
    for name in ("style_masks", "style_source_masks"):
        if (paths := getattr(options, name)) and len(paths) != len(job.styles):
            hint = ", since --pairs gives each picture one style" if options.pairs else ""
            counted = f"{len(job.styles)}, not {len(paths)}{hint}"
            mistakes.add_usage(f"{option(name)} takes one picture for each style: {counted}")


def pictures_in(name: str, kind: str, mistakes: Mistakes) -> list[str]:
    """The paths of the pictures in a directory, sorted by name and number; any other path is returned as it is.

    kind: of the pictures, in the plural, for messages.
    """
    if not os.path.isdir(name):
        return [name]
    try:
        with os.scandir(name) as directory:
            entries = {entry.name: entry.is_dir() for entry in directory if not entry.name.startswith(".")}
        found = [entry for entry, is_dir in entries.items() if write.has_format(entry) and not is_dir]
        names = sorted(found, key=by_number)
    except OSError as error:
        mistakes.add_file(f"cannot read {name}: {error.strerror}")
        return []
    if not names:
        skipped = _count_others(entries, names)
        found = f"; it holds {skipped}" if skipped else ""
        mistakes.add_file(f"cannot read {name}: there is no picture in this directory{found}")
        return []
    logger.info(f"the {kind} in {name} are {', '.join(names)}")
    if skipped := _count_others(entries, names):
        logger.warning(f"skipped in {name}: {skipped}")
    return [os.path.join(name, entry) for entry in names]


def by_number(name: str) -> tuple[list[tuple[int, str | int]], str]:
    """A key by which names sort as a person sorts them: numbers by their value, frame2 before frame10."""
    parts = re.split("([0-9]+)", os.path.splitext(name)[0])
    return [(0, int(part[:100])) if index % 2 else (1, part) for index, part in enumerate(parts) if part], name


def _count_others(entries, pictures):
    """List the entries of a directory that are not pictures, or "". entries: {name: whether it is a directory}."""
    kinds = {}
    for entry in sorted(set(entries) - set(pictures)):
        kind = ("directory inside", "directories inside") if entries[entry] else unsupported.kind_of_name(entry)
        kinds.setdefault(kind, []).append(entry)
    counted = []
    for (one, many), found in sorted(kinds.items()):
        shown = ", ".join([*found[:3], *(["..."] if len(found) > 3 else [])])
        counted.append(f"{len(found)} {one if len(found) == 1 else many} ({shown})")
    return ", ".join(counted)


def _pairs(contents, styles, pairing, mistakes):
    """(content, styles) of each picture."""
    if pairing == "all":
        return [(content, [style]) for content, style in itertools.product(contents, styles)]
    if pairing == "zip":
        if len(contents) != len(styles):
            mistakes.add_usage(f"--pairs zip takes one style for each content: {len(contents)}, not {len(styles)}")
        return [(content, [style]) for content, style in zip(contents, styles, strict=False)]
    return [(content, styles) for content in contents]


def _jobs(options, template, pairs):
    """The Jobs of (content, styles) pairs, with outputs named by a template."""
    digits = len(str(len(pairs)))
    return [_job(options, template, f"{number:0{digits}}", *pair) for number, pair in enumerate(pairs, start=1)]


def _job(options, template, number, content, styles):
    """The Job of a picture, with its output named by a template."""
    job = Job(content, styles, template, options.checkpoint_output, None, None, options.state, number=number)
    output = _fill(template, job.names)
    table = os.path.join(os.path.dirname(output), PROGRESS_TABLE) if options.progress_write else None
    plot = os.path.join(os.path.dirname(output), PROGRESS_PLOT) if options.progress_plot else None
    return job._replace(output=output, table=table, plot=plot)


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _fill(template, names):
    """Replace the placeholders of a template."""
    for field, name in names.items():
        template = template.replace(f"{{{field}}}", name)
    return template


def _check(options, jobs, mistakes):
    """Check a batch before its first picture."""
    for flag, facts in options.facts.items():
        if facts.for_one_picture and getattr(options, facts.name):
            mistakes.add_usage(f"{flag} is for a run that makes one picture, not {len(jobs)}")
    make_settings(options, jobs[0], mistakes)
    check_flags(options, jobs[0], mistakes)
    outputs = [job.output for job in jobs]
    twice = next((output for output, count in collections.Counter(outputs).items() if count > 1), None)
    absent = next((job.content for job in jobs if not os.path.lexists(job.content)), None)
    if twice and absent is not None:  # a name with spaces that is not in quotes, and no batch
        mistakes.add_file(f"cannot read {absent}: No such file or directory{unsupported.missing_file_hint(absent)}")
    elif twice:
        mistakes.add_usage(f"{twice} would be written twice; write --output as in {_unique(options.output, jobs)}")
    if options.checkpoint_output is not None and len({_fill(job.checkpoints, job.names) for job in jobs}) < len(jobs):
        example = _unique(options.checkpoint_output, jobs, "-{:05}")
        mistakes.add_usage(f"--checkpoint-output would be written twice; write it as in {example}")
    existing = [output for output in outputs if os.path.exists(output)]
    if existing and not (options.overwrite or options.skip_existing or options.resume):
        mistakes.add_file(f"{those_exist(existing)}; choose another name, or give --overwrite or --skip-existing")


def _is_directory(output):
    """Whether --output names a directory: one that exists, or by a separator at its end."""
    return output.endswith(("/", os.sep)) or (os.path.isdir(output) and not write.has_format(output))


def _unique(template, jobs, place="", names=NAMES):
    """A template like the given one by which all Jobs have different paths. place: that of the iteration."""
    directory, extension = os.path.dirname(template), os.path.splitext("x" + os.path.basename(template))[1]
    for name in names:
        if len({_fill(name, job.names) for job in jobs}) == len(jobs):
            break
    return os.path.join(directory or "out", f"{name}{place}{extension or '.jpg'}")


def those_exist(paths: list[str]) -> str:
    """The beginning of a sentence about files that exist."""
    return f"{paths[0]} and {len(paths) - 1} more exist" if len(paths) > 1 else f"{paths[0]} exists"
